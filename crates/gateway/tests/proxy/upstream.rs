//! An MCP server that records every byte of what it receives, and answers what a test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn method(&self) -> String {
        serde_json::from_str::<Value>(&self.body).map_or(String::new(), |body| body["method"].as_str().unwrap_or_default().to_owned())
    }

    /// All values of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
    }
}

/// What to do with a request.
pub(crate) enum Answer {
    /// These bytes, then the next request.
    Bytes(String),
    /// This head, then whatever comes out of the channel, then the end of the connection.
    Stream(String, mpsc::UnboundedReceiver<String>),
    /// Nothing, until the other side closes.
    Silence,
    /// The end of the connection at once.
    Close,
}

type Responder = dyn Fn(&Received) -> Answer + Send + Sync;

#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    responder: Arc<Mutex<Arc<Responder>>>,
    /// How many connections the other side has closed while an answer was under way.
    cut: Arc<Mutex<usize>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let responder: Arc<Responder> = Arc::new(mcp_server);
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            responder: Arc::new(Mutex::new(responder)),
            cut: Arc::default(),
        };
        let accepting = upstream.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(socket));
            }
        });
        upstream
    }

    pub(crate) fn answers(&self, responder: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.responder.lock().unwrap() = Arc::new(responder);
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn cut(&self) -> usize {
        *self.cut.lock().unwrap()
    }

    async fn serve(self, mut socket: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut socket, &mut buffer).await {
            self.received.lock().unwrap().push(request.clone());
            let responder = Arc::clone(&self.responder.lock().unwrap());
            match responder(&request) {
                Answer::Bytes(bytes) => socket.write_all(bytes.as_bytes()).await.unwrap(),
                Answer::Close => return,
                Answer::Silence => {
                    let mut byte = [0];
                    let closed = socket.read(&mut byte).await;
                    assert!(matches!(closed, Ok(0) | Err(_)), "bytes after a request that was not answered");
                    *self.cut.lock().unwrap() += 1;
                    return;
                }
                Answer::Stream(head, chunks) => return self.stream(socket, head, chunks).await,
            }
        }
    }

    async fn stream(self, mut socket: TcpStream, head: String, mut chunks: mpsc::UnboundedReceiver<String>) {
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut byte = [0];
        loop {
            tokio::select! {
                chunk = chunks.recv() => {
                    let framed = chunk.as_ref().map_or("0\r\n\r\n".to_owned(), |chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
                    let written = socket.write_all(framed.as_bytes()).await.is_ok();
                    if chunk.is_none() {
                        return;
                    }
                    if !written {
                        *self.cut.lock().unwrap() += 1;
                        return;
                    }
                }
                closed = socket.read(&mut byte) => {
                    assert!(matches!(closed, Ok(0) | Err(_)));
                    *self.cut.lock().unwrap() += 1;
                    return;
                }
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let received = Received { head, body: String::new() };
            let length = received.header("content-length").first().map_or(0, |length| length.parse::<usize>().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8(buffer[end + 4..end + 4 + length].to_vec()).unwrap();
                buffer.drain(..end + 4 + length);
                return Some(Received { body, ..received });
            }
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A response with a JSON body.
pub(crate) fn json(body: &Value) -> Answer {
    Answer::Bytes(reply("200 OK", "Content-Type: application/json\r\n", &body.to_string()))
}

pub(crate) fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The head of an event stream, and where to put its chunks.
pub(crate) fn event_stream() -> (Answer, mpsc::UnboundedSender<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    (Answer::Stream(head, receiver), sender)
}

pub(crate) const TOOLS: [(&str, Option<bool>); 5] = [
    ("read_customer", Some(true)),
    ("update_customer", Some(false)),
    ("delete_customer", None),
    ("search", Some(true)),
    ("secret_plan", Some(true)),
];

/// A small server of both eras: five tools, two resources, two prompts.
pub(crate) fn mcp_server(request: &Received) -> Answer {
    if !request.head.starts_with("POST") {
        return Answer::Bytes(reply("405 Method Not Allowed", "Content-Type: text/plain\r\n", "no"));
    }
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let Some(id) = body.get("id") else { return Answer::Bytes("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()) };
    let result = match body["method"].as_str().unwrap_or_default() {
        "initialize" => {
            let result =
                json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "recorder", "version": "1" } });
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            let session = format!("Content-Type: application/json\r\nMcp-Session-Id: session-{}\r\n", id.as_u64().unwrap_or(0));
            return Answer::Bytes(reply("200 OK", &session, &body));
        }
        "tools/list" => json!({ "tools": tools(), "nextCursor": null, "x-vendor": 1 }),
        "resources/list" => json!({ "resources": [{ "uri": "docs://a", "name": "a" }, { "uri": "secret://b", "name": "b" }] }),
        "prompts/list" => json!({ "prompts": [{ "name": "greet" }, { "name": "secret" }] }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": body["params"]["name"] }] }),
        _ => json!({}),
    };
    json(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

pub(crate) fn tools() -> Vec<Value> {
    let tool = |(name, read_only): &(&str, Option<bool>)| json!({ "name": name, "inputSchema": { "type": "object", "x-mcp-header": "X" }, "annotations": read_only.map(|hint| json!({ "readOnlyHint": hint })) });
    TOOLS.iter().map(tool).collect()
}

/// Long enough for what must happen, for what must not happen a moment is waited.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
