//! Patient, practitioners, organisation and encounter: what is administrative,
//! from the record and from the context around it.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::doc::{Doc, Ref};
use super::values::{Systems, coding, worded};
use crate::fhir::Map;
use crate::hi_type::HiType;
use crate::input::{Encounter, Identifier, Organisation, Patient, Practitioner};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems;
use crate::time::Moment;

/// The patient as context and record know them together. The context wins: it
/// is what the facility has on file.
struct Known<'a> {
    name: Option<&'a str>,
    reference: Option<&'a str>,
    gender: Option<&'a str>,
    born: Option<Cow<'a, str>>,
    mobile: Option<&'a str>,
    abha_number: Option<&'a str>,
    abha_address: Option<&'a str>,
}

fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|t| !t.is_empty())
}

impl<'a> Known<'a> {
    fn new(doc: &Doc<'a>) -> Self {
        let context = doc.context.patient.as_ref();
        let record = doc.head.patient;
        let pick = |from_context: Option<&'a str>, from_record: Option<&'a str>| from_context.or(from_record);
        let year = context.and_then(|c| c.year_of_birth).map(|y| Cow::Owned(y.to_string()));
        let optional = |text: Option<&'a String>| text.and_then(|t| filled(t));
        Self {
            name: pick(context.and_then(|c| filled(&c.name)), record.and_then(|r| r.name.get())),
            reference: pick(
                context.and_then(|c| filled(&c.reference)),
                record.and_then(|r| r.patient_reference.get()),
            ),
            gender: pick(
                optional(context.and_then(|c| c.gender.as_ref())),
                record.and_then(|r| r.gender.get()),
            ),
            born: optional(context.and_then(|c| c.birth_date.as_ref()))
                .map(Cow::Borrowed)
                .or(year)
                .or_else(|| record.and_then(|r| r.birth_date.get()).map(Cow::Borrowed))
                .or_else(|| record.and_then(|r| r.year_of_birth.get()).map(Cow::Borrowed)),
            mobile: pick(
                optional(context.and_then(|c| c.mobile.as_ref())),
                record.and_then(|r| r.mobile.get()),
            ),
            abha_number: pick(
                optional(context.and_then(|c| c.abha_number.as_ref())),
                record.and_then(|r| r.abha_number.get()),
            ),
            abha_address: pick(
                optional(context.and_then(|c| c.abha_address.as_ref())),
                record.and_then(|r| r.abha_address.get()),
            ),
        }
    }
}

/// FHIR's gender of what is written; `T` (transgender, on Indian forms) is `other`.
fn gender(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "m" | "male" => Some("male"),
        "f" | "female" => Some("female"),
        "o" | "other" | "t" | "transgender" => Some("other"),
        "u" | "unknown" => Some("unknown"),
        _ => None,
    }
}

/// A typed identifier.
pub(crate) fn identifier<'a>(
    kind: &str,
    value: impl Into<Cow<'a, str>>,
    system: Option<Cow<'a, str>>,
) -> Map<'a> {
    let kind = match systems::identifier_type(kind) {
        Some((uri, display)) => {
            Map::with_capacity(1).with("coding", vec![coding(uri, kind.to_ascii_uppercase(), display)])
        }
        None => worded(kind.to_owned()),
    };
    Map::with_capacity(3).with("type", kind).with_some("system", system).with("value", value.into())
}

fn telecom<'a>(phone: Option<&'a str>, email: Option<&'a str>) -> Vec<Map<'a>> {
    let point =
        |system: &'a str, value: &'a str| Map::with_capacity(2).with("system", system).with("value", value);
    phone.map(|p| point("phone", p)).into_iter().chain(email.map(|e| point("email", e))).collect()
}

fn address(text: Option<&str>) -> Option<Map<'_>> {
    text.map(|line| Map::with_capacity(2).with("text", line).with("country", "IN"))
}

