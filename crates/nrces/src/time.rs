//! Dates and times as FHIR writes them. What carries no zone is Indian time.

use std::fmt::Write as _;

/// India's offset from UTC; the whole country keeps it, all year.
const INDIA: &str = "+05:30";

/// A date or time of some precision, in FHIR's notation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    text: String,
    precision: Precision,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    Year,
    Month,
    Day,
    Time,
}

impl Moment {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or a time of day after it, with or
    /// without seconds and zone. Nothing that could mean two different days.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_ascii() {
            return None;
        }
        let (date, time) = match text.find(['T', 't', ' ']) {
            Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
            None => (text, None),
        };
        let precision = read_date(date)?;
        let Some(time) = time else { return Some(Self { text: date.to_owned(), precision }) };
        if precision != Precision::Day {
            return None;
        }
        let mut full = String::with_capacity(30);
        full.push_str(date);
        full.push('T');
        read_time(time, &mut full)?;
        Some(Self { text: full, precision: Precision::Time })
    }

    /// A stand-in until the record's date is known.
    pub fn unknown() -> Self {
        Self { text: String::from("1970-01-01"), precision: Precision::Day }
    }

    /// FHIR `dateTime`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// FHIR `date`: the day without its time.
    pub fn day(&self) -> &str {
        self.text.get(..10).unwrap_or(&self.text)
    }

    /// FHIR `instant`: a day begins at midnight in India. Months and years too.
    pub fn instant(&self) -> String {
        match self.precision {
            Precision::Time => self.text.clone(),
            Precision::Day => format!("{}T00:00:00{INDIA}", self.text),
            Precision::Month => format!("{}-01T00:00:00{INDIA}", self.text),
            Precision::Year => format!("{}-01-01T00:00:00{INDIA}", self.text),
        }
    }

    /// The last second of the day; the time itself if there is one.
    pub fn end(&self) -> String {
        match self.precision {
            Precision::Day => format!("{}T23:59:59{INDIA}", self.text),
            _ => self.instant(),
        }
    }

    /// The point in time at which it begins, to compare with another.
    pub fn timestamp(&self) -> Option<jiff::Timestamp> {
        self.instant().parse().ok()
    }

    /// As a reader likes it: `15 Jan 2026, 10:30`.
    pub fn words(&self) -> String {
        read_words(&self.text).unwrap_or_else(|| self.text.clone())
    }
}

fn read_date(date: &str) -> Option<Precision> {
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    if year == 0 {
        return None;
    }
    let Some(month) = parts.next() else { return Some(Precision::Year) };
    let month = number(month, 2)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    let Some(day) = parts.next() else { return Some(Precision::Month) };
    let day = number(day, 2)?;
    let exists =
        jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    (exists.is_ok() && parts.next().is_none()).then_some(Precision::Day)
}

fn number(digits: &str, length: usize) -> Option<u32> {
    (digits.len() == length && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Appends `hh:mm:ss[.fff]zone`.
fn read_time(time: &str, out: &mut String) -> Option<()> {
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = (time.get(..zone_at)?.trim_end(), time.get(zone_at..)?);
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2).filter(|h| *h < 24)?;
    let minute = number(parts.next()?, 2).filter(|m| *m < 60)?;
    write!(out, "{hour:02}:{minute:02}:").ok()?;
    match parts.next() {
        Some(seconds) => read_seconds(seconds, out)?,
        None => out.push_str("00"),
    }
    parts.next().is_none().then_some(())?;
    read_zone(zone, out)
}

fn read_seconds(seconds: &str, out: &mut String) -> Option<()> {
    let (whole, fraction) = seconds.split_once('.').map_or((seconds, None), |(w, f)| (w, Some(f)));
    let whole = number(whole, 2).filter(|s| *s < 60)?;
    write!(out, "{whole:02}").ok()?;
    if let Some(fraction) = fraction {
        let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
        digits.then_some(())?;
        out.push('.');
        out.push_str(fraction.get(..fraction.len().min(9))?);
    }
    Some(())
}

fn read_zone(zone: &str, out: &mut String) -> Option<()> {
    if zone.is_empty() {
        out.push_str(INDIA);
        return Some(());
    }
    if zone.eq_ignore_ascii_case("z") {
        out.push('Z');
        return Some(());
    }
    let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    let hours = number(digits.get(..2)?, 2)?;
    let minutes = number(digits.get(2..)?, 2).filter(|m| *m < 60)?;
    (hours * 60 + minutes <= 14 * 60).then_some(())?;
    write!(out, "{}{hours:02}:{minutes:02}", zone.get(..1)?).ok()
}

/// Turns FHIR's notation into words; `None` if it is not in that notation.
pub(crate) fn read_words(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let year = text.get(..4)?;
    let Some(month) = text.get(5..7) else { return Some(year.to_owned()) };
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    let Some(day) = text.get(8..10) else { return Some(format!("{month} {year}")) };
    let day: u8 = day.parse().ok()?;
    let Some(clock) = text.get(11..16) else { return Some(format!("{day} {month} {year}")) };
    let zone = if text.ends_with('Z') {
        " UTC".to_owned()
    } else {
        text.get(text.len().checked_sub(6)?..)
            .filter(|z| *z != INDIA)
            .map(|z| format!(" {z}"))
            .unwrap_or_default()
    };
    Some(format!("{day} {month} {year}, {clock}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fhir(text: &str) -> Option<String> {
        Moment::parse(text).map(|m| m.as_str().to_owned())
    }

    #[test]
    fn dates_of_every_precision_are_kept() {
        for text in ["2024", "2024-02", "2024-02-29"] {
            assert_eq!(fhir(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_time_gets_what_fhir_asks_for() {
        assert_eq!(fhir("2024-05-01T06:33:37.361Z").as_deref(), Some("2024-05-01T06:33:37.361Z"));
        assert_eq!(fhir("2024-05-01 06:33").as_deref(), Some("2024-05-01T06:33:00+05:30"));
        assert_eq!(fhir("2024-05-01T06:33:00+0530").as_deref(), Some("2024-05-01T06:33:00+05:30"));
    }

    #[test]
    fn what_is_no_date_or_two_dates_is_refused() {
        for text in
            ["", "01-02-2024", "1/2/2024", "2023-02-29", "2024-13-01", "2024-1-1", "0000-01-01", "२०२४"]
        {
            assert!(fhir(text).is_none(), "{text}");
        }
        for text in
            ["2024-02T10:00", "2024-02-01T25:00", "2024-02-01T10:61", "2024-02-01T10:00+15:00", "2024-02-01T"]
        {
            assert!(fhir(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_day_begins_and_ends_in_india() {
        let day = Moment::parse("2024-05-20").unwrap();
        assert_eq!(day.instant(), "2024-05-20T00:00:00+05:30");
        assert_eq!(day.end(), "2024-05-20T23:59:59+05:30");
    }

    #[test]
    fn a_reader_sees_words() {
        let words = |text: &str| Moment::parse(text).unwrap().words();
        assert_eq!(words("2024-05-01"), "1 May 2024");
        assert_eq!(words("2024-05-01T06:33"), "1 May 2024, 06:33");
        assert_eq!(words("2024-05-01T06:33:00Z"), "1 May 2024, 06:33 UTC");
    }
}
