//! Raw bytes over real sockets: deadlines, caps, refusals, and the shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::edge::Hosts;
use super::{Limits, Settings, serve};
use crate::request_id::RequestContext;

const HOST: &str = "mcp.example.com";
/// More than any deadline that a test sets, less than a person waits.
const SOON: Duration = Duration::from_secs(5);

struct Server {
    address: SocketAddr,
    handled: Arc<AtomicUsize>,
    release: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Tells when the reply of `/endless` is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// `/endless` never ends; `/stream` sends one byte and then waits until it is released; everything else answers with the size of the body.
async fn answer(request: Request<Incoming>, release: Arc<Notify>) -> Response<BoxBody<Bytes, Infallible>> {
    if request.uri().path() == "/endless" {
        let frames = futures_util::stream::unfold(Dropped(release), |dropped| async move {
            Some((Ok(Frame::data(Bytes::from(vec![b'x'; 65_536]))), dropped))
        });
        return Response::new(StreamBody::new(frames).boxed());
    }
    if request.uri().path() == "/stream" {
        let frames = futures_util::stream::unfold(0_u8, move |sent| {
            let release = Arc::clone(&release);
            async move {
                if sent == 1 {
                    release.notified().await;
                }
                (sent < 2).then(|| (Ok(Frame::data(Bytes::from_static(b"x"))), sent + 1))
            }
        });
        return Response::new(StreamBody::new(frames).boxed());
    }
    let Ok(body) = request.into_body().collect().await else {
        let mut response = Response::new(Full::new(Bytes::from_static(b"broken body")).boxed());
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        return response;
    };
    Response::new(Full::new(Bytes::from(format!("got {} bytes", body.to_bytes().len()))).boxed())
}

async fn start(limits: Limits) -> Server {
    start_with(limits, None).await
}

async fn start_with(limits: Limits, tls: Option<Arc<rustls::ServerConfig>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let (handled, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let hosts = Arc::new(Hosts::new(&[url::Url::parse("https://mcp.example.com").unwrap()]));
    let (counter, notify) = (Arc::clone(&handled), Arc::clone(&release));
    let service = move |request: Request<Incoming>, _: RequestContext| {
        counter.fetch_add(1, Ordering::SeqCst);
        answer(request, Arc::clone(&notify))
    };
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, Settings { tls, limits, hosts }, service, shutdown));
    Server { address, handled, release, stop: Some(stop), task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` and reads to the end of the connection.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        read_all(&mut socket).await
    }
}

async fn read_all(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    timeout(SOON, socket.read_to_end(&mut text)).await.expect("the server closes the connection").unwrap();
    String::from_utf8(text).unwrap()
}

/// Reads until `wanted` has arrived.
async fn read_until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(wanted) {
        let mut piece = [0; 1024];
        let count = timeout(SOON, socket.read(&mut piece)).await.expect("bytes arrive").unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(text).unwrap()
}

fn short() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(400),
        ..Limits::default()
    }
}

#[tokio::test]
async fn requests_are_answered_in_order_and_carry_an_id() {
    let server = start(Limits::default()).await;
    let one = format!("POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n\r\nabc");
    let two = format!("POST /b HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    let text = server.exchange(format!("{one}{two}").as_bytes()).await;
    let (first, second) = (text.find("got 3 bytes").unwrap(), text.find("got 2 bytes").unwrap());
    assert!(first < second);
    assert_eq!(text.matches("x-request-id: req_").count(), 2);
}

#[tokio::test]
async fn refused_requests_never_reach_the_handler() {
    let server = start(Limits::default()).await;
    let cases = [
        ("GET / HTTP/1.1\nHost: mcp.example.com\n\n", "400", "edge.header_line"),
        ("GET /a#/public HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n", "400", "edge.target_malformed"),
        ("GET / HTTP/1.1\r\n\r\n", "400", "edge.host_count"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421", "edge.host_unknown"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n", "400", "edge.authority_mismatch"),
        ("GET //mcp HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n", "400", "edge.path_ambiguous"),
        ("TRACE / HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n", "405", "edge.method_refused"),
        ("CONNECT mcp.example.com:443 HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n", "405", "edge.method_refused"),
        ("GET / HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 4\r\n\r\nbody", "400", "edge.unexpected_body"),
        ("POST / HTTP/1.1\r\nHost: mcp.example.com\r\nExpect: x\r\nContent-Length: 0\r\n\r\n", "417", "edge.expectation"),
        (
            "GET / HTTP/1.1\r\nHost: mcp.example.com\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n",
            "400",
            "edge.upgrade",
        ),
        (
            "POST / HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n",
            "400",
            "edge.body_length",
        ),
    ];
    for (request, status, code) in cases {
        let reply = server.exchange(request.as_bytes()).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")) && reply.contains(code), "{request:?}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{request:?}: {reply}");
    }
    assert_eq!(server.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_request_does_not_take_back_the_reply_before_it() {
    let server = start(Limits::default()).await;
    let text = server
        .exchange(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\nHost: {HOST}\n\n").as_bytes())
        .await;
    assert!(text.contains("got 1 bytes") && text.contains("edge.header_line"), "{text}");
    assert_eq!(server.handled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_broken_chunk_breaks_the_body() {
    let server = start(Limits::default()).await;
    let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
    for body in ["3;x\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"] {
        let reply = server.exchange(format!("{head}{body}").as_bytes()).await;
        assert!(!reply.contains("got "), "{body:?}: {reply}");
    }
}

#[tokio::test]
async fn slow_clients_are_closed() {
    let server = start(short()).await;
    let silent = server.exchange(b"").await;
    assert_eq!(silent, "");
    let header = server.exchange(b"GET / HTTP/1.1\r\nHost: mcp.exa").await;
    assert!(header.starts_with("HTTP/1.1 408 ") && header.contains("edge.header_timeout"), "{header}");
    let body = server.exchange(b"POST / HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(!body.contains("got "), "{body}");
    let idle = server.exchange(b"GET / HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n").await;
    assert!(idle.contains("got 0 bytes"), "{idle}");
}

/// The end of a socket is ready to be read for ever: asking on would keep a core busy until the deadline.
#[tokio::test]
async fn a_first_letter_and_then_the_end_closes_at_once() {
    let server = start(Limits { header_timeout: SOON * 10, ..Limits::default() }).await;
    for start in ["P", "PRI * HTTP/2.0\r\n", "GE"] {
        let mut socket = server.connect().await;
        socket.write_all(start.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        read_all(&mut socket).await;
    }
}

#[tokio::test]
async fn an_open_stream_is_not_idle() {
    let server = start(short()).await;
    let mut socket = server.connect().await;
    socket.write_all(format!("GET /stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    read_until(&mut socket, "x\r\n").await;
    assert!(timeout(Duration::from_millis(900), socket.read_u8()).await.is_err(), "nothing arrives, and the connection stays");
    server.release.notify_one();
    read_until(&mut socket, "0\r\n\r\n").await;
}

#[tokio::test]
async fn the_cap_per_address_closes_the_next_connection() {
    let server = start(Limits { connections_per_address: 2, ..Limits::default() }).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = server.connect().await;
        socket.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut socket, "got 0 bytes").await;
        held.push(socket);
    }
    let mut third = server.connect().await;
    let mut byte = [0; 1];
    assert!(matches!(timeout(SOON, third.read(&mut byte)).await.unwrap(), Ok(0) | Err(_)));
}

#[tokio::test]
async fn the_shutdown_lets_streams_end_and_then_ends_them() {
    for released in [true, false] {
        let mut server = start(Limits { drain_timeout: Duration::from_millis(300), ..Limits::default() }).await;
        let mut socket = server.connect().await;
        socket.write_all(format!("GET /stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        read_until(&mut socket, "x\r\n").await;
        drop(server.stop.take());
        if released {
            server.release.notify_one();
            read_until(&mut socket, "0\r\n\r\n").await;
        }
        timeout(SOON, server.task).await.expect("the listener ends").unwrap();
        assert!(TcpStream::connect(server.address).await.is_err(), "the port is closed");
    }
}

#[tokio::test]
async fn http2_without_tls_is_served_and_checked() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let server = start(Limits::default()).await;
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(server.connect().await)).await.unwrap();
    tokio::spawn(connection);
    for (host, status) in [(HOST, 200), ("evil.example", 421)] {
        let request = Request::get(format!("http://{host}/a")).body(Full::new(Bytes::new())).unwrap();
        assert_eq!(client.send_request(request).await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn http2_has_the_same_number_of_header_lines() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let server = start(Limits { headers: 10, ..Limits::default() }).await;
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(server.connect().await)).await.unwrap();
    tokio::spawn(connection);
    for (count, status) in [(10, 200), (11, 431)] {
        // RFC 9113 section 8.2.3: a browser sends each cookie in a line of its own, and means one.
        let mut request = Request::get(format!("http://{HOST}/a")).header("cookie", "a=1").header("cookie", "b=2");
        for _ in 1..count {
            request = request.header("x-line", "1");
        }
        let reply = client.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.unwrap();
        assert_eq!(reply.status(), status);
    }
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_closed() {
    let server = start(Limits { write_timeout: Duration::from_millis(200), ..Limits::default() }).await;
    let mut socket = server.connect().await;
    socket.write_all(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    timeout(SOON, server.release.notified()).await.expect("the reply is dropped while the client still holds the connection");
    drop(socket);
}

#[tokio::test]
async fn tls_offers_both_protocols() {
    super::tls::install_provider();
    let own = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let config = super::tls::from_pem(own.cert.pem().as_bytes(), own.signing_key.serialize_pem().as_bytes()).unwrap();
    let server = start_with(short(), Some(config)).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    for protocol in [&b"http/1.1"[..], b"h2"] {
        let mut client = rustls::ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
        client.alpn_protocols = vec![protocol.to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = rustls::pki_types::ServerName::try_from(HOST).unwrap();
        let stream = connector.connect(name, server.connect().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        let io = hyper_util::rt::TokioIo::new(stream);
        let request = Request::get(format!("https://{HOST}/a")).header("host", HOST).body(Full::new(Bytes::new())).unwrap();
        let status = if protocol == b"h2" {
            let (mut sender, connection) = hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap().status()
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            let request = Request::get("/a").header("host", HOST).body(Full::new(Bytes::new())).unwrap();
            sender.send_request(request).await.unwrap().status()
        };
        assert_eq!(status, 200);
    }
    let silent = server.exchange(b"").await;
    assert_eq!(silent, "", "a handshake that never begins is closed");
}
