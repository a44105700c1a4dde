//! Dosage and timing as Indian prescriptions write them, read into FHIR's
//! `Timing` where they can mean one thing only. The words are always kept.

use super::doc::Doc;
use super::values::{Systems, unit};
use crate::fhir::{Map, Node};
use crate::input::{Decimal, Duration, Medication, Timing};
use crate::pointer::Place;
use crate::systems::UCUM;

/// How often, in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    frequency: u64,
    period: u64,
    unit: &'static str,
}

const UNITS: [(&str, &str, &[&str]); 7] = [
    ("s", "second", &["s", "sec", "second", "seconds"]),
    ("min", "minute", &["min", "minute", "minutes"]),
    ("h", "hour", &["h", "hr", "hrs", "hour", "hours"]),
    ("d", "day", &["d", "day", "days"]),
    ("wk", "week", &["wk", "week", "weeks"]),
    ("mo", "month", &["mo", "month", "months"]),
    ("a", "year", &["a", "year", "years"]),
];

/// FHIR's unit of time of a word for it.
fn time_unit(word: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|(_, _, words)| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
        .map(|(code, ..)| *code)
}

fn unit_word(code: &str) -> &'static str {
    UNITS.iter().find(|(c, ..)| *c == code).map_or("", |(_, word, _)| *word)
}

/// NHA's `FREQUENCY-PERIOD-UNIT`: `2-1-d` is twice a day.
fn mapper_timing(text: &str) -> Option<Rate> {
    let mut parts = text.split('-').map(str::trim);
    let frequency = parts.next()?.parse().ok()?;
    let period = parts.next()?.parse().ok()?;
    let unit = time_unit(parts.next()?)?;
    (parts.next().is_none() && (1..=99).contains(&frequency) && (1..=99).contains(&period)).then_some(Rate {
        frequency,
        period,
        unit,
    })
}

/// Latin shorthand that every prescriber in India writes.
fn shorthand(text: &str) -> Option<Rate> {
    let letters: String = text.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
    let daily = |frequency| Some(Rate { frequency, period: 1, unit: "d" });
    let hours = |period| Some(Rate { frequency: 1, period, unit: "h" });
    match letters.to_ascii_uppercase().as_str() {
        "OD" | "ONCEDAILY" | "ONCEADAY" => daily(1),
        "BD" | "BID" | "TWICEDAILY" | "TWICEADAY" => daily(2),
        "TDS" | "TID" | "THRICEDAILY" | "THRICEADAY" => daily(3),
        "QID" | "QDS" => daily(4),
        "Q4H" => hours(4),
        "Q6H" => hours(6),
        "Q8H" => hours(8),
        "Q12H" => hours(12),
        _ => None,
    }
}

