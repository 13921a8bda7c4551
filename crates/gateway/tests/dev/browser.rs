//! As much of a browser as a sign-in needs: cookies, redirects, forms. All servers are on one host, so cookies have one jar.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::{Url, form_urlencoded};

/// Redirects that are followed before it counts as a loop.
const MAX_REDIRECTS: usize = 10;

/// A page, or the address of the client's callback that a redirect led to.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Page {
    /// A parameter of the page's address.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }
}

/// The browser of one person.
pub(crate) struct Browser {
    http: Client<HttpConnector, Full<Bytes>>,
    cookies: BTreeMap<String, String>,
    /// Redirects to addresses that begin with this are not followed: they belong to an MCP client.
    pub(crate) stop_at: Option<String>,
}

impl Default for Browser {
    fn default() -> Self {
        Self { http: Client::builder(TokioExecutor::new()).build_http(), cookies: BTreeMap::new(), stop_at: None }
    }
}

impl Browser {
    /// Opens an address and follows its redirects.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        self.go(Method::GET, Url::parse(url).unwrap(), String::new()).await
    }

    /// Sends the first form of a page with all of its hidden fields and the pressed button.
    pub(crate) async fn submit(&mut self, page: &Page, button: &[(&str, &str)]) -> Page {
        let form = after(&page.text, "<form").unwrap_or_else(|| panic!("no form at {} ({}): {}", page.url, page.status, page.text));
        let form = form.split("</form>").next().unwrap();
        let action = page.url.join(&unescape(attribute(form, "action").unwrap())).unwrap();
        let hidden = form.split("<input").skip(1).filter(|input| input.contains("hidden"));
        let fields: Vec<(String, String)> = hidden
            .map(|input| (attribute(input, "name").unwrap().to_owned(), unescape(attribute(input, "value").unwrap_or_default())))
            .collect();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).extend_pairs(button).finish();
        self.go(Method::POST, action, body).await
    }

    /// Takes a sign-in page of a development identity provider to its end: the click, and the forms that submit themselves.
    pub(crate) async fn sign_in_as(&mut self, page: Page, person: &str) -> Page {
        let mut page = self.submit(&page, &[("username", person)]).await;
        while page.text.contains("name=\"SAMLResponse\"") {
            page = self.submit(&page, &[]).await;
        }
        page
    }

    async fn go(&mut self, mut method: Method, mut url: Url, mut body: String) -> Page {
        for _ in 0..MAX_REDIRECTS {
            let (status, location, text) = self.send(&method, &url, &body).await;
            let location = location
                .or_else(|| after(&text, "http-equiv=\"refresh\" content=\"0;url=").and_then(|rest| rest.split('"').next()).map(unescape));
            // The style sheet of every page would bury the message of a failed assertion.
            let Some(location) = location else { return Page { url, status, text: without_style(&text) } };
            url = url.join(&location).unwrap();
            if self.stop_at.as_deref().is_some_and(|prefix| url.as_str().starts_with(prefix)) {
                return Page { url, status, text };
            }
            if status != StatusCode::TEMPORARY_REDIRECT && status != StatusCode::PERMANENT_REDIRECT {
                (method, body) = (Method::GET, String::new());
            }
        }
        panic!("redirected for ever, last to {url}");
    }

    async fn send(&mut self, method: &Method, url: &Url, body: &str) -> (StatusCode, Option<String>, String) {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(url.as_str()).header(header::ACCEPT, "text/html,*/*;q=0.8");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, url.origin().ascii_serialization());
        }
        let response = self.http.request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name)
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned())
            };
        }
        let location = response
            .headers()
            .get(header::LOCATION)
            .filter(|_| response.status().is_redirection())
            .map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, location, String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What follows the first `mark`.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// A page without its style sheet.
fn without_style(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<style>") else { return text.to_owned() };
    format!("{before}{}", after(rest, "</style>").unwrap_or_default())
}

/// The value of an attribute in double quotes.
fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    after(html, &format!("{name}=\""))?.split('"').next()
}

fn unescape(text: &str) -> String {
    [
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#62;", ">"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
