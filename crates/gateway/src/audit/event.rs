//! What is recorded. An event has names and identifiers, never the value of an argument, a token or a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::request_id::RequestContext;

/// Longest text of a field, in characters; what is longer is cut and ends in `…`.
const MAX_TEXT: usize = 512;
/// Most entries of a list or map; how many were left out stands in `detail`.
const MAX_ENTRIES: usize = 256;
/// The same for argument names, which are the caller's own invention.
const MAX_ARGUMENT_NAME: usize = 128;
const MAX_ARGUMENT_NAMES: usize = 64;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person signed in.
    SignIn,
    /// A sign-in was refused.
    SignInRefused,
    /// An administrator tried a sign-in: nobody was signed in by it.
    SignInTested,
    /// A failing sign-in was kept for an administrator who waited for it.
    SignInCaptured,
    /// A person signed out, or their identity provider ended their session.
    SignOut,
    /// A message of an identity provider that was to sign somebody out was refused.
    SignOutRefused,
    /// A person allowed a client.
    Consent,
    /// A person refused a client.
    ConsentRefused,
    /// A client registered itself.
    ClientRegistered,
    /// Tokens were issued for a code.
    TokenIssued,
    /// Tokens were issued for a refresh token.
    TokenRefreshed,
    /// A token request was refused.
    TokenRefused,
    /// A grant was revoked.
    TokenRevoked,
    /// The identity provider gave a person other groups, outside of a sign-in.
    GroupsChanged,
    /// The identity provider, asked again, ended a sign-in and all that was allowed in it.
    IdpSessionEnded,
    /// A person signed in for the first time.
    UserCreated,
    /// A call was decided on: written before it is forwarded.
    Call,
    /// How a permitted call ended; `call` names its event.
    CallOutcome,
    /// An administrator ended a browser session.
    SessionEnded,
    /// An administrator said that two identities are one person; `detail` names the first one.
    UserLinked,
    /// An administrator took that back.
    UserUnlinked,
    /// An administrator shut a person out.
    UserDisabled,
    /// An administrator let a person in again.
    UserEnabled,
    /// An administrator asked for something over the admin socket: written before it is done.
    AdminAct,
    /// What an administrator asked for was not done; `call` names the event of the request.
    AdminActFailed,
    /// A configuration took effect.
    ConfigLoaded,
    /// A changed configuration took effect without a restart.
    ConfigReloaded,
    /// A changed configuration has problems: the one before stays.
    ConfigReloadRefused,
    /// Any other request was refused.
    Refused,
    /// Refusals of one source within a minute that were too many to be recorded one by one; `detail` counts them by code.
    RefusalsSummed,
    /// The metadata of an identity provider cannot be loaded or refreshed; `detail` says what is in use meanwhile.
    IdpMetadataFailing,
    /// It can again.
    IdpMetadataRecovered,
    /// The keys of the SAML service provider were changed over the admin socket.
    SamlKeyChanged,
    /// An identity provider signs with a certificate past its dates.
    IdpCertificateExpired,
    /// The journal was opened: calls before this line that have no outcome were cut off by a stop or a crash.
    JournalOpened,
    /// The journal can be written again after a failure.
    JournalRecovered,
}

/// What policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may.
    Permit,
    /// It may not.
    Deny,
}

/// How a permitted call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The upstream answered with a result.
    Success,
    /// The tool ran and reported an error (`isError`).
    ToolError,
    /// The upstream answered with a JSON-RPC or HTTP error.
    UpstreamError,
    /// The upstream could not be reached, or what it sent is not an answer.
    UpstreamFailed,
    /// The upstream did not answer in time.
    TimedOut,
    /// The client went away or cancelled.
    Cancelled,
    /// Doorward refused after the decision.
    Refused,
}

/// The person, as they were at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `usr_…`, which never changes.
    pub user_id: String,
    /// The identity provider's id in the configuration.
    pub idp: String,
    /// What the identity provider calls the person: NameID or `sub`.
    pub subject: String,
    /// The name people type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `user_id` of the person's first identity, where an administrator linked this one to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_to: Option<String>,
}

impl From<&store::User> for Person {
    fn from(user: &store::User) -> Self {
        Self {
            user_id: user.id.to_string(),
            idp: user.idp.clone(),
            subject: user.subject.clone(),
            username: user.username.clone(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            linked_to: user.linked_to.map(|id| id.to_string()),
        }
    }
}

/// The MCP client. The name is what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// Its self-reported name, which nobody has checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One event. Begin with [`Event::new`] or [`Event::of`] and fill what is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in UTC.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// `evt_…`, unique.
    pub id: String,
    /// The HTTP request.
    pub request_id: String,
    /// Ties together the requests of one trace: the trace id, else the request id.
    pub correlation_id: String,
    /// Who, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// The person's groups at that moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The roles those groups gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// By which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// To which upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The MCP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The tool's or prompt's name, or the resource's URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The names of the call's arguments. There is no field for their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argument_names: Vec<String>,
    /// What policy said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The policies that said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The stable code of a refusal or fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The HTTP status that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// The TCP peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<IpAddr>,
    /// The grant (`gnt_…`) of the token that was used or issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Of a [`Kind::CallOutcome`]: the `id` of its [`Kind::Call`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The client's W3C `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What else a kind has to say: names, counts, sizes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

impl Event {
    /// An event outside any request: start, configuration, administration on the command line.
    pub fn new(kind: Kind, time: Timestamp) -> Self {
        let id = format!("evt_{}", Uuid::now_v7().simple());
        Self {
            time,
            kind,
            request_id: String::new(),
            correlation_id: String::new(),
            person: None,
            groups: Vec::new(),
            roles: Vec::new(),
            client: None,
            upstream: None,
            method: None,
            name: None,
            argument_names: Vec::new(),
            decision: None,
            policies: Vec::new(),
            code: None,
            outcome: None,
            status: None,
            duration_us: None,
            source_ip: None,
            grant: None,
            call: None,
            traceparent: None,
            detail: BTreeMap::new(),
            id,
        }
    }