/// Further identifiers of the record; each needs its type and its value.
fn further<'a>(doc: &mut Doc<'a>, list: &'a [Identifier], place: &Place<'_>) -> Vec<Map<'a>> {
    let mut made = Vec::new();
    for (i, one) in list.iter().enumerate() {
        let at = place.index(i);
        match (one.kind.get(), one.value.get()) {
            (Some(kind), Some(value)) => {
                made.push(identifier(kind, value, one.system.get().map(Cow::Borrowed)));
            }
            (None, _) => doc.missing(&at.key("type"), "The identifier's type"),
            (_, None) => doc.missing(&at.key("value"), "The identifier's value"),
        }
    }
    made
}

/// The one Patient of the document.
pub(crate) fn patient(doc: &mut Doc<'_>) {
    let known = Known::new(doc);
    let place = Place::ROOT.key("patient");
    same_patient(doc, &place);
    let mut draft = doc.open("Patient", "Patient");
    let identifiers = patient_identifiers(doc, &known, &place);
    if identifiers.is_empty() {
        doc.missing(&place.key("patientReference"), "The patient's reference (medical record number)");
    }
    draft.put("identifier", identifiers);
    match known.name {
        Some(name) => draft.put("name", vec![Map::with_capacity(1).with("text", name)]),
        None => doc.missing(&place.key("name"), "The patient's name"),
    }
    let record = doc.head.patient;
    draft.put("telecom", telecom(known.mobile, record.and_then(|r| r.email.get())));
    let sex = known.gender.and_then(|g| {
        let found = gender(g);
        if found.is_none() {
            doc.error(&place.key("gender"), "input.code", "Use male, female, other or unknown.");
        }
        found
    });
    draft.put_some("gender", sex);
    let born = known.born.as_deref().and_then(|b| birth_date(doc, b, &place));
    draft.put_some("birthDate", born.clone());
    draft.put_one("address", address(record.and_then(|r| r.address.get())));
    let row = Row::new(known.name.unwrap_or("Patient"))
        .with("Gender", sex)
        .with("Born", born.and_then(|b| Moment::parse(&b)).map(|b| b.words()))
        .with("MRN", known.reference)
        .with("ABHA address", known.abha_address);
    doc.patient = doc.add(draft, &row, &place).displayed(known.name);
}

fn birth_date(doc: &mut Doc<'_>, text: &str, place: &Place<'_>) -> Option<String> {
    let date = Moment::parse(text).map(|m| m.day().to_owned());
    if date.is_none() {
        doc.error(&place.key("birthDate"), "input.date", "This is not a date of birth; write YYYY-MM-DD.");
    }
    date
}

/// A record must not end in another patient's file.
fn same_patient(doc: &mut Doc<'_>, place: &Place<'_>) {
    let (Some(context), Some(record)) = (&doc.context.patient, doc.head.patient) else { return };
    let differs = |ours: Option<&str>, theirs: Option<&str>| {
        let plain = |t: &str| t.replace('-', "").to_lowercase();
        matches!((ours.and_then(filled), theirs), (Some(a), Some(b)) if plain(a) != plain(b))
    };
    let pairs = [
        ("patientReference", Some(context.reference.as_str()), record.patient_reference.get()),
        ("abhaNumber", context.abha_number.as_deref(), record.abha_number.get()),
        ("abhaAddress", context.abha_address.as_deref(), record.abha_address.get()),
    ];
    for (key, ours, theirs) in pairs {
        if !differs(ours, theirs) {
            continue;
        }
        // Systems number one patient in several ways, so a reference only warns; an ABHA is one person's.
        if key == "patientReference" {
            doc.warn(
                &place.key(key),
                "input.other-patient",
                "The record names the patient by another reference than the one it is stored for; check that it is the \
                 same person.",
            );
        } else {
            doc.error(
                &place.key(key),
                "input.other-patient",
                "The record names another patient than the one it is stored for; send it for that patient.",
            );
        }
    }
}

