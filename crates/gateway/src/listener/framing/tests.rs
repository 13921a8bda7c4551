use bytes::BytesMut;

use super::{Framing, Phase};
use crate::listener::edge::EdgeError;

/// Feeds `received` in pieces of `piece` bytes; what was passed, and the fault if there is one.
fn scan(received: &[u8], piece: usize) -> (Vec<u8>, Option<EdgeError>, Phase) {
    let mut framing = Framing::new(512, 5);
    let (mut input, mut passed) = (BytesMut::new(), BytesMut::new());
    for part in received.chunks(piece) {
        input.extend_from_slice(part);
        if let Err(error) = framing.advance(&mut input, &mut passed) {
            return (passed.to_vec(), Some(error), framing.phase(&input));
        }
    }
    (passed.to_vec(), None, framing.phase(&input))
}

#[test]
fn sound_requests_pass_byte_for_byte_in_any_pieces() {
    let cases: [(&str, Phase); 9] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Phase::Between),
        ("GET / HTTP/1.0\r\n\r\n", Phase::Between),
        ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab\r\nc", Phase::Between),
        ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc", Phase::Body),
        ("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", Phase::Between),
        ("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab", Phase::Body),
        ("GET / HTTP/1.1\r\nA: 1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n", Phase::Between),
        ("GET / HTTP/1.1\r\nA:\t x \r\nB:\r\n\r\n", Phase::Between),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Phase::Between),
    ];
    for (text, phase) in cases {
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(scan(text.as_bytes(), piece), (text.as_bytes().to_vec(), None, phase), "{text:?} in {piece}");
        }
    }
}

#[test]
fn a_header_is_passed_only_when_it_is_whole() {
    assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n", 4), (Vec::new(), None, Phase::Head));
}

#[test]
fn what_has_two_readings_never_passes() {
    let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(600));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: 1\r\n".repeat(6));
    let cases: [(&str, EdgeError); 36] = [
        ("GET / HTTP/1.1\nHost: a\n\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\n A: b\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\n: b\r\n\r\n", EdgeError::HeaderLine),
        ("\r\nGET / HTTP/1.1\r\n\r\n", EdgeError::RequestLine),
        ("GET  / HTTP/1.1\r\n\r\n", EdgeError::RequestLine),
        ("GET / HTTP/1.1 \r\n\r\n", EdgeError::RequestLine),
        ("GET / HTTP/2.0\r\n\r\n", EdgeError::RequestLine),
        ("GET / http/1.1\r\n\r\n", EdgeError::RequestLine),
        ("GET /\r\n\r\n", EdgeError::RequestLine),
        ("G@T / HTTP/1.1\r\n\r\n", EdgeError::RequestLine),
        ("GET /a#/public HTTP/1.1\r\n\r\n", EdgeError::TargetMalformed),
        ("GET /\u{e4} HTTP/1.1\r\n\r\n", EdgeError::TargetMalformed),
        ("GET /\t HTTP/1.1\r\n\r\n", EdgeError::TargetMalformed),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", EdgeError::BodyLength),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", EdgeError::TransferEncoding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", EdgeError::TransferEncoding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", EdgeError::HeaderLine),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", EdgeError::TransferEncoding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", EdgeError::TransferEncoding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", EdgeError::TransferEncoding),
        (&long, EdgeError::HeaderTooLarge),
        (&many, EdgeError::HeaderTooLarge),
        ("\x16\x03\x01\x02\0\x01", EdgeError::HeaderLine),
        ("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\n\n", EdgeError::HeaderLine),
    ];
    for (text, expected) in cases {
        for piece in [1, 1000] {
            let (passed, error, _) = scan(text.as_bytes(), piece);
            assert_eq!(error, Some(expected), "{text:?}");
            assert!(passed.is_empty() || passed == b"GET / HTTP/1.1\r\n\r\n", "{text:?}");
        }
    }
}

#[test]
fn chunks_are_bare_sizes_without_extensions_or_trailers() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bodies = [
        "3;a=b\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "+3\r\nabc\r\n",
        "3\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n",
        "\r\n",
        "g\r\n",
        "0\r\nX: y\r\n\r\n",
        "0\r\n\n",
        "1000000000000000\r\n",
    ];
    for body in bodies {
        for piece in [1, 1000] {
            assert_eq!(scan(format!("{head}{body}").as_bytes(), piece).1, Some(EdgeError::Chunk), "{body:?}");
        }
    }
}