/// `1-0-1`: how much in the morning, at noon and at night; with four parts also
/// in the evening.
struct Slots(Vec<(&'static str, Decimal)>);

fn slots(text: &str) -> Option<Slots> {
    let parts: Vec<&str> = text.split('-').map(str::trim).collect();
    let names: &[&'static str] = match parts.len() {
        3 => &["MORN", "NOON", "NIGHT"],
        4 => &["MORN", "NOON", "EVE", "NIGHT"],
        _ => return None,
    };
    let mut taken = Vec::with_capacity(4);
    for (name, part) in names.iter().zip(&parts) {
        let amount = match *part {
            "½" | "1/2" => Decimal::parse("0.5"),
            "¼" | "1/4" => Decimal::parse("0.25"),
            "1½" => Decimal::parse("1.5"),
            part => Decimal::parse(part),
        }?;
        if !(0.0..=20.0).contains(&amount.as_f64()) {
            return None;
        }
        if amount.as_f64() > 0.0 {
            taken.push((*name, amount));
        }
    }
    (!taken.is_empty()).then_some(Slots(taken))
}

/// All instructions of one medicine; several where the doses of a day differ.
pub(super) fn instructions<'a>(doc: &mut Doc<'a>, input: &'a Medication, place: &Place<'_>) -> Vec<Node<'a>> {
    let rate = rate(doc, input, place);
    let slots = input.dosage.get().and_then(slots);
    let by_text = input.dosage.get().and_then(shorthand);
    let agreed = agree(doc, rate, slots.as_ref(), by_text, place);
    let Some(Slots(taken)) = slots.filter(|_| agreed) else {
        let repeat = repeat(doc, input, rate.or(by_text), &[], place);
        return vec![instruction(doc, input, (repeat, None, None), place).into()];
    };
    let same = taken.iter().all(|(_, amount)| taken.first().is_some_and(|(_, first)| first == amount));
    if same || input.dose.is_some() {
        let when: Vec<&'static str> = taken.iter().map(|(name, _)| *name).collect();
        let daily = Rate { frequency: taken.len() as u64, period: 1, unit: "d" };
        let repeat = repeat(doc, input, Some(daily), &when, place);
        let amount = taken.into_iter().next().map(|(_, amount)| amount);
        return vec![instruction(doc, input, (repeat, amount, None), place).into()];
    }
    let mut list = Vec::with_capacity(taken.len());
    for (number, (name, amount)) in (1_u64..).zip(taken) {
        let daily = Rate { frequency: 1, period: 1, unit: "d" };
        let repeat = repeat(doc, input, Some(daily), &[name], place);
        list.push(instruction(doc, input, (repeat, Some(amount), Some(number)), place).into());
    }
    list
}

/// Whether `dosage` may be read as times of a day: not if `timing` says another
/// rate, for then the coded one wins and the words stay words.
fn agree(
    doc: &mut Doc<'_>,
    rate: Option<Rate>,
    slots: Option<&Slots>,
    by_text: Option<Rate>,
    place: &Place<'_>,
) -> bool {
    let Some(rate) = rate else { return true };
    let by_slots = slots.map(|s| Rate { frequency: s.0.len() as u64, period: 1, unit: "d" });
    let Some(other) = by_slots.or(by_text) else { return true };
    if other == rate {
        return true;
    }
    doc.warn(
        &place.key("timing"),
        "input.timing",
        "Dosage and timing say different rates; timing is FREQUENCY-PERIOD-UNIT, so twice a day is 2-1-d.",
    );
    false
}

fn rate(doc: &mut Doc<'_>, input: &Medication, place: &Place<'_>) -> Option<Rate> {
    let timing = &input.timing;
    if let Some(unit) = timing.period_unit.get() {
        let at = place.key("timing");
        let Some(unit) = time_unit(unit) else {
            doc.error(&at.key("periodUnit"), "input.code", "Use one of s, min, h, d, wk, mo, a.");
            return None;
        };
        let whole =
            |n: &Option<Decimal>| n.as_ref().map_or(Some(1), |n| n.number().as_u64().filter(|n| *n > 0));
        return match (whole(&timing.frequency), whole(&timing.period)) {
            (Some(frequency), Some(period)) => Some(Rate { frequency, period, unit }),
            _ => {
                doc.error(&at, "input.timing", "Frequency and period are whole numbers above zero.");
                None
            }
        };
    }
    let text = timing.text.get()?;
    mapper_timing(text).or_else(|| shorthand(text))
}

/// FHIR's `Timing.repeat`.
fn repeat<'a>(
    doc: &mut Doc<'a>,
    input: &'a Medication,
    rate: Option<Rate>,
    slots: &[&'static str],
    place: &Place<'_>,
) -> Map<'a> {
    let mut map = Map::with_capacity(6);
    map.put_some(
        "boundsDuration",
        input.duration.as_ref().and_then(|d| bounds(doc, d, &place.key("duration"))),
    );
    if let Some(rate) = rate {
        map.put("frequency", rate.frequency);
        map.put("period", rate.period);
        map.put("periodUnit", rate.unit);
    }
    let times = clock_times(doc, &input.timing, &place.key("timing"));
    let mut when: Vec<Node<'a>> = slots.iter().map(|s| (*s).into()).collect();
    if slots.is_empty() {
        when = events(doc, &input.timing, &place.key("timing"));
    }
    // FHIR tim-10: clock times exclude events of the day.
    if times.is_empty() {
        map.put("when", when);
    } else {
        map.put("timeOfDay", times);
    }
    map
}

