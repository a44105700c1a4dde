//! Observations: vital signs, findings, test results, panels of them.

mod found;

use std::borrow::Cow;
use std::fmt::Write as _;

use super::doc::{Doc, Ref};
use super::sections::Made;
use super::values::{Systems, coding, put_unit, unit, worded};
use crate::fhir::{Map, Node};
use crate::input::{Component, Concept, Decimal, Observation, ReferenceRange};
use crate::names;
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems::LOINC;
use crate::units;
use found::{Found, Measured};

/// How deep panels may hold panels.
const DEPTH: u8 = 4;

/// The observation profiles, which differ in the values they take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    General,
    VitalSigns,
    BodyMeasurement,
    PhysicalActivity,
    GeneralAssessment,
    WomenHealth,
    Lifestyle,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::General => "Observation",
            Self::VitalSigns => "ObservationVitalSigns",
            Self::BodyMeasurement => "ObservationBodyMeasurement",
            Self::PhysicalActivity => "ObservationPhysicalActivity",
            Self::GeneralAssessment => "ObservationGeneralAssessment",
            Self::WomenHealth => "ObservationWomenHealth",
            Self::Lifestyle => "ObservationLifestyle",
        }
    }

    const fn takes_quantity(self) -> bool {
        !matches!(self, Self::Lifestyle)
    }

    const fn takes_code(self) -> bool {
        matches!(self, Self::General | Self::GeneralAssessment | Self::Lifestyle)
    }

    const fn takes_string(self) -> bool {
        !matches!(self, Self::GeneralAssessment | Self::Lifestyle)
    }
}

const STATUSES: [&str; 8] = [
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
];

/// An observation of a profile.
pub(crate) fn observation<'a>(
    doc: &mut Doc<'a>,
    input: &'a Observation,
    profile: Profile,
    place: &Place<'_>,
) -> Option<Made<'a>> {
    nested(doc, input, (profile, DEPTH), place)
}

fn nested<'a>(
    doc: &mut Doc<'a>,
    input: &'a Observation,
    (profile, depth): (Profile, u8),
    place: &Place<'_>,
) -> Option<Made<'a>> {
    if input.observation == Concept::default() && *input == Observation::default() {
        return None;
    }
    let members = members(doc, &input.members, depth, &place.key("members"));
    let mut draft = doc.open("Observation", profile.name());
    draft.put("status", doc.code(&input.status, &STATUSES, "final", &place.key("status")));
    let at = place.key("observation");
    draft.put_some("code", name(doc, &input.observation, &at));
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    let at = place.key("date");
    let when = doc.date_time(&input.date, &at).unwrap_or_else(|| doc.date.as_str().to_owned());
    draft.put("effectiveDateTime", when);
    let performers: Vec<Node<'a>> = doc.practitioners.iter().map(|one| one.to().into()).collect();
    draft.put("performer", performers);
    let found =
        Found::new(input.value_quantity.as_ref(), input.value_code.as_ref(), &input.result, &input.unit);
    let mut notes = Vec::new();
    let value = value(doc, &found, profile, (&mut notes, place));
    let has_value = value.is_some();
    if let Some((key, value)) = value {
        draft.put(key, value);
    }
    let components = components(doc, input, profile, place);
    let absent = doc.concept(&input.data_absent_reason, Systems::Any, &place.key("dataAbsentReason"));
    if !has_value && components.is_empty() && members.is_empty() && absent.is_none() {
        doc.warn(
            &place.key("result"),
            "input.result",
            "There is no result; send result, valueQuantity or valueCode, or say why in dataAbsentReason.",
        );
    }
    // FHIR obs-6: either a value or the reason why there is none.
    draft.put_some("dataAbsentReason", absent.filter(|_| !has_value));
    draft.put_one("interpretation", interpretation(doc, &input.interpretation, &place.key("interpretation")));
    keep(&mut notes, input.note.get().map(Cow::Borrowed));
    draft.note(&notes);
    draft.put_some("bodySite", doc.concept(&input.body_site, Systems::Any, &place.key("bodySite")));
    draft.put_some("method", doc.concept(&input.method, Systems::Any, &place.key("method")));
    let ranges = ranges(doc, &input.reference_range, &found, &place.key("referenceRange"));
    draft.put("referenceRange", ranges);
    draft.put("hasMember", members.iter().map(|m| m.reference.to()).collect::<Vec<_>>());
    draft.put("component", components);
    let mut row = row(input, &found, notes);
    row.children = members.into_iter().map(|made| made.row).collect();
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn members<'a>(doc: &mut Doc<'a>, list: &'a [Observation], depth: u8, place: &Place<'_>) -> Vec<Made<'a>> {
    if !list.is_empty() && depth == 0 {
        doc.error(place, "input.depth", "Panels hold panels too deeply; flatten them.");
        return Vec::new();
    }
    let mut made = Vec::with_capacity(list.len());
    for (i, one) in list.iter().enumerate() {
        made.extend(nested(doc, one, (Profile::General, depth - 1), &place.index(i)));
    }
    made
}

