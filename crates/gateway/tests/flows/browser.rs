//! A browser, as far as sign-ins go: cookies with SameSite and the `__Host-` rule, Fetch Metadata, redirects, forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use bytes::Bytes;
use gateway::outbound::{FetchRequest, Outbound};
use gateway::request_id::RequestContext;
use http::{HeaderMap, Method, StatusCode};
use tower::ServiceExt as _;
use url::Url;

/// What a navigation ended at.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

/// A form of a page.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: Url,
    pub(crate) fields: Vec<(String, String)>,
    /// Name, value, label.
    pub(crate) buttons: Vec<(String, String, String)>,
}

/// Who began a navigation.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum From<'a> {
    /// The person, or a program on this computer.
    Person,
    /// A page.
    Site(&'a Url),
}

pub(crate) struct Browser {
    doorward: axum::Router,
    origin: String,
    outbound: Outbound,
    /// Cookies of Doorward, by name. The identity providers of the tests set none.
    pub(crate) cookies: BTreeMap<String, String>,
    /// Every page of Doorward that was shown.
    pub(crate) shown: Vec<Page>,
}

impl Browser {
    pub(crate) fn new(doorward: axum::Router, public_url: &str) -> Self {
        Self { doorward, origin: public_url.to_owned(), outbound: Outbound::new().unwrap(), cookies: BTreeMap::new(), shown: Vec::new() }
    }

    /// Opens an address as the person would: typed, or by a program.
    pub(crate) async fn open(&mut self, address: &str) -> Page {
        let url = self.url(address);
        self.navigate(Method::GET, url, String::new(), From::Person).await
    }

    /// Opens an address from a page of `site`.
    pub(crate) async fn open_from(&mut self, site: &str, address: &str) -> Page {
        let (site, url) = (Url::parse(site).unwrap(), self.url(address));
        self.navigate(Method::GET, url, String::new(), From::Site(&site)).await
    }

    /// Submits a form of `page`, by the button with this value if one is named.
    pub(crate) async fn submit(&mut self, page: &Page, form: &Form, button: Option<&str>) -> Page {
        let mut fields = form.fields.clone();
        if let Some(value) = button {
            let (name, value, _) = form.buttons.iter().find(|(_, own, _)| own == value).expect("the button is there");
            fields.push((name.clone(), value.clone()));
        }
        let borrowed: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&form.action, &borrowed, From::Site(&page.url)).await
    }

    /// Posts fields, from wherever.
    pub(crate) async fn post(&mut self, url: &Url, fields: &[(&str, &str)], from: From<'_>) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.navigate(Method::POST, url.clone(), body, from).await
    }

    /// Follows redirects until a page is there, or an address that nobody here serves.
    async fn navigate(&mut self, mut method: Method, mut url: Url, mut body: String, from: From<'_>) -> Page {
        let mut site = match from {
            From::Person => "none",
            From::Site(page) if page.origin() == url.origin() => "same-origin",
            From::Site(_) => "cross-site",
        };
        for _ in 0..20 {
            let page = if self.is_doorward(&url) {
                self.ask_doorward(&method, &url, &body, site).await
            } else {
                self.ask_idp(&method, &url, &body).await
            };
            let Some(page) = page else { return Page { url, status: StatusCode::OK, headers: HeaderMap::new(), html: String::new() } };
            let Some(location) = page.headers.get("location").filter(|_| page.status.is_redirection()) else {
                if self.is_doorward(&page.url)
                    && page.headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().starts_with("text/html"))
                {
                    self.shown.push(page.clone());
                }
                return page;
            };
            let next = url.join(location.to_str().unwrap()).unwrap();
            // Fetch Metadata section 2.3: one hop to another site spoils the whole chain; the person's own navigation stays theirs.
            if site == "same-origin" && next.origin() != url.origin() {
                site = "cross-site";
            }
            (method, url, body) = (Method::GET, next, String::new());
        }
        panic!("more than 20 redirects, last {url}");
    }

    async fn ask_doorward(&mut self, method: &Method, url: &Url, body: &str, site: &str) -> Option<Page> {
        let path = url.path().to_owned() + &url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("host", url.host_str().unwrap())
            .header("sec-fetch-site", site)
            .header("accept", "text/html,*/*;q=0.8");
        // SameSite=Lax: a form of another site carries no cookies.
        if method == Method::GET || site != "cross-site" {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !cookies.is_empty() {
                request = request.header("cookie", cookies.join("; "));
            }
        }
        if method == Method::POST {
            request = request.header("content-type", "application/x-www-form-urlencoded").header("origin", "null");
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        let context = RequestContext::new(SocketAddr::from(([127, 0, 0, 1], 40000)), request.headers());
        request.extensions_mut().insert(context);
        let response = self.doorward.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            self.store(cookie.to_str().unwrap());
        }
        let (head, body) = response.into_parts();
        let html = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Some(Page { url: url.clone(), status: head.status, headers: head.headers, html })
    }

    async fn ask_idp(&self, method: &Method, url: &Url, body: &str) -> Option<Page> {
        let mut fetch = if method == Method::POST {
            FetchRequest::post(url.clone(), Bytes::from(body.to_owned()))
        } else {
            FetchRequest::get(url.clone())
        };
        fetch.headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let fetched = self.outbound.fetch(fetch).await.ok()?;
        let html = String::from_utf8_lossy(&fetched.body).into_owned();
        Some(Page { url: url.clone(), status: fetched.status, headers: fetched.headers, html })
    }

    /// RFC 6265bis sections 5.6 and 5.7, as far as they can go wrong here.
    fn store(&mut self, line: &str) {
        let (pair, attributes) = line.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
            assert!(attributes.split(';').any(|own| own.trim() == attribute), "{attribute} is missing: {line}");
        }
        assert!(name.starts_with("__Host-") && !attributes.contains("Domain"), "{line}");
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    pub(crate) fn url(&self, address: &str) -> Url {
        Url::parse(&self.origin).unwrap().join(address).unwrap()
    }

    fn is_doorward(&self, url: &Url) -> bool {
        url.origin() == Url::parse(&self.origin).unwrap().origin()
    }

    /// The value of the one cookie whose name holds `part`.
    pub(crate) fn cookie(&self, part: &str) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.contains(part)).map(|(_, value)| value.as_str())
    }
}