fn events<'a>(doc: &mut Doc<'a>, timing: &Timing, place: &Place<'_>) -> Vec<Node<'a>> {
    const EVENTS: [&str; 26] = [
        "MORN",
        "MORN.early",
        "MORN.late",
        "NOON",
        "AFT",
        "AFT.early",
        "AFT.late",
        "EVE",
        "EVE.early",
        "EVE.late",
        "NIGHT",
        "PHS",
        "HS",
        "WAKE",
        "C",
        "CM",
        "CD",
        "CV",
        "AC",
        "ACM",
        "ACD",
        "ACV",
        "PC",
        "PCM",
        "PCD",
        "PCV",
    ];
    let at = place.key("when");
    let mut made = Vec::new();
    for (i, one) in timing.when.iter().enumerate() {
        made.extend(doc.code_if_any(one, &EVENTS, &at.index(i)).map(Node::from));
    }
    made
}

fn clock_times<'a>(doc: &mut Doc<'a>, timing: &Timing, place: &Place<'_>) -> Vec<Node<'a>> {
    let at = place.key("timeOfDay");
    let mut made = Vec::new();
    for (i, one) in timing.time_of_day.iter().enumerate() {
        let Some(text) = one.get() else { continue };
        let padded = if text.len() == 5 { format!("{text}:00") } else { text.to_owned() };
        if padded.parse::<jiff::civil::Time>().is_ok() && padded.len() == 8 {
            made.push(padded.into());
        } else {
            doc.error(&at.index(i), "input.date", "This is no time of the day; write hh:mm.");
        }
    }
    made
}

fn bounds<'a>(doc: &mut Doc<'a>, input: &Duration, place: &Place<'_>) -> Option<Map<'a>> {
    let (value, unit) = match &input.value {
        Some(value) => {
            let unit = time_unit(input.unit.get().unwrap_or("d"));
            if unit.is_none() {
                doc.error(&place.key("unit"), "input.code", "Use one of s, min, h, d, wk, mo, a.");
            }
            (value.clone(), unit?)
        }
        None => read_duration(input.text.get()?)?,
    };
    let mut map = Map::with_capacity(4).with("value", value.number().clone());
    map.put("unit", unit_word(unit));
    map.put("system", UCUM);
    map.put("code", unit);
    Some(map)
}

/// `5 days`, `1 week`, `10d`.
fn read_duration(text: &str) -> Option<(Decimal, &'static str)> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, word) = text.split_at(at);
    Some((Decimal::parse(number)?, time_unit(word.trim())?))
}

/// One FHIR `Dosage`.
fn instruction<'a>(
    doc: &mut Doc<'a>,
    input: &'a Medication,
    (repeat, amount, number): (Map<'a>, Option<Decimal>, Option<u64>),
    place: &Place<'_>,
) -> Map<'a> {
    let mut map = Map::with_capacity(8);
    map.put_some("sequence", number);
    map.put_some("text", input.dosage.get().or_else(|| input.timing.text.get()));
    let at = place.key("additionalInstructions");
    map.put_one("additionalInstruction", doc.concept(&input.additional_instructions, Systems::Snomed, &at));
    let mut timing = Map::with_capacity(2);
    timing.put("repeat", repeat);
    timing.put_some("code", input.timing.text.get().map(super::values::worded));
    map.put("timing", timing);
    map.put_some("asNeededBoolean", input.as_needed);
    map.put_some("site", doc.concept(&input.site, Systems::Snomed, &place.key("site")));
    map.put_some("route", doc.concept(&input.route, Systems::Snomed, &place.key("route")));
    map.put_some("method", doc.concept(&input.method, Systems::Snomed, &place.key("method")));
    let dose = match &input.dose {
        Some(dose) => doc.quantity(dose, &place.key("dose")),
        None => amount.map(|amount| {
            let mut map = Map::with_capacity(2).with("value", amount.number().clone());
            unit(&mut map, None, None);
            map
        }),
    };
    map.put_one("doseAndRate", dose.map(|d| Map::with_capacity(1).with("doseQuantity", d)));
    map
}

