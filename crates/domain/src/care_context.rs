//! A care context: one visit of a patient, and its place in time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

use crate::link::Link;
use crate::reference::{CareContextRef, PatientRef};

/// India's offset from UTC: +05:30, without summer time.
const INDIA_SECONDS: i32 = (5 * 60 + 30) * 60;

/// When a visit was: a day in India, or a moment. Kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitDate {
    text: Box<str>,
    from: Timestamp,
    to: Timestamp,
}

/// A text that is neither a day nor a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date is a day such as 2026-01-15, or an RFC 3339 time such as 2026-01-15T10:30:00+05:30")]
pub struct VisitDateError;

impl VisitDate {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first moment of the visit.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The last moment of the visit: the end of its day in India, or the same moment.
    #[must_use]
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// Whether the visit lies in the range: some moment of its day does.
    #[must_use]
    pub fn lies_in(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to >= from
    }
}

impl FromStr for VisitDate {
    type Err = VisitDateError;

    fn from_str(text: &str) -> Result<Self, VisitDateError> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self { text: text.into(), from: time, to: time });
        }
        // A civil date parser would also take a time without a zone: a day has ten characters.
        let day = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse::<Date>().ok());
        let day = day.ok_or(VisitDateError)?;
        let india = TimeZone::fixed(Offset::from_seconds(INDIA_SECONDS).map_err(|_| VisitDateError)?);
        let start = day.to_zoned(india).map_err(|_| VisitDateError)?.timestamp();
        let to = start.checked_add(24.hours()).and_then(|end| end.checked_sub(1.millisecond()));
        Ok(Self { text: text.into(), from: start, to: to.map_err(|_| VisitDateError)? })
    }
}

impl fmt::Display for VisitDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A visit, as ABDM will know it.
#[derive(Clone, PartialEq)]
pub struct CareContext {
    /// Whose visit.
    pub patient: PatientRef,
    /// The facility's reference of the visit.
    pub reference: CareContextRef,
    /// What the patient's app shows for it. Nothing clinical belongs here.
    pub display: String,
    /// When it was. It alone says whether the visit's records lie in a requested range.
    pub date: VisitDate,
    /// Still being written up: not linked until released.
    pub hold: bool,
    /// Withdrawn by the facility: never shared again.
    pub withdrawn: bool,
    /// Where it stands with ABDM.
    pub link: Link,
}

impl fmt::Debug for CareContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CareContext")
            .field("reference", &self.reference)
            .field("link", &self.link.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_a_day_in_india() {
        let day: VisitDate = "2026-01-15".parse().unwrap();
        assert_eq!(day.from(), time("2026-01-14T18:30:00Z"));
        assert_eq!(day.to(), time("2026-01-15T18:29:59.999Z"));
        assert_eq!(day.as_str(), "2026-01-15");
    }

    #[test]
    fn a_visit_lies_in_a_range_that_touches_its_day() {
        let day: VisitDate = "2026-01-15".parse().unwrap();
        assert!(day.lies_in(time("2026-01-15T10:00:00Z"), time("2026-01-15T11:00:00Z")));
        assert!(day.lies_in(time("2020-01-01T00:00:00Z"), time("2026-01-14T18:30:00Z")));
        assert!(!day.lies_in(time("2020-01-01T00:00:00Z"), time("2026-01-14T18:29:59Z")));
        assert!(!day.lies_in(time("2026-01-15T18:30:00Z"), time("2027-01-01T00:00:00Z")));
        let moment: VisitDate = "2026-01-15T10:30:00+05:30".parse().unwrap();
        assert!(moment.lies_in(time("2026-01-15T05:00:00Z"), time("2026-01-15T05:00:00Z")));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "2026-13-01", "2026-01-15T10:30:00", "15-01-2026", "2026-1-5", "today"] {
            assert!(bad.parse::<VisitDate>().is_err(), "{bad}");
        }
    }
}
