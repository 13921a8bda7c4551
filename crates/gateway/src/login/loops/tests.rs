use http::header::COOKIE;

use super::*;

#[test]
fn the_third_start_within_a_minute_is_refused() {
    let public_url = PublicUrl::parse("https://mcp.example.com").unwrap();
    let mut headers = HeaderMap::new();
    // (second, destination, allowed)
    let steps = [
        (0, "a", true),
        (5, "a", true),
        (6, "b", true),
        (10, "a", false),
        (59, "a", false),
        (61, "a", true),
        (62, "a", false),
        (66, "a", true),
    ];
    for (second, destination, allowed) in steps {
        let now = Timestamp::from_second(1_800_000_000 + second).unwrap();
        let outcome = count_start(&headers, &public_url, destination, now);
        assert_eq!(outcome.is_some(), allowed, "{second} {destination}");
        if let Some(cookie) = outcome {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            headers.insert(COOKIE, pair.parse().unwrap());
        }
    }
}

#[test]
fn a_forged_cookie_is_passed_over() {
    let public_url = PublicUrl::parse("https://mcp.example.com").unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    for value in ["", "x", "_", "a_b-c_d", "-----", "a_99999999999999999999"] {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("__Host-doorward-starts={value}").parse().unwrap());
        assert!(count_start(&headers, &public_url, "a", now).is_some(), "{value}");
    }
}
