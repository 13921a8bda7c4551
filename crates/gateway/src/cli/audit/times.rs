//! Instants as people write them on the command line.

use std::str::FromStr;

use anyhow::Context as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An instant, or a distance from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At this instant.
    At(Timestamp),
    /// This long ago.
    Ago(SignedDuration),
    /// At the beginning of a day (UTC), so many days before today.
    DayStart(i64),
}

impl When {
    /// The instant that is meant, as seen from `now`.
    pub(super) fn before(&self, now: Timestamp) -> anyhow::Result<Timestamp> {
        match self {
            Self::At(at) => Ok(*at),
            Self::Ago(duration) => now.checked_sub(*duration).context("that is before the beginning of time"),
            Self::DayStart(days) => {
                let today = now.to_zoned(TimeZone::UTC).start_of_day()?.timestamp();
                today.checked_sub(SignedDuration::from_hours(24 * days)).context("that is before the beginning of time")
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "now" => return Ok(Self::Ago(SignedDuration::ZERO)),
            "today" => return Ok(Self::DayStart(0)),
            "yesterday" => return Ok(Self::DayStart(1)),
            _ => {}
        }
        if let Some(duration) = ago(text) {
            return Ok(Self::Ago(duration));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        // A date alone is its midnight.
        text.parse::<DateTime>()
            .and_then(|local| local.to_zoned(TimeZone::UTC))
            .map(|zoned| Self::At(zoned.timestamp()))
            .map_err(|_| "write 2026-11-20, 2026-11-20T09:30, 2026-11-20T09:30:00Z, today, yesterday, 7d, 90m or 1h30m".to_owned())
    }
}

/// Numbers with units, largest first or not: `7d`, `1h30m`.
fn ago(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit = behind.chars().next()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            'w' => 7 * 24 * 3600,
            _ => return None,
        };
        let seconds = number.parse::<i64>().ok()?.checked_mul(seconds)?;
        total = total.checked_add(SignedDuration::from_secs(seconds))?;
        rest = behind.strip_prefix(unit)?;
    }
    if text.is_empty() { None } else { Some(total) }
}
