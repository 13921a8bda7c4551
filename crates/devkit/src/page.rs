//! The few pages of the development identity providers. Plain on purpose: nobody shall take them for a product.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::people::{PEOPLE, Person};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;color:#1d2430;background:#f6f7f9}\
h1{font-size:1.4rem}p.note{color:#5b6472;font-size:.9rem}\
button{display:block;width:100%;text-align:left;font:inherit;padding:.8rem 1rem;margin:.6rem 0;border:1px solid #c9d0da;border-radius:8px;background:#fff;cursor:pointer}\
button:hover,button:focus{border-color:#2457c5;outline:2px solid #2457c5}button small{display:block;color:#5b6472}";

/// Makes text safe inside of HTML text and double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Hidden inputs for the fields of a form.
fn hidden(fields: &[(&str, &str)]) -> String {
    fields.iter().fold(String::new(), |html, (name, value)| {
        html + "<input type=\"hidden\" name=\"" + &escape(name) + "\" value=\"" + &escape(value) + "\">"
    })
}

/// One button for each person.
fn buttons() -> String {
    PEOPLE.iter().fold(String::new(), |html, person| {
        let Person { username, name, about, .. } = person;
        html + &format!("<button name=\"username\" value=\"{username}\">{name} ({username})<small>{}</small></button>", escape(about))
    })
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
}

/// The sign-in page: one button for each person, all of them post `fields` and the username to `action`.
pub(crate) fn sign_in(idp: &str, action: &str, fields: &[(&str, &str)]) -> Response {
    let body = format!(
        "<h1>Who are you today?</h1><form method=\"post\" action=\"{}\">{}{}</form>\
         <p class=\"note\">{}. It asks for no password and listens on this machine only.</p>",
        escape(action),
        hidden(fields),
        buttons(),
        escape(idp),
    );
    html(StatusCode::OK, document("Development sign-in", &body))
}

/// The page that ends somebody's session: one button for each person.
pub(crate) fn sign_out(idp: &str, action: &str) -> Response {
    let body = format!(
        "<h1>Whose last session ends?</h1><form method=\"post\" action=\"{}\">{}</form><p class=\"note\">{}. The applications are told.</p>",
        escape(action),
        buttons(),
        escape(idp),
    );
    html(StatusCode::OK, document("Development sign-out", &body))
}

/// A page that posts `fields` to `action` by itself.
pub(crate) fn auto_post(action: &str, fields: &[(&str, &str)]) -> Response {
    let body = format!(
        "<form method=\"post\" action=\"{}\">{}<noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>",
        escape(action),
        hidden(fields)
    );
    html(StatusCode::OK, document("Signing in", &body))
}

/// A page that says why a request is refused.
pub(crate) fn refused(reason: &str) -> Response {
    html(StatusCode::BAD_REQUEST, document("Request refused", &format!("<h1>Request refused</h1><p>{}</p>", escape(reason))))
}

/// A page with one sentence.
pub(crate) fn notice(text: &str) -> Response {
    html(StatusCode::OK, document("Development sign-in", &format!("<p>{}</p>", escape(text))))
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, Html(text)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    }
}
