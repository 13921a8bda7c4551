//! `xs:dateTime` as SAML uses it (SAML core 1.3.3).

use jiff::Timestamp;

/// Takes `2026-11-20T09:05:18Z`, with a fraction or a numeric offset if need be; gives the instant.
///
/// The shape is checked here because the library's own parser accepts more than `xs:dateTime` does. SAML demands UTC;
/// a time zone is required so that an instant never depends on where it is read.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = bytes.get(..19)?;
    let fits = shape.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if !fits {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(after) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 || digits > 30 {
                return None;
            }
            after.split_at_checked(digits)?
        }
        None => ("", rest),
    };
    let zone_fits = match zone.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    if !zone_fits {
        return None;
    }
    // Some identity providers write more digits than a nanosecond has; the rest is below anything compared here.
    let nanoseconds: String = fraction.chars().take(9).collect();
    let seconds = text.get(..19)?;
    let whole = if nanoseconds.is_empty() { format!("{seconds}{zone}") } else { format!("{seconds}.{nanoseconds}{zone}") };
    whole.parse().ok()
}

/// The instant in whole seconds, as SAML writes it.
pub(crate) fn format(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_datetimes_with_a_zone_are_instants() {
        for (text, expected) in [
            ("2026-11-20T09:05:18Z", Some("2026-11-20T09:05:18Z")),
            ("2026-11-20T09:05:17.881Z", Some("2026-11-20T09:05:17.881Z")),
            ("2026-11-20T09:05:17.1234567890123Z", Some("2026-11-20T09:05:17.123456789Z")),
            ("2026-11-20T11:05:18+02:00", Some("2026-11-20T09:05:18Z")),
            ("2026-11-20T09:05:18", None),
            ("2026-11-20 09:05:18Z", None),
            ("2026-11-20T09:05:18z", None),
            ("2026-11-20T09:05:18.Z", None),
            ("2026-13-20T09:05:18Z", None),
            ("2026-11-20T09:05Z", None),
            ("2026-11-20T09:05:18Z[Europe/Berlin]", None),
            (" 2026-11-20T09:05:18Z", None),
            ("٢026-11-20T09:05:18Z", None),
            ("", None),
        ] {
            assert_eq!(super::parse(text).map(|instant| instant.to_string()).as_deref(), expected, "{text}");
        }
    }
}
