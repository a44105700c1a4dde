//! From input values to FHIR's data types, with the checks that belong to them.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::doc::{Doc, LocalCode};
use crate::fhir::{Map, Node};
use crate::input::{Code, Concept, DateRange, Quantity, Text};
use crate::pointer::Place;
use crate::rules::Rules;
use crate::systems::{self, ICD10, LOINC, SNOMED};
use crate::time::{Moment, Precision};
use crate::units;

/// Which code systems a profile takes at an element.
#[derive(Clone, Copy)]
pub(crate) enum Systems {
    Snomed,
    Loinc,
    SnomedOrIcd10,
    LoincOrSnomed,
    /// Any that is named.
    Any,
}

impl Systems {
    fn takes(self, system: &str) -> bool {
        match self {
            Self::Snomed => system == SNOMED,
            Self::Loinc => system == LOINC,
            Self::SnomedOrIcd10 => system == SNOMED || system == ICD10,
            Self::LoincOrSnomed => system == LOINC || system == SNOMED,
            Self::Any => system.contains(':'),
        }
    }
}

/// FHIR's `Coding`.
pub(crate) fn coding<'a>(
    system: &'a str,
    code: impl Into<Cow<'a, str>>,
    display: impl Into<Cow<'a, str>>,
) -> Map<'a> {
    Map::with_capacity(3).with("system", system).with("code", code.into()).with("display", display.into())
}

/// A `CodeableConcept` of one code.
pub(crate) fn coded<'a>(system: &'a str, code: &'a str, display: &'a str) -> Map<'a> {
    Map::with_capacity(1).with("coding", vec![coding(system, code, display)])
}

/// A `CodeableConcept` of text alone.
pub(crate) fn worded<'a>(text: impl Into<Cow<'a, str>>) -> Map<'a> {
    Map::with_capacity(1).with("text", text.into())
}

/// Sentence of a rule that several builders use.
const NEEDED: &str = "input.required";

impl<'a> Doc<'a> {
    /// The problem of a clinical element that is missing: nobody else can know it.
    pub fn missing(&mut self, place: &Place<'_>, what: &str) {
        self.error(place, NEEDED, format!("{what} is missing; a record without it is not valid."));
    }