    /// An event of one request.
    pub fn of(kind: Kind, request: &RequestContext, time: Timestamp) -> Self {
        Self {
            request_id: request.request_id.clone(),
            correlation_id: request.correlation_id().to_owned(),
            source_ip: Some(request.peer.ip()),
            traceparent: request.traceparent.clone(),
            ..Self::new(kind, time)
        }
    }

    /// The event that tells how this call ended; it repeats who, what and where, so that each line can be read alone.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome, status: Option<u16>, duration: Duration, time: Timestamp) -> Self {
        Self {
            request_id: self.request_id.clone(),
            correlation_id: self.correlation_id.clone(),
            person: self.person.clone(),
            client: self.client.clone(),
            upstream: self.upstream.clone(),
            method: self.method.clone(),
            name: self.name.clone(),
            decision: self.decision,
            outcome: Some(outcome),
            status,
            duration_us: u64::try_from(duration.as_micros()).ok(),
            source_ip: self.source_ip,
            grant: self.grant.clone(),
            call: Some(self.id.clone()),
            traceparent: self.traceparent.clone(),
            ..Self::new(Kind::CallOutcome, time)
        }
    }

    /// Whether an outcome is to be expected.
    pub(crate) fn runs(&self) -> bool {
        self.kind == Kind::Call && self.decision == Some(Decision::Permit)
    }

    /// The same event with the person and the groups they have now.
    #[must_use]
    pub fn with_user(mut self, user: &store::User) -> Self {
        self.person = Some(Person::from(user));
        self.groups.clone_from(&user.groups);
        self
    }

    /// The same event with one more detail.
    #[must_use]
    pub fn with_detail(mut self, key: &str, value: impl Into<String>) -> Self {
        self.detail.insert(key.to_owned(), value.into());
        self
    }

    /// The event as one line of JSON without its line end: bounded, and free of characters that act on a terminal.
    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut bounded = self.clone();
        bounded.bound();
        serde_json::to_string(&bounded).map(|json| escape_invisible(&json))
    }

    /// Nobody may push the telling fields out of a record with long names, nor fill the disk with one request.
    fn bound(&mut self) {
        let omitted = [
            ("groups", bound_list(&mut self.groups, MAX_ENTRIES, MAX_TEXT)),
            ("roles", bound_list(&mut self.roles, MAX_ENTRIES, MAX_TEXT)),
            ("argument_names", bound_list(&mut self.argument_names, MAX_ARGUMENT_NAMES, MAX_ARGUMENT_NAME)),
            ("policies", bound_list(&mut self.policies, MAX_ENTRIES, MAX_TEXT)),
        ];
        let texts = [&mut self.upstream, &mut self.method, &mut self.name, &mut self.code, &mut self.grant, &mut self.traceparent];
        texts.into_iter().flatten().for_each(bound_text);
        bound_text(&mut self.request_id);
        bound_text(&mut self.correlation_id);
        if let Some(person) = &mut self.person {
            bound_text(&mut person.user_id);
            bound_text(&mut person.idp);
            bound_text(&mut person.subject);
            [&mut person.username, &mut person.email, &mut person.display_name, &mut person.linked_to]
                .into_iter()
                .flatten()
                .for_each(bound_text);
        }
        if let Some(client) = &mut self.client {
            bound_text(&mut client.id);
            client.name.iter_mut().for_each(bound_text);
        }
        self.detail = std::mem::take(&mut self.detail).into_iter().take(MAX_ENTRIES).map(bound_pair).collect();
        for (field, count) in omitted.into_iter().filter(|(_, count)| *count > 0) {
            self.detail.insert(format!("{field}_omitted"), count.to_string());
        }
    }
}

fn bound_pair((mut key, mut value): (String, String)) -> (String, String) {
    bound_text(&mut key);
    bound_text(&mut value);
    (key, value)
}

fn bound_list(list: &mut Vec<String>, entries: usize, characters: usize) -> usize {
    let omitted = list.len().saturating_sub(entries);
    list.truncate(entries);
    for text in list.iter_mut() {
        bound(text, characters);
    }
    omitted
}

fn bound_text(text: &mut String) {
    bound(text, MAX_TEXT);
}

fn bound(text: &mut String, characters: usize) {
    if let Some((cut, _)) = text.char_indices().nth(characters) {
        text.truncate(cut);
        text.push('…');
    }
}

/// Escapes what JSON allows in a string but a reader must not meet raw. Such characters occur in JSON only inside strings.
pub(crate) fn escape_invisible(json: &str) -> String {
    if !json.chars().any(is_invisible) {
        return json.to_owned();
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_invisible(character) {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Control characters (C0, DEL, C1), line and paragraph separators, zero-width and direction-changing characters, tags.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