/// Timing in words.
pub(super) fn timing_words(timing: &Timing) -> Option<String> {
    let by_unit = timing.period_unit.get().and_then(time_unit).map(|unit| {
        let whole = |n: &Option<Decimal>| n.as_ref().and_then(|n| n.number().as_u64()).unwrap_or(1);
        Rate { frequency: whole(&timing.frequency), period: whole(&timing.period), unit }
    });
    let rate = by_unit.or_else(|| timing.text.get().and_then(|t| mapper_timing(t).or_else(|| shorthand(t))));
    let times: Vec<&str> =
        timing.when.iter().chain(timing.time_of_day.iter()).filter_map(|t| t.get()).collect();
    let Some(rate) = rate else {
        return timing
            .text
            .get()
            .map(str::to_owned)
            .or_else(|| (!times.is_empty()).then(|| times.join(", ")));
    };
    let often = match rate.frequency {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let word = unit_word(rate.unit);
    let mut words = match rate.period {
        1 if rate.frequency == 1 && word == "day" => "once a day".to_owned(),
        1 => format!("{often} {} {word}", if word == "hour" { "an" } else { "a" }),
        n if rate.frequency == 1 => format!("every {n} {word}s"),
        n => format!("{often} in {n} {word}s"),
    };
    if !times.is_empty() {
        words = format!("{words}, {}", times.join(", "));
    }
    Some(words)
}

/// A length of time in words.
pub(super) fn duration_words(input: &Duration) -> Option<String> {
    let Some(value) = &input.value else { return input.text.get().map(str::to_owned) };
    let word = unit_word(time_unit(input.unit.get().unwrap_or("d"))?);
    Some(format!("{value} {word}{}", if value.number().as_u64() == Some(1) { "" } else { "s" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nhas_timing_is_frequency_period_unit() {
        assert_eq!(mapper_timing("2-5-d"), Some(Rate { frequency: 2, period: 5, unit: "d" }));
        assert_eq!(mapper_timing("1-2-MO"), Some(Rate { frequency: 1, period: 2, unit: "mo" }));
        for text in ["2-5", "0-5-d", "2-0-d", "2-5-x", "2-5-d-1", "1-0-1", "twice"] {
            assert_eq!(mapper_timing(text), None, "{text}");
        }
    }

    #[test]
    fn parts_of_a_day_are_told_by_their_place() {
        let names =
            |text: &str| slots(text).map(|s| s.0.iter().map(|(n, a)| format!("{n}={a}")).collect::<Vec<_>>());
        assert_eq!(names("1-0-1").unwrap(), ["MORN=1", "NIGHT=1"]);
        assert_eq!(names("1-1-1-1").unwrap(), ["MORN=1", "NOON=1", "EVE=1", "NIGHT=1"]);
        assert_eq!(names("½ - 0 - 1/2").unwrap(), ["MORN=0.5", "NIGHT=0.5"]);
        for text in ["0-0-0", "1-1", "1-0-x", "2-5-d", "500-0-500", "SOS"] {
            assert!(names(text).is_none(), "{text}");
        }
    }

    #[test]
    fn shorthand_is_read_only_where_it_stands_alone() {
        assert_eq!(shorthand("b.d."), Some(Rate { frequency: 2, period: 1, unit: "d" }));
        assert_eq!(shorthand("Q8H"), Some(Rate { frequency: 1, period: 8, unit: "h" }));
        assert_eq!(shorthand("1 tab BD after food"), None);
    }
}