    /// The concept as FHIR's, if it says anything. Codes of systems that the
    /// profile does not take are left to the text and remembered.
    pub fn concept(&mut self, concept: &'a Concept, systems: Systems, place: &Place<'_>) -> Option<Map<'a>> {
        let words = concept.words()?;
        let mut codings = Vec::new();
        for code in concept.codes() {
            codings.extend(self.coding(code, concept, systems, place).map(Node::Map));
        }
        let mut map = Map::with_capacity(2);
        map.put("coding", codings);
        map.put("text", words);
        Some(map)
    }

    /// The same where the profile takes one code at most: the first that it takes.
    pub fn concept_of_one(
        &mut self,
        concept: &'a Concept,
        systems: Systems,
        place: &Place<'_>,
    ) -> Option<Map<'a>> {
        let words = concept.words()?;
        let mut first = None;
        for code in concept.codes() {
            first = first.or(self.coding(code, concept, systems, place));
        }
        let mut map = Map::with_capacity(2);
        map.put_one("coding", first);
        map.put("text", words);
        Some(map)
    }

    fn coding(
        &mut self,
        code: Code<'a>,
        concept: &'a Concept,
        systems: Systems,
        place: &Place<'_>,
    ) -> Option<Map<'a>> {
        let system = code.system.map(systems::resolve);
        let terminology = self.context.terminology.as_deref();
        let Some(system) = system.filter(|s| systems.takes(s)) else {
            let standard = terminology.and_then(|t| t.map(system, code.value));
            if let Some(standard) = standard.filter(|s| systems.takes(&s.system)) {
                return Some(coding(&standard.system, standard.code.as_str(), standard.display.as_str()));
            }
            self.local_codes.push(LocalCode {
                system: system.map(str::to_owned),
                code: code.value.to_owned(),
                label: code.display.or_else(|| concept.text.get()).map(str::to_owned),
                path: place.pointer(),
            });
            return None;
        };
        if !has_code_shape(system, code.value) {
            self.error(
                &place.key("code"),
                "input.code",
                "This is not a code of the system that it names; check for a typing error.",
            );
            return None;
        }
        let known = || terminology.and_then(|t| t.display(system, code.value));
        let built_in = || Rules::builtin().display(system, code.value);
        let display = code.display.or_else(known).or_else(|| concept.text.get()).or_else(built_in);
        let Some(display) = display else {
            self.error(
                &place.key("display"),
                "input.display",
                "A code needs the words it stands for; send display or text beside it.",
            );
            return None;
        };
        Some(coding(system, code.value, display))
    }

    /// A concept that the record is not valid without.
    pub fn needed(
        &mut self,
        concept: &'a Concept,
        systems: Systems,
        place: &Place<'_>,
        what: &str,
    ) -> Option<Map<'a>> {
        let made = self.concept(concept, systems, place);
        if made.is_none() {
            self.missing(place, what);
        }
        made
    }

    /// One of FHIR's codes, however it is written: `INPROGRESS` is `in-progress`.
    pub fn code(
        &mut self,
        text: &Text,
        allowed: &[&'static str],
        default: &'static str,
        place: &Place<'_>,
    ) -> &'static str {
        self.code_if_any(text, allowed, place).unwrap_or(default)
    }

    /// The same where an absent one stays absent.
    pub fn code_if_any(
        &mut self,
        text: &Text,
        allowed: &[&'static str],
        place: &Place<'_>,
    ) -> Option<&'static str> {
        let text = text.get()?;
        let found = allowed.iter().find(|code| same_code(code, text)).copied();
        if found.is_none() {
            let list = allowed.join(", ");
            self.error(
                place,
                "input.code",
                format!("This is none of the codes taken here; use one of {list}."),
            );
        }
        found
    }

    /// A date or time.
    pub fn moment(&mut self, text: &Text, place: &Place<'_>) -> Option<Moment> {
        if text.is_template() {
            self.warn(
                place,
                "input.template",
                "This is a template variable that nobody filled in; it counts as absent.",
            );
        }
        let moment = Moment::parse(text.get()?);
        if moment.is_none() {
            self.error(
                place,
                "input.date",
                "This is not a date; write YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with a zone such as +05:30.",
            );
        }
        moment
    }

    /// FHIR's `dateTime`, if there is one.
    pub fn date_time(&mut self, text: &Text, place: &Place<'_>) -> Option<String> {
        self.moment(text, place).map(|m| m.as_str().to_owned())
    }

    /// FHIR's `date`, if there is one.
    pub fn date(&mut self, text: &Text, place: &Place<'_>) -> Option<String> {
        self.moment(text, place).map(|m| m.day().to_owned())
    }

    /// FHIR's `Period` of a span that says anything.
    pub fn period(&mut self, range: Option<&DateRange>, place: &Place<'_>) -> Option<Map<'a>> {
        let range = range?;
        self.span(&range.from, &range.to, ["from", "to"], place)
    }

    /// The same from two fields.
    pub fn span(
        &mut self,
        from: &Text,
        to: &Text,
        keys: [&'static str; 2],
        place: &Place<'_>,
    ) -> Option<Map<'a>> {
        let start = self.moment(from, &place.key(keys[0]));
        let end = self.moment(to, &place.key(keys[1]));
        if let (Some(start), Some(end)) = (&start, &end)
            && ends_before(start, end)
        {
            self.error(
                &place.key(keys[1]),
                "input.period",
                "The end is before the beginning; swap or mend them.",
            );
        }
        let period = Map::with_capacity(2)
            .with_some("start", start.map(|m| m.as_str().to_owned()))
            .with_some("end", end.map(|m| m.as_str().to_owned()));
        (!period.is_empty()).then_some(period)
    }

    /// FHIR's `Quantity`.
    pub fn quantity(&mut self, quantity: &'a Quantity, place: &Place<'_>) -> Option<Map<'a>> {
        let Some(value) = &quantity.value else {
            self.missing(&place.key("value"), "The number of the quantity");
            return None;
        };
        let comparators = ["<", "<=", ">=", ">"];
        let comparator = self.code_if_any(&quantity.comparator, &comparators, &place.key("comparator"));
        let mut map = Map::with_capacity(5);
        map.put("value", value.number().clone());
        map.put_some("comparator", comparator);
        unit(&mut map, quantity.unit.get(), quantity.code.get());
        Some(map)
    }
}