impl Page {
    /// The page without its tags and styles, for messages.
    pub(crate) fn text(&self) -> String {
        let body = self.html.split("</style>").last().unwrap_or_default();
        let text: String = body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        format!("{} {}", self.status, text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The forms of the page. The pages are ours and the development IdPs', so this reads what they write and no more.
    pub(crate) fn forms(&self) -> Vec<Form> {
        self.html.split("<form").skip(1).map(|rest| self.form(rest.split("</form>").next().unwrap())).collect()
    }

    /// The only form of the page.
    pub(crate) fn only_form(&self) -> Form {
        let mut forms = self.forms();
        assert_eq!(forms.len(), 1, "{} {}", self.status, self.html);
        forms.remove(0)
    }

    fn form(&self, text: &str) -> Form {
        let action = attribute(text, "action").unwrap_or_default();
        let fields =
            text.split("<input").skip(1).filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?))).collect();
        let buttons = text.split("<button").skip(1).filter_map(|button| {
            let label = button.split_once('>')?.1.split('<').next()?.to_owned();
            Some((attribute(button, "name")?, attribute(button, "value")?, label))
        });
        Form { action: self.url.join(&action).unwrap(), fields, buttons: buttons.collect() }
    }

    /// Where a page that only leads on leads to.
    pub(crate) fn refresh(&self) -> Option<String> {
        let rest = self.html.split("<meta http-equiv=\"refresh\" content=\"0;url=").nth(1)?;
        Some(unescape(rest.split('"').next()?))
    }

    /// The stable code on an error page.
    pub(crate) fn code(&self) -> Option<String> {
        let rest = self.html.split("<dt>Code</dt><dd><code class=\"pick\">").nth(1)?;
        Some(rest.split('<').next()?.to_owned())
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let head = tag.split('>').next()?;
    let rest = head.split(&format!(" {name}=\"")).nth(1)?;
    Some(unescape(rest.split('"').next()?))
}

fn unescape(text: &str) -> String {
    [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
