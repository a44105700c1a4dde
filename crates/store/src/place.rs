//! Where a page of a list ended. A place knows the time of its row, so that the next page begins there even when the row has
//! gone since: a visit was deleted, a patient merged.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// The place of a row in a list that is newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<K> {
    /// When the row was made.
    pub at: Timestamp,
    /// Which of those of the same moment.
    pub key: K,
}

impl<K: fmt::Display> fmt::Display for Place<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at.as_millisecond(), self.key)
    }
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list")]
pub struct NoPlace;

impl<K: FromStr> FromStr for Place<K> {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at, key) = text.split_once(' ').ok_or(NoPlace)?;
        let at = at.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok()).ok_or(NoPlace)?;
        Ok(Self { at, key: key.parse().map_err(|_| NoPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let place = Place { at: "2026-01-20T06:00:00.123Z".parse().unwrap(), key: "P 1".to_owned() };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "P1", "x P1", "99999999999999999999 P1"] {
            assert_eq!(bad.parse::<Place<String>>(), Err(NoPlace), "{bad}");
        }
    }
}