/// What was observed: the codes sent, or the code that goes by that name.
fn name<'a>(doc: &mut Doc<'a>, input: &'a Concept, place: &Place<'_>) -> Option<Map<'a>> {
    let mut made = doc.needed(input, Systems::LoincOrSnomed, place, "What was observed")?;
    if input.codes().next().is_none()
        && let Some((code, display)) = input.words().and_then(names::loinc)
    {
        made = Map::with_capacity(2)
            .with("coding", vec![coding(LOINC, code, display)])
            .with_some("text", input.words());
    }
    Some(made)
}

/// The value in the form that the profile takes. A quantity or a code wins over
/// words; what does not fit is kept as a note.
fn value<'a>(
    doc: &mut Doc<'a>,
    found: &Found<'a>,
    profile: Profile,
    (notes, place): (&mut Vec<Option<Cow<'a, str>>>, &Place<'_>),
) -> Option<(&'static str, Node<'a>)> {
    let quantity = match &found.quantity {
        Some(Measured::Sent(sent)) => doc.quantity(sent, &place.key("valueQuantity")),
        Some(Measured::Read { value, comparator, unit: written }) => {
            let mut map = Map::with_capacity(5);
            map.put("value", value.number().clone());
            map.put_some("comparator", *comparator);
            unit(&mut map, Some(written), None);
            Some(map)
        }
        None => None,
    };
    let code = found.code.and_then(|code| doc.concept(code, Systems::Any, &place.key("valueCode")));
    let code_words = found.code.and_then(Concept::words);
    if let Some(map) = quantity.filter(|_| profile.takes_quantity()) {
        keep(notes, code_words.map(Cow::Borrowed));
        keep(notes, found.text.map(Cow::Borrowed));
        return Some(("valueQuantity", map.into()));
    }
    let measured = found.words_of_quantity();
    if let Some(code) = code.filter(|_| profile.takes_code()) {
        notes.push(measured.map(Cow::Owned));
        notes.push(found.text.map(Cow::Borrowed));
        return Some(("valueCodeableConcept", code.into()));
    }
    let (text, spare) = match (found.text, code_words.map(Cow::Borrowed), measured.map(Cow::Owned)) {
        (Some(text), code, measured) => (Cow::Borrowed(text), [code, measured]),
        (None, Some(code), measured) => (code, [measured, None]),
        (None, None, measured) => (measured?, [None, None]),
    };
    notes.extend(spare);
    if profile.takes_string() {
        return Some(("valueString", text.into()));
    }
    Some(("valueCodeableConcept", worded(text).into()))
}

/// Most observations have no note, and nothing is allocated for none.
fn keep<'a>(notes: &mut Vec<Option<Cow<'a, str>>>, note: Option<Cow<'a, str>>) {
    if note.is_some() {
        notes.push(note);
    }
}

/// The parts that were sent, or those of a pressure written `120/80`.
fn components<'a>(
    doc: &mut Doc<'a>,
    input: &'a Observation,
    profile: Profile,
    place: &Place<'_>,
) -> Vec<Map<'a>> {
    let at = place.key("components");
    let mut made = Vec::with_capacity(input.components.len());
    for (i, one) in input.components.iter().enumerate() {
        made.push(component(doc, one, profile, &at.index(i)));
    }
    if made.is_empty()
        && let Some(result) = input.result.get()
        && input.observation.words().and_then(names::loinc).is_some_and(|(code, _)| code == names::PRESSURE)
    {
        made = pressure(result).unwrap_or_default();
    }
    made
}

fn component<'a>(doc: &mut Doc<'a>, input: &'a Component, profile: Profile, place: &Place<'_>) -> Map<'a> {
    let mut map = Map::with_capacity(4);
    map.put_some("code", name(doc, &input.observation, &place.key("observation")));
    let found =
        Found::new(input.value_quantity.as_ref(), input.value_code.as_ref(), &input.result, &input.unit);
    // A component takes every kind of value, but has no note to keep a second one.
    let profile = if profile == Profile::Lifestyle { Profile::General } else { profile };
    if let Some((key, value)) = value(doc, &found, profile, (&mut Vec::new(), place)) {
        map.put(key, value);
    }
    map.put_one("interpretation", interpretation(doc, &input.interpretation, &place.key("interpretation")));
    let ranges = ranges(doc, &input.reference_range, &found, &place.key("referenceRange"));
    map.put("referenceRange", ranges);
    map
}

