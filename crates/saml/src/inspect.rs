//! The log of a verification: silent when a sign-in runs, one line per check when an administrator inspects a response.
//!
//! One code path serves both. The only difference is what a failed profile check does: a sign-in ends there, an
//! inspection notes it and looks at the next one. What must hold before anything else may be read (the XML, the shape, the
//! signatures) ends both.

use crate::encoding::decode_base64;
use crate::error::ResponseError;
use crate::response::{Expected, Solicitation, verify_xml};

/// One check of a response and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable name, such as `audience`.
    pub name: &'static str,
    /// Whether the response passed.
    pub passed: bool,
    /// What was seen, or what is wrong. Values come from the message: show them as text.
    pub detail: String,
    /// The code of the fault, when the check failed.
    pub code: Option<&'static str>,
}

/// What an inspection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Whether a sign-in with this response would have been accepted (replay aside, which only the store can see).
    pub accepted: bool,
    /// The NameID of an accepted response. A refused response names nobody.
    pub subject: Option<String>,
    /// The code of the first check that failed.
    pub code: Option<&'static str>,
    /// Every check that was run, in order. After a fault in XML, shape or signature nothing more is read.
    pub checks: Vec<Check>,
}

/// Walks one response, raw XML or base64, through the checks of [`crate::verify_response`].
///
/// Without a `request_id`, and unless `allow_unsolicited` asks for an unsolicited response, `InResponseTo` is not compared:
/// an inspection looks at a response after the fact, when nobody knows the request any more.
pub fn inspect(raw: &[u8], expected: &Expected<'_>) -> Inspection {
    let mut log = Log { record: Some(Vec::new()), first: None };
    let mut solicitation = Solicitation::of(expected);
    if solicitation == Solicitation::Refused {
        solicitation = Solicitation::NotCompared;
    }
    let result = decode(raw, &mut log).and_then(|xml| verify_xml(&xml, expected, solicitation, &mut log));
    Inspection {
        accepted: result.is_ok(),
        subject: result.as_ref().ok().map(|assertion| assertion.name_id.value.clone()),
        code: result.as_ref().err().map(ResponseError::code),
        checks: log.record.unwrap_or_default(),
    }
}

fn decode(raw: &[u8], log: &mut Log) -> Result<Vec<u8>, ResponseError> {
    let unmarked = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    if unmarked.trim_ascii_start().starts_with(b"<") {
        return Ok(unmarked.trim_ascii_start().to_vec());
    }
    log.gate("encoding", decode_base64(raw).ok_or(ResponseError::Base64), |xml| format!("base64 of {} bytes", xml.len()))
}

/// Where checks report to.
pub(crate) struct Log {
    record: Option<Vec<Check>>,
    first: Option<ResponseError>,
}

impl Log {
    /// A log that keeps nothing and lets the first failure end everything.
    pub(crate) fn silent() -> Log {
        Log { record: None, first: None }
    }

    /// A check that everything after it relies on: a failure ends the verification.
    pub(crate) fn gate<T>(
        &mut self,
        name: &'static str,
        result: Result<T, ResponseError>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, ResponseError> {
        match result {
            Ok(value) => {
                if let Some(record) = &mut self.record {
                    record.push(Check { name, passed: true, detail: detail(&value), code: None });
                }
                Ok(value)
            }
            Err(error) => {
                self.failed(name, &error);
                // An earlier failure, which an inspection went on after, stays the answer.
                Err(self.first.take().unwrap_or(error))
            }
        }
    }

    /// A check that stands for itself: an inspection goes on after a failure, and there is no value then.
    pub(crate) fn check<T>(
        &mut self,
        name: &'static str,
        result: Result<T, ResponseError>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<Option<T>, ResponseError> {
        match result {
            Err(error) if self.record.is_some() => {
                self.failed(name, &error);
                self.first.get_or_insert(error);
                Ok(None)
            }
            other => self.gate(name, other, detail).map(Some),
        }
    }

    /// The verdict over all checks so far.
    pub(crate) fn verdict(&mut self) -> Result<(), ResponseError> {
        self.first.take().map_or(Ok(()), Err)
    }

    fn failed(&mut self, name: &'static str, error: &ResponseError) {
        if let Some(record) = &mut self.record {
            record.push(Check { name, passed: false, detail: error.to_string(), code: Some(error.code()) });
        }
    }
}