fn patient_identifiers<'a>(doc: &mut Doc<'a>, known: &Known<'a>, place: &Place<'_>) -> Vec<Map<'a>> {
    let system = || Some(Cow::Borrowed(systems::PATIENT_ID));
    let mut list = Vec::new();
    if let Some(number) = known.abha_number {
        match abha_number(number) {
            Some(dashed) => list.push(identifier("HIN", dashed, system())),
            None => doc.error(&place.key("abhaNumber"), "input.abha", "An ABHA number has 14 digits."),
        }
    }
    if let Some(address) = known.abha_address {
        list.push(identifier("ABHA", address, system()));
    }
    if let Some(reference) = known.reference {
        list.push(identifier("MR", reference, facility_system(doc)));
    }
    for one in doc.context.patient.iter().flat_map(|p| &p.identifiers) {
        list.push(identifier(&one.kind, one.value.as_str(), one.system.as_deref().map(Cow::Borrowed)));
    }
    let record: Option<&'a Patient> = doc.head.patient;
    if let Some(record) = record {
        list.extend(further(doc, &record.identifiers, &place.key("identifiers")));
    }
    list
}

/// Numbers that the facility gives are of the facility's own system.
fn facility_system<'a>(doc: &Doc<'a>) -> Option<Cow<'a, str>> {
    facility_id(doc).map(|id| Cow::Owned(format!("{}/{}", systems::FACILITY_ID, uri_segment(id))))
}

fn facility_id<'a>(doc: &Doc<'a>) -> Option<&'a str> {
    let context = doc.context.facility.as_ref().and_then(|f| filled(&f.id));
    context.or_else(|| doc.head.organisation.and_then(|o| o.facility_id.get()))
}

/// The text with everything but unreserved characters percent-encoded (RFC 3986).
fn uri_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `91-1234-5678-9012`, from digits dashed or plain.
fn abha_number(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain = digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit());
    let part = |from: usize, to: usize| digits.get(from..to);
    if !plain {
        return None;
    }
    Some(format!("{}-{}-{}-{}", part(0, 2)?, part(2, 6)?, part(6, 10)?, part(10, 14)?))
}

/// The facility, from the context or else from the record.
pub(crate) fn organisation(doc: &mut Doc<'_>) {
    let place = Place::ROOT.key("organisation");
    let record: Option<&Organisation> = doc.head.organisation;
    let context = doc.context.facility.as_ref();
    let name = context.and_then(|f| filled(&f.name)).or_else(|| record.and_then(|r| r.facility_name.get()));
    let id = facility_id(doc);
    if name.is_none() && id.is_none() {
        return;
    }
    let mut draft = doc.open("Organization", "Organization");
    let mut identifiers = Vec::new();
    match id {
        Some(id) => identifiers.push(identifier("PRN", id, Some(Cow::Borrowed(systems::FACILITY_ID)))),
        None => doc.missing(&place.key("facilityId"), "The facility's id"),
    }
    for one in context.iter().flat_map(|f| &f.identifiers) {
        let system = one.system.as_deref().unwrap_or(systems::FACILITY_ID);
        identifiers.push(identifier(&one.kind, one.value.as_str(), Some(Cow::Borrowed(system))));
    }
    if let Some(record) = record {
        for (i, one) in record.identifiers.iter().enumerate() {
            if one.system.get().is_none() {
                let at = place.key("identifiers");
                doc.missing(&at.index(i).key("system"), "The system (a URI) of a facility's identifier");
            }
        }
        identifiers.extend(further(doc, &record.identifiers, &place.key("identifiers")));
    }
    draft.put("identifier", identifiers);
    match name {
        Some(name) => draft.put("name", name),
        None => doc.missing(&place.key("facilityName"), "The facility's name"),
    }
    let phone = context.and_then(|f| f.phone.as_deref()).or_else(|| record.and_then(|r| r.phone.get()));
    draft.put("telecom", telecom(phone, record.and_then(|r| r.email.get())));
    let place_line =
        context.and_then(|f| f.address.as_deref()).or_else(|| record.and_then(|r| r.address.get()));
    draft.put_one("address", address(place_line));
    let row = Row::new(name.unwrap_or("Facility")).with("Facility id", id).with("Address", place_line);
    doc.organisation = Some(doc.add(draft, &row, &place).displayed(name));
}