fn pressure<'a>(text: &str) -> Option<Vec<Map<'a>>> {
    let text = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let (systolic, diastolic) = text.split_once('/')?;
    let part = |code: &'static str, display: &'static str, value: &str| {
        let value: u64 = value.trim().parse().ok().filter(|v| (20..=300).contains(v))?;
        let mut quantity = Map::with_capacity(4).with("value", value);
        unit(&mut quantity, Some("mmHg"), None);
        let code = Map::with_capacity(1).with("coding", vec![coding(LOINC, code, display)]);
        Some(Map::with_capacity(2).with("code", code).with("valueQuantity", quantity))
    };
    Some(vec![
        part("8480-6", "Systolic blood pressure", systolic)?,
        part("8462-4", "Diastolic blood pressure", diastolic)?,
    ])
}

/// Interpretation by its usual letters or words; others stay words.
fn interpretation<'a>(doc: &mut Doc<'a>, input: &'a Concept, place: &Place<'_>) -> Option<Map<'a>> {
    const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    let words = input.words()?;
    let asked = input.code.get().unwrap_or(words);
    let Some((code, display)) = names::interpretation(asked) else {
        return doc.concept(input, Systems::Any, place);
    };
    let mut made = Map::with_capacity(2);
    made.put_one("coding", Some(coding(SYSTEM, code, display)));
    made.put("text", words);
    Some(made)
}

fn ranges<'a>(
    doc: &mut Doc<'a>,
    list: &'a [ReferenceRange],
    found: &Found<'a>,
    place: &Place<'_>,
) -> Vec<Node<'a>> {
    let own_unit = match &found.quantity {
        Some(Measured::Sent(quantity)) => quantity.unit.get(),
        Some(Measured::Read { unit, .. }) => Some(*unit),
        None => None,
    };
    let mut made = Vec::with_capacity(list.len());
    for (i, range) in list.iter().enumerate() {
        let written = range.unit.get().or(own_unit);
        let ucum = written.and_then(units::ucum);
        let bound = |value: &Option<Decimal>| {
            value.as_ref().map(|value| {
                let mut map = Map::with_capacity(4).with("value", value.number().clone());
                put_unit(&mut map, written, ucum);
                map
            })
        };
        let mut map = Map::with_capacity(4);
        map.put_some("low", bound(&range.low));
        map.put_some("high", bound(&range.high));
        map.put_one(
            "appliesTo",
            doc.concept(&range.applies_to, Systems::Any, &place.index(i).key("appliesTo")),
        );
        map.put_some("text", range.text.get());
        // FHIR obs-3: a range says at least one of low, high and text.
        if range.low.is_some() || range.high.is_some() || range.text.get().is_some() {
            made.push(map.into());
        }
    }
    made
}

fn range_words(range: &ReferenceRange) -> Option<Cow<'_, str>> {
    if let Some(text) = range.text.get() {
        return Some(text.into());
    }
    let mut words = String::with_capacity(24);
    let written = match (&range.low, &range.high) {
        (Some(low), Some(high)) => write!(words, "{low} - {high}"),
        (Some(low), None) => write!(words, ">= {low}"),
        (None, Some(high)) => write!(words, "<= {high}"),
        (None, None) => return None,
    };
    debug_assert!(written.is_ok(), "a String takes every write");
    Some(words.into())
}

fn row<'a>(input: &'a Observation, found: &Found<'a>, notes: Vec<Option<Cow<'a, str>>>) -> Row<'a> {
    let words = found.words().or_else(|| component_words(&input.components).map(Cow::Owned));
    let mut row = Row::new(input.observation.words().unwrap_or("Observation"));
    if words.is_none() && input.components.is_empty() {
        row.fact("Result", input.data_absent_reason.words());
    }
    row.fact("Result", words);
    for range in input.reference_range.iter() {
        row.fact("Reference range", range_words(range));
    }
    let flag = input.interpretation.words();
    row.fact("Interpretation", flag.map(|f| names::interpretation(f).map_or(f, |(_, display)| display)));
    row.fact("Method", input.method.words());
    row.fact("Site", input.body_site.words());
    for note in notes.into_iter().flatten() {
        row.fact("Note", Some(note));
    }
    row
}

fn component_words(components: &[Component]) -> Option<String> {
    let one = |c: &Component| {
        let found = Found::new(c.value_quantity.as_ref(), c.value_code.as_ref(), &c.result, &c.unit);
        Some(format!("{} {}", c.observation.words()?, found.words()?))
    };
    let words: Vec<String> = components.iter().filter_map(one).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
