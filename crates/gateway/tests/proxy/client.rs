//! An HTTP client that sends exactly the bytes it is given.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::upstream::PATIENCE;

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `error.data.code` of a JSON-RPC error of Doorward's; empty if there is none.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["data"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// One open connection.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, request: &str) {
        self.socket.write_all(request.as_bytes()).await.unwrap();
    }

    /// Status line and headers of the next reply.
    pub(crate) async fn head(&mut self) -> String {
        self.read_until(b"\r\n\r\n").await
    }

    /// Everything up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &[u8]) -> String {
        let reading = async {
            loop {
                if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                    return String::from_utf8(self.buffer.drain(..at + end.len()).collect()).unwrap();
                }
                let read = self.socket.read_buf(&mut self.buffer).await.unwrap();
                assert!(read > 0, "closed before {:?}; so far {:?}", String::from_utf8_lossy(end), String::from_utf8_lossy(&self.buffer));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("nothing came in time")
    }

    /// The next chunk of a chunked body.
    pub(crate) async fn chunk(&mut self) -> String {
        let size = self.read_until(b"\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = self.exactly(size + 2).await;
        chunk.truncate(size);
        chunk
    }

    async fn exactly(&mut self, count: usize) -> String {
        while self.buffer.len() < count {
            assert!(self.socket.read_buf(&mut self.buffer).await.unwrap() > 0, "closed within a body");
        }
        String::from_utf8(self.buffer.drain(..count).collect()).unwrap()
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let mut reply = Reply { status, head, body: String::new() };
        if let Some(length) = reply.header("content-length") {
            reply.body = self.exactly(length.parse().unwrap()).await;
        } else if reply.header("transfer-encoding").is_some() {
            loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                reply.body.push_str(&chunk);
            }
        }
        reply
    }
}

/// Sends one request on a connection of its own and reads the whole reply.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Reply {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    tokio::time::timeout(PATIENCE, connection.reply()).await.expect("no reply in time")
}
