//! HL7's time stamps (`YYYYMMDDHHMMSS.SSSS+ZZZZ`, cut off where precision ends). Without a zone they are Indian.

use std::fmt::Write as _;

use domain::care_context::VisitDate;
use domain::patient::Birth;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::message::Part;

const INDIA: &str = "+05:30";
/// Nobody alive was born before.
const FIRST_YEAR: i16 = 1900;

/// A time stamp as FHIR writes it: as precise as it was, but that an hour without minutes is only its day.
pub fn fhir(part: Part<'_>) -> Option<String> {
    read(part.component(1).text()?.as_str())
}

/// A visit's date: a day, or a time with its zone. Months and years are none.
pub fn visit_date(part: Part<'_>) -> Option<VisitDate> {
    fhir(part)?.parse().ok()
}

/// The moment of a time stamp; a day begins at midnight in India.
pub fn moment(part: Part<'_>) -> Option<Timestamp> {
    visit_date(part).map(|date| date.from())
}

/// A date of birth, or a year where that is all that is known: not before 1900 and not after `today`.
pub fn birth(part: Part<'_>, today: Date) -> Option<Birth> {
    let text = fhir(part)?;
    match text.get(..10).and_then(|day| day.parse::<Date>().ok()) {
        Some(day) => (day <= today && day.year() >= FIRST_YEAR).then_some(Birth::BirthDate(day)),
        None => {
            let year = text.get(..4)?.parse().ok()?;
            (FIRST_YEAR..=today.year()).contains(&year).then_some(Birth::YearOfBirth(year))
        }
    }
}

/// A time of day, `HHMM[SS]`, as people write it.
pub fn clock(text: &str) -> Option<String> {
    let digits = text.split(['+', '-', '.']).next()?;
    match (digits.len(), number(digits, 0, 2), number(digits, 2, 4), number(digits, 4, 6)) {
        (4, Some(hour @ ..24), Some(minute @ ..60), None) => Some(format!("{hour:02}:{minute:02}")),
        (6, Some(hour @ ..24), Some(minute @ ..60), Some(second @ ..60)) => {
            Some(format!("{hour:02}:{minute:02}:{second:02}"))
        }
        _ => None,
    }
}

/// Now as HL7 writes it, in India.
pub fn written(now: Timestamp) -> String {
    let local = now.saturating_add(5.hours().minutes(30)).unwrap_or(now);
    let digits: String = local.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{digits}+0530")
}

/// Today in India.
pub fn today(now: Timestamp) -> Date {
    let local = now.saturating_add(5.hours().minutes(30)).unwrap_or(now);
    local.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// `20 Jan 2026`, for people; the text itself if it is no day.
pub fn day_words(fhir: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = fhir.get(..10).and_then(|day| day.parse::<Date>().ok());
    let Some(date) = date else { return fhir.to_owned() };
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| MONTHS.get(month));
    format!("{:02}-{}-{}", date.day(), month.unwrap_or(&""), date.year())
}

fn number(digits: &str, from: usize, to: usize) -> Option<u16> {
    let digits = digits.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn read(text: &str) -> Option<String> {
    let zone_at = text.find(['+', '-']).unwrap_or(text.len());
    let (stamp, zone) = text.split_at_checked(zone_at)?;
    let (digits, fraction) = stamp.split_once('.').unwrap_or((stamp, ""));
    let plain = digits.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !plain
        || !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14)
        || (!fraction.is_empty() && digits.len() != 14)
    {
        return None;
    }
    let year = number(digits, 0, 4).filter(|year| *year > 0)?;
    let mut written = format!("{year:04}");
    let Some(month) = number(digits, 4, 6) else { return Some(written) };
    let month = Some(month).filter(|month| (1..=12).contains(month))?;
    write!(written, "-{month:02}").ok()?;
    let Some(day) = number(digits, 6, 8) else { return Some(written) };
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    write!(written, "-{day:02}").ok()?;
    let hour = number(digits, 8, 10);
    let minute = number(digits, 10, 12);
    let second = number(digits, 12, 14);
    if hour.is_some_and(|hour| hour > 23) || [minute, second].into_iter().flatten().any(|part| part > 59) {
        return None;
    }
    let (Some(hour), Some(minute)) = (hour, minute) else { return Some(written) };
    write!(written, "T{hour:02}:{minute:02}:{:02}{}", second.unwrap_or(0), read_zone(zone)?).ok()?;
    Some(written)
}

fn read_zone(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some(INDIA.to_owned());
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let (hours, minutes) = (number(digits, 0, 2)?, number(digits, 2, 4)?);
    let known = digits.len() == 4 && minutes < 60 && hours * 60 + minutes <= 14 * 60;
    known.then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_precise_as_it_was_written() {
        for (text, expected) in [
            ("2026", "2026"),
            ("202601", "2026-01"),
            ("20260120", "2026-01-20"),
            ("2026012009", "2026-01-20"),
            ("202601200930", "2026-01-20T09:30:00+05:30"),
            ("20260120093015", "2026-01-20T09:30:15+05:30"),
            ("20260120093015.123+0530", "2026-01-20T09:30:15+05:30"),
            ("20260120040015+0000", "2026-01-20T04:00:15+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "0",
            "26",
            "20-01-2026",
            "20261301",
            "20260230",
            "2026012025",
            "202601200960",
            "20260120093061",
            "20260120093015+9999",
            "20260120093015+05",
            "2026.5",
            "00000000",
            "20260120093015+053",
            "२०२६",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn now_is_written_in_india() {
        let now = "2026-01-20T20:00:00Z".parse().unwrap();
        assert_eq!(written(now), "20260121013000+0530");
        assert_eq!(today(now).to_string(), "2026-01-21");
    }

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(clock("1430").as_deref(), Some("14:30"));
        assert_eq!(clock("143005+0530").as_deref(), Some("14:30:05"));
        assert_eq!((clock("2530"), clock("14"), clock("soon")), (None, None, None));
    }
}