/// Everyone who stands for the record.
pub(crate) fn practitioners(doc: &mut Doc<'_>) {
    let list = doc.head.practitioners;
    let place = Place::ROOT.key("practitioners");
    for (i, one) in list.iter().enumerate() {
        let made = practitioner(doc, one, &place.index(i));
        doc.practitioners.push(made);
    }
    if doc.practitioners.is_empty() && doc.organisation.is_none() {
        doc.missing(&place, "Who wrote the record: a practitioner, or the facility");
    }
}

fn practitioner<'a>(doc: &mut Doc<'a>, one: &'a Practitioner, place: &Place<'_>) -> Ref {
    let mut draft = doc.open("Practitioner", "Practitioner");
    let mut identifiers = practitioner_identifiers(one);
    identifiers.extend(further(doc, &one.identifiers, &place.key("identifiers")));
    if identifiers.is_empty() {
        doc.warn(
            &place.key("practitionerId"),
            "input.practitioner-id",
            "The practitioner has no number; send the registration number of the medical council.",
        );
        let own = draft.reference().own_number();
        identifiers.push(identifier("U", own, Some(Cow::Borrowed("urn:ietf:rfc:3986"))));
    }
    draft.put("identifier", identifiers);
    match one.name.get() {
        Some(name) => draft.put("name", vec![Map::with_capacity(1).with("text", name)]),
        None => doc.missing(&place.key("name"), "The practitioner's name"),
    }
    draft.put("telecom", telecom(one.phone.get(), one.email.get()));
    let sex = one.gender.get().map(|g| (g, gender(g)));
    if let Some((_, None)) = sex {
        doc.error(&place.key("gender"), "input.code", "Use male, female, other or unknown.");
    }
    draft.put_some("gender", sex.and_then(|(_, g)| g));
    let qualification = doc.concept(&one.qualification, Systems::Any, &place.key("qualification"));
    let specialty = doc.concept(&one.specialty, Systems::Any, &place.key("specialty"));
    let codes = qualification.into_iter().chain(specialty);
    draft.put("qualification", codes.map(|c| Map::with_capacity(1).with("code", c)).collect::<Vec<_>>());
    let row = Row::new(one.name.get().unwrap_or("Practitioner"))
        .with("Qualification", one.qualification.words())
        .with("Specialty", one.specialty.words())
        .with("Registration", one.registration_number.get().or_else(|| one.practitioner_id.get()));
    doc.add(draft, &row, place).displayed(one.name.get())
}

fn practitioner_identifiers(one: &Practitioner) -> Vec<Map<'_>> {
    let mut list = Vec::with_capacity(3);
    if let Some(number) = one.registration_number.get() {
        let mut map = identifier("MD", number, Some(Cow::Borrowed(systems::PRACTITIONER_ID)));
        map.put_some(
            "assigner",
            one.registration_council.get().map(|c| Map::with_capacity(1).with("display", c)),
        );
        list.push(map);
    }
    if let Some(id) = one.hpr_id.get() {
        list.push(identifier("HPID", id, Some(Cow::Borrowed(systems::PRACTITIONER_ID))));
    }
    if let Some(id) = one.practitioner_id.get() {
        // Without a registration number this is the only one, as in NHA's mapper.
        let kind = if one.registration_number.get().is_none() { "MD" } else { "EI" };
        list.push(identifier(kind, id, (kind == "MD").then_some(Cow::Borrowed(systems::PRACTITIONER_ID))));
    }
    list
}

/// v3-ActCode classes of an encounter, with the words they go by.
const CLASSES: [(&str, &str, &[&str]); 6] = [
    ("AMB", "ambulatory", &["op", "opd", "outpatient", "ambulatory"]),
    ("IMP", "inpatient encounter", &["ip", "ipd", "inpatient"]),
    ("EMER", "emergency", &["er", "emergency", "casualty"]),
    ("VR", "virtual", &["virtual", "teleconsultation", "tele"]),
    ("HH", "home health", &["home"]),
    ("SS", "short stay", &["day care", "daycare"]),
];

const STATUSES: [&str; 9] = [
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
];

