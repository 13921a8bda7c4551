//! Which of the usual causes fits, in words. Pure.

use jiff::Timestamp;

use crate::config::PublicUrl;

/// What the session cookie of the browser was good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// None came.
    Nothing {
        /// Its name.
        cookie: String,
    },
    /// Something came under its name that counts for nothing.
    Unreadable {
        /// Its name.
        cookie: String,
        /// How often it came.
        sent: usize,
    },
    /// Its session is over, or never was.
    Ended,
    /// Its session is of an IdP that the upstream does not take.
    OtherIdp {
        /// The upstream's id.
        upstream: String,
        /// The IdP of the session.
        held: String,
        /// The IdP that is asked now.
        asked: String,
    },
    /// Its session is not strong or recent enough.
    TooWeak,
    /// The program asks for a new sign-in each time.
    NotWanted,
    /// Its session would do.
    Usable,
}

/// What is known of the browser's request.
pub(super) struct Seen<'s> {
    pub(super) public_url: &'s PublicUrl,
    pub(super) host: Option<String>,
    /// `X-Forwarded-Proto`: believed for nothing but this text.
    pub(super) proxy_scheme: Option<String>,
    pub(super) held: Held,
    pub(super) now: Timestamp,
}

impl Seen<'_> {
    /// How the browser came, as far as it is known.
    pub(super) fn scheme(&self) -> String {
        let own = self.public_url.url().scheme();
        match &self.proxy_scheme {
            Some(said) => format!("{own} in public_url; the proxy in front says {said}"),
            None => format!("{own} in public_url; no proxy in front says another"),
        }
    }

    /// A sentence or two for each cause that fits; the address before the session, since it explains that.
    pub(super) fn causes(&self) -> Vec<String> {
        [self.other_host(), self.not_https(), self.session()].into_iter().flatten().collect()
    }

    fn other_host(&self) -> Option<String> {
        let own = self.public_url.url().authority();
        let host = self.host.as_deref().filter(|host| !host.eq_ignore_ascii_case(own))?;
        Some(format!(
            "Another host name: your browser is at “{host}”, but public_url has “{own}”. The cookies of one are not sent to the other. Use the address in public_url; if “{host}” is right, the Doorward administrator corrects public_url."
        ))
    }

    fn not_https(&self) -> Option<String> {
        let said = self.proxy_scheme.as_deref().filter(|said| self.public_url.is_https() && !said.eq_ignore_ascii_case("https"))?;
        Some(format!(
            "Not https: the proxy in front says that your browser came by “{said}”, but public_url is https. Cookies of https are not sent by http. Use https://; the administrator of the proxy sends http on to https."
        ))
    }

    fn session(&self) -> Option<String> {
        Some(match &self.held {
            Held::Nothing { cookie } => format!(
                "No session came back: the browser sent no cookie “{cookie}”. Either no sign-in has ended well yet (you came back from the identity provider without its answer), or the browser or an extension deletes or blocks that cookie: allow cookies for this site."
            ),
            Held::Unreadable { cookie, sent } => format!(
                "The session cookie cannot be read: “{cookie}” came {sent} times, or with a value that Doorward does not give. A neighbouring site or an old copy planted it: clear the cookies."
            ),
            Held::Ended => format!(
                "Your session has ended: its cookie came back, but it was signed out, was unused for too long, or the identity provider let it end. If it ends at once after each sign-in, a clock is wrong: compare the identity provider's with the one here, {}.",
                self.now
            ),
            Held::OtherIdp { upstream, held, asked } => format!(
                "Refused by the list of identity providers: you are signed in at “{held}”, but “{upstream}” does not take that one and asks “{asked}”. The Doorward administrator can allow it under upstreams.{upstream}.identity_providers."
            ),
            Held::TooWeak => "The sign-in you have is not strong or not recent enough for what you want to reach, and the identity provider does not make it so. The Doorward administrator compares step_up of that server with what the identity provider says (acr, auth_time).".to_owned(),
            Held::NotWanted => "The program that sent you here asks for a new sign-in each time (prompt=login, prompt=select_account or max_age=0), and comes back again and again: look into its log.".to_owned(),
            Held::Usable => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `public_url`, host, what the proxy says, what is held; how the causes begin.
    type Case = (&'static str, &'static str, Option<&'static str>, Held, &'static [&'static str]);

    fn causes(public_url: &str, host: &str, proxy_scheme: Option<&str>, held: Held) -> Vec<String> {
        let public_url = PublicUrl::parse(public_url).unwrap();
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        Seen { public_url: &public_url, host: Some(host.to_owned()), proxy_scheme: proxy_scheme.map(str::to_owned), held, now }.causes()
    }

    #[test]
    fn the_usual_causes() {
        let nothing = || Held::Nothing { cookie: "__Host-doorward-session".to_owned() };
        let unreadable = Held::Unreadable { cookie: "doorward-session".to_owned(), sent: 2 };
        let other = Held::OtherIdp { upstream: "crm".to_owned(), held: "okta".to_owned(), asked: "entra".to_owned() };
        let cases: [Case; 11] = [
            ("https://a.example", "a.example", None, nothing(), &["No session came back"]),
            ("https://a.example", "A.example", Some("HTTPS"), nothing(), &["No session came back"]),
            ("https://a.example", "b.example", None, nothing(), &["Another host name", "No session"]),
            ("https://a.example:8443", "a.example", None, Held::Usable, &["Another host name"]),
            ("https://a.example", "a.example", Some("http"), nothing(), &["Not https", "No session"]),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", Some("http"), unreadable, &["The session cookie cannot be read"]),
            ("https://a.example", "a.example", None, Held::Ended, &["Your session has ended"]),
            ("https://a.example", "a.example", None, other, &["Refused by the list of identity providers"]),
            ("https://a.example", "a.example", None, Held::TooWeak, &["The sign-in you have is not strong"]),
            ("https://a.example", "a.example", None, Held::NotWanted, &["The program that sent you here asks for a new sign-in"]),
            ("https://a.example", "a.example", None, Held::Usable, &[]),
        ];
        for (public_url, host, scheme, held, expected) in cases {
            let found = causes(public_url, host, scheme, held.clone());
            assert_eq!(found.len(), expected.len(), "{held:?}: {found:?}");
            assert!(found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected)), "{held:?}: {found:?}");
        }
        assert!(causes("https://a.example", "a.example", None, Held::Ended)[0].contains("2026-11-20T12:00:00Z"));
    }
}
