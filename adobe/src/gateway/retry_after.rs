//! How long a server asks to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// A longer wait is not believed; a clock may be wrong.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Reads `Retry-After` in both its forms, seconds and a date. Anything else is as if it were absent, and so is what asks
/// for no time at all: else what fails would be tried again without end.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let date = DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(WAIT_MAX)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;
    use http::header::RETRY_AFTER;
    use jiff::Timestamp;

    use super::retry_after;

    #[test]
    fn both_forms_are_read_and_capped() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        for (text, seconds) in [
            ("0", None),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("86400", Some(3600)),
            ("99999999999999999999999", None),
            ("Sun, 01 Mar 2026 12:00:30 GMT", Some(30)),
            ("Sun, 01 Mar 2026 11:59:00 GMT", None),
            ("Mon, 01 Mar 2027 12:00:00 GMT", Some(3600)),
            ("soon", None),
            ("-5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
