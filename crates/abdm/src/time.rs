//! ABDM's timestamps: read in every form seen, written in the one form the gateway takes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A moment on the wire. Written as UTC with milliseconds and `Z` (`2026-09-16T10:12:48.483Z`), whatever it was
/// read from; what is finer than a millisecond is cut off when written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbdmTime(pub Timestamp);

/// A text that is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a timestamp reads like 2026-09-16T10:12:48.483Z: 0 to 9 fraction digits, with Z, an offset or none (UTC)"
)]
pub struct TimeError;

/// Reads a timestamp with or without `Z` or an offset and with zero to nine fraction digits. No zone means UTC:
/// production sends such values.
///
/// # Errors
/// The text is no such timestamp.
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    let civil: DateTime = text.parse().map_err(|_| TimeError)?;
    Offset::UTC.to_timestamp(civil).map_err(|_| TimeError)
}

/// Writes a timestamp the only way the gateway takes it: UTC, exactly three fraction digits, `Z`.
#[must_use]
pub fn format(timestamp: Timestamp) -> String {
    AbdmTime(timestamp).to_string()
}

impl fmt::Display for AbdmTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = Offset::UTC.to_datetime(self.0);
        let (date, time) = (t.date(), t.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

impl fmt::Debug for AbdmTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AbdmTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse(text).map(Self)
    }
}

impl From<Timestamp> for AbdmTime {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl serde::Serialize for AbdmTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for AbdmTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_seen_from_abdm_is_the_same_moment() {
        for text in [
            "2026-09-16T10:12:48.483Z",
            "2026-09-16T10:12:48.483",
            "2026-09-16T10:12:48.483000000Z",
            "2026-09-16T10:12:48.4830",
            "2026-09-16T15:42:48.483+05:30",
            "2026-09-16T15:42:48.483+0530",
            " 2026-09-16 10:12:48.483 ",
            "2026-09-16t10:12:48.483z",
        ] {
            assert_eq!(format(parse(text).unwrap()), "2026-09-16T10:12:48.483Z", "{text}");
        }
    }

    #[test]
    fn fractions_of_zero_to_nine_digits_are_read_and_three_are_written() {
        for (fraction, written) in
            [("", "000"), (".4", "400"), (".483999", "483"), (".483999999", "483"), (".999999999", "999")]
        {
            let parsed = parse(&format!("2026-09-16T10:12:48{fraction}Z")).unwrap();
            assert_eq!(format(parsed), format!("2026-09-16T10:12:48.{written}Z"));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back_to_the_millisecond(ms in -60_000_000_000_000_i64..250_000_000_000_000) {
            let timestamp = Timestamp::from_millisecond(ms).unwrap();
            proptest::prop_assert_eq!(parse(&format(timestamp)), Ok(timestamp));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-09-16T25:00:00Z",
            "1726481568",
            "2026-09-16T10:12:48.4839999999Z",
        ] {
            assert_eq!(parse(text), Err(TimeError), "{text}");
        }
    }
}
