use super::*;

const VALUE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

fn https() -> PublicUrl {
    PublicUrl::parse("https://mcp.example.com").unwrap()
}

#[test]
fn attributes() {
    let id: AuthorizationRequestId = "arq_0190a0b0c0d07000800012345678abcd".parse().unwrap();
    let value = Secret::new(VALUE.to_owned());
    let secure = Cookie::Transaction(id).set(&https(), &value, TRANSACTION_LIFETIME);
    assert_eq!(
        secure.to_str().unwrap(),
        format!("__Host-doorward-request-12345678abcd={VALUE}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")
    );
    let loopback = PublicUrl::parse("http://127.0.0.1:8080").unwrap();
    assert_eq!(Cookie::Session.clear(&loopback).to_str().unwrap(), "doorward-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

#[test]
fn only_one_whole_value_counts() {
    let name = "__Host-doorward-session";
    let cases = [
        (vec![format!("{name}={VALUE}")], true),
        (vec![format!("a=b; {name}={VALUE}; c=d")], true),
        (vec!["a=b".to_owned(), format!("{name}={VALUE}")], true),
        (vec![format!("{name}={VALUE}; {name}={VALUE}")], true),
        (vec![format!("{name}={VALUE}; {name}={OTHER}")], false),
        (vec![format!("{name}={VALUE}"), format!("{name}={OTHER}")], false),
        (vec![format!("doorward-session={VALUE}")], false),
        (vec![format!("a=b;  {name}={VALUE}")], false),
        (vec![format!("a=b;\t{name}={VALUE}")], false),
        (vec![format!("{name}=\"{VALUE}\"")], false),
        (vec![format!("{name}={VALUE} ")], false),
        (vec![format!("{name}={}", "A".repeat(42))], false),
        (vec![format!("{name}={VALUE}A")], false),
        (vec![format!("__host-doorward-session={VALUE}")], false),
        (vec![format!("$Version=1; {name}={VALUE}; $Path=/")], true),
        (vec![], false),
    ];
    for (lines, expected) in cases {
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        let token = Cookie::Session.token(&https(), &headers);
        assert_eq!(token.as_ref().map(|token| token.expose().as_str()), expected.then_some(VALUE), "{lines:?}");
    }
}

#[test]
fn only_our_own_cookies_are_taken_away() {
    let id: AuthorizationRequestId = "arq_0190a0b0c0d07000800012345678abcd".parse().unwrap();
    let mut headers = HeaderMap::new();
    let sent = "__Host-doorward-session=a; __Host-doorward-session=b; __Host-doorward-starts=c; app=d; doorward-session=e; \
                __Host-doorward-request-12345678abcd=f; __Host-doorward-request-aaaaaaaaaaaa=g; __Host-doorward-request-x y=h";
    headers.insert(header::COOKIE, sent.parse().unwrap());
    let cleared = clear_all_but(Cookie::Transaction(id), &https(), &headers);
    let names: Vec<&str> = cleared.iter().map(|value| value.to_str().unwrap().split('=').next().unwrap()).collect();
    assert_eq!(names, ["__Host-doorward-request-aaaaaaaaaaaa", "__Host-doorward-session", "__Host-doorward-starts"]);
    assert!(cleared.iter().all(|value| value.to_str().unwrap().contains("=; Path=/; Max-Age=0;")));
}