/// Puts a unit into a quantity: as written, and as UCUM where that is certain.
pub(crate) fn unit<'a>(map: &mut Map<'a>, unit: Option<&'a str>, code: Option<&'a str>) {
    put_unit(map, unit.or(code), code.or_else(|| unit.and_then(units::ucum)));
}

/// The same where the unit's UCUM code, if it has one, is known already.
pub(crate) fn put_unit<'a>(map: &mut Map<'a>, unit: Option<&'a str>, code: Option<&'a str>) {
    map.put_some("unit", unit);
    if let Some(code) = code {
        map.put("system", systems::UCUM);
        map.put("code", code);
    }
}

/// A quantity in words.
pub(crate) fn quantity_words(quantity: &Quantity) -> Option<String> {
    let value = quantity.value.as_ref()?;
    let comparator = quantity.comparator.get().unwrap_or_default();
    let unit = quantity.unit.get().or_else(|| quantity.code.get());
    let mut words = String::with_capacity(32);
    let written = match unit {
        Some("%") => write!(words, "{comparator}{value}%"),
        Some(unit) => write!(words, "{comparator}{value} {unit}"),
        None => write!(words, "{comparator}{value}"),
    };
    debug_assert!(written.is_ok(), "a String takes every write");
    Some(words)
}

/// A span in words.
pub(crate) fn period_words(range: Option<&DateRange>) -> Option<String> {
    let words = |text: &Text| text.get().and_then(Moment::parse).map(|m| m.words());
    match (words(&range?.from), words(&range?.to)) {
        (Some(from), Some(to)) => Some(format!("{from} to {to}")),
        (Some(from), None) => Some(format!("since {from}")),
        (None, Some(to)) => Some(format!("until {to}")),
        (None, None) => None,
    }
}

/// A date in words, if it is one.
pub(crate) fn date_words(text: &Text) -> Option<String> {
    text.get().and_then(Moment::parse).map(|m| m.words())
}

/// Compares days with days and times with times: an end on the same day is none before.
pub(crate) fn ends_before(start: &Moment, end: &Moment) -> bool {
    if start.precision() == Precision::Time && end.precision() == Precision::Time {
        return matches!((start.timestamp(), end.timestamp()), (Some(s), Some(e)) if e < s);
    }
    let length = start.day().len().min(end.day().len());
    end.day().get(..length) < start.day().get(..length)
}

/// Whether two spellings are one code: case, space, `_` and `-` do not count.
fn same_code(code: &str, text: &str) -> bool {
    let letters = |text: &str| -> Vec<u8> {
        text.bytes().filter(|b| !matches!(b, b'-' | b'_' | b' ')).map(|b| b.to_ascii_lowercase()).collect()
    };
    code.eq_ignore_ascii_case(text) || letters(code) == letters(text)
}

/// Whether a code can be one of its system at all.
fn has_code_shape(system: &str, code: &str) -> bool {
    match system {
        SNOMED => (6..=18).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()),
        LOINC => code.split_once('-').is_some_and(|(number, check)| {
            check.len() == 1
                && check.bytes().all(|b| b.is_ascii_digit())
                && !number.trim_start_matches("LP").trim_start_matches("LA").is_empty()
        }),
        _ => !code.contains(char::is_whitespace),
    }
}