/// The occasion. Where the profile asks for one it is made from the visit.
pub(crate) fn encounter(doc: &mut Doc<'_>, diagnoses: &[Ref]) {
    static NONE: std::sync::LazyLock<Encounter> = std::sync::LazyLock::new(Encounter::default);
    let needed = matches!(doc.hi_type, HiType::OPConsultation | HiType::DischargeSummary);
    let given = doc.head.encounter.filter(|e| !e.is_blank());
    if !needed && given.is_none() {
        return;
    }
    let input: &Encounter = given.unwrap_or(&NONE);
    let place = Place::ROOT.key("encounter");
    let mut draft = doc.open("Encounter", "Encounter");
    let number = input
        .identifier
        .get()
        .or_else(|| doc.context.visit.as_ref().and_then(|v| filled(&v.reference)))
        .or_else(|| doc.head.care_context_reference.get());
    let identifier =
        number.map(|n| Map::with_capacity(2).with("system", systems::ENCOUNTER_ID).with("value", n));
    draft.put_one("identifier", identifier);
    draft.put("status", doc.code(&input.status, &STATUSES, "finished", &place.key("status")));
    let class = class(doc, input, &place);
    draft.put("class", coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", class.0, class.1));
    draft.put_one("type", doc.concept(&input.kind, Systems::Any, &place.key("type")));
    draft.put_some("serviceType", doc.concept(&input.department, Systems::Any, &place.key("department")));
    draft.put("subject", doc.patient.to());
    let participants: Vec<_> =
        doc.practitioners.iter().map(|p| Map::with_capacity(1).with("individual", p.named())).collect();
    draft.put("participant", participants);
    let period = doc.span(&input.start, &input.end, ["start", "end"], &place);
    // An outpatient visit is on the day of its note; a stay has its own days.
    let visit = || Map::with_capacity(1).with("start", doc.date.as_str().to_owned());
    let period = period.or_else(|| (class.0 == "AMB").then(visit));
    draft.put_some("period", period);
    let reasons = reasons(doc, input, &place);
    draft.put("reasonCode", reasons);
    let diagnoses: Vec<_> =
        diagnoses.iter().map(|d| Map::with_capacity(1).with("condition", d.to())).collect();
    draft.put("diagnosis", diagnoses);
    let went = doc.concept(&input.discharge_disposition, Systems::Any, &place.key("dischargeDisposition"));
    draft.put_some("hospitalization", went.map(|w| Map::with_capacity(1).with("dischargeDisposition", w)));
    draft.put_some("serviceProvider", doc.organisation.as_ref().map(Ref::named));
    let row = Row::new(input.kind.words().unwrap_or(class.1))
        .with("Number", number)
        .with("Department", input.department.words())
        .with("From", super::values::date_words(&input.start))
        .with("To", super::values::date_words(&input.end))
        .with("Discharge", input.discharge_disposition.words());
    doc.encounter = Some(doc.add(draft, &row, &place));
}

fn reasons<'a>(doc: &mut Doc<'a>, input: &'a Encounter, place: &Place<'_>) -> Vec<Map<'a>> {
    let at = place.key("reasons");
    let mut list = Vec::new();
    for (i, reason) in input.reasons.iter().enumerate() {
        list.extend(doc.concept(reason, Systems::Snomed, &at.index(i)));
    }
    list
}

fn class(doc: &mut Doc<'_>, input: &Encounter, place: &Place<'_>) -> (&'static str, &'static str) {
    let default = if doc.hi_type == HiType::DischargeSummary { &CLASSES[1] } else { &CLASSES[0] };
    let Some(text) = input.class.get() else { return (default.0, default.1) };
    let found = CLASSES.iter().find(|(code, display, words)| {
        code.eq_ignore_ascii_case(text)
            || display.eq_ignore_ascii_case(text)
            || words.iter().any(|w| w.eq_ignore_ascii_case(text))
    });
    let Some(found) = found else {
        doc.error(&place.key("class"), "input.code", "Use one of AMB, IMP, EMER, VR, HH, SS.");
        return (default.0, default.1);
    };
    (found.0, found.1)
}
