//! Where a browser sign-in ends: a path of ours, from a short list, never an address.

use super::error::LoginError;

/// Pages that a sign-in may return to: exactly these, or anything below those that end with a slash.
const PAGES: [&str; 2] = ["/", "/ui/"];

/// Reads the `return` parameter; absent means the start page.
pub(super) fn parse(value: Option<&str>) -> Result<&str, LoginError> {
    let path = value.unwrap_or("/");
    let plain =
        path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~'));
    let known = path == "/" || PAGES.iter().any(|page| *page != "/" && path.starts_with(page));
    let segments = path.split('/').skip(1).collect::<Vec<_>>();
    let inner = segments.len().saturating_sub(1);
    let walks = segments.iter().enumerate().any(|(place, segment)| matches!(*segment, "." | "..") || (segment.is_empty() && place < inner));
    if plain && known && !walks { Ok(path) } else { Err(LoginError::ReturnPathRefused) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_our_own_pages() {
        for good in ["/", "/ui/", "/ui/people", "/ui/people/usr_1"] {
            assert_eq!(parse(Some(good)).unwrap(), good);
        }
        assert_eq!(parse(None).unwrap(), "/");
        let long = format!("/ui/{}", "a".repeat(600));
        let bad = [
            "",
            "//evil",
            "/\\evil",
            "\\\\evil",
            "https:evil",
            "https://evil.example",
            "/%09/evil",
            ".evil",
            "@evil",
            "/ui//evil",
            "/ui/../x",
            "/ui/./x",
            "/ui/%2e%2e/x",
            "/\r\nLocation:x",
            "/ui/x\u{9}",
            "/ui",
            "/uix",
            "/oauth/authorize",
            "/login?req=x",
            "javascript:alert(1)",
            "/ui/a?b",
            "/ui/a#b",
            " /",
            long.as_str(),
        ];
        for value in bad {
            assert_eq!(parse(Some(value)).unwrap_err().code(), "login.return_path_refused", "{value:?}");
        }
    }
}
