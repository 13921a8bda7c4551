//! Who is at the other end of the socket, as the kernel says: no name is taken from the request.

use jiff::Timestamp;
use tokio::net::UnixStream;
use tokio::net::unix::UCred;
use uuid::Uuid;

use crate::audit::{Event, Kind};

/// Where the names of local users stand. Users of a directory service are recorded by their number alone.
const PASSWD: &str = "/etc/passwd";
/// What the kernel's audit subsystem says of a process that nobody signed in for.
const NO_LOGIN: u32 = u32::MAX;

/// The operating system user who asks, and the request's id.
#[derive(Clone, Debug)]
pub struct Operator {
    /// `req_…`, which ties the events of one request together.
    pub request_id: String,
    /// The user id of the process that connected.
    pub uid: u32,
    /// The id of the user who signed in to the machine, where the kernel knows it: it stays the same through `sudo`.
    pub login_uid: Option<u32>,
}

impl Operator {
    /// Who connected. `None` where the kernel does not tell.
    pub(super) fn of(stream: &UnixStream) -> Option<Self> {
        let peer = stream.peer_cred().ok()?;
        let login_uid = peer.pid().and_then(login_uid);
        Some(Self { request_id: format!("req_{}", Uuid::now_v7().simple()), uid: peer.uid(), login_uid })
    }

    /// Whether this is the user that this process runs as, or root.
    pub(super) fn is_allowed(&self) -> bool {
        self.uid == 0 || own_uid().is_some_and(|own| own == self.uid)
    }

    /// The name to record, with the number.
    pub fn name(&self) -> String {
        let passwd = std::fs::read_to_string(PASSWD).unwrap_or_default();
        described(&passwd, self.uid)
    }

    /// An event of this request, with who asked for it.
    pub fn event(&self, kind: Kind, now: Timestamp) -> Event {
        let mut event = Event::new(kind, now).with_detail("operator", self.name());
        event.request_id.clone_from(&self.request_id);
        event.correlation_id.clone_from(&self.request_id);
        if let Some(login) = self.login_uid.filter(|login| *login != self.uid) {
            let passwd = std::fs::read_to_string(PASSWD).unwrap_or_default();
            event = event.with_detail("operator_signed_in_as", described(&passwd, login));
        }
        event
    }
}

/// This process's user id, asked of the kernel by way of a socket to ourselves.
fn own_uid() -> Option<u32> {
    let (one, _other) = UnixStream::pair().ok()?;
    one.peer_cred().ok().as_ref().map(UCred::uid)
}

/// The user who signed in to the machine (Linux, `loginuid` of the audit subsystem).
fn login_uid(pid: i32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != NO_LOGIN)
}

/// `alice (1000)`, or `uid 1000` where no line of `passwd` names the number.
fn described(passwd: &str, uid: u32) -> String {
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} ({uid})"))
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn an_operator_has_a_name_and_a_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(described(passwd, 0), "root (0)");
        assert_eq!(described(passwd, 1000), "alice (1000)");
        assert_eq!(described(passwd, 1001), "uid 1001");
    }
}
