//! Conditions, allergies, family history, orders, procedures and appointments.

use std::borrow::Cow;

use super::doc::{Doc, Ref};
use super::sections::Made;
use super::values::{Systems, date_words, ends_before, period_words};
use crate::fhir::{Map, Node};
use crate::input::{
    Allergy, Concept, Condition, FamilyHistory, FollowUp, Procedure, Reaction, ServiceRequest,
};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::time::Moment;

const CLINICAL: [&str; 6] = ["active", "recurrence", "relapse", "inactive", "remission", "resolved"];
const VERIFICATION: [&str; 6] =
    ["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"];
pub(crate) const REQUEST: [&str; 7] =
    ["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"];

/// A status that FHIR codes with a system and displays capitalised.
fn status<'a>(system: &'a str, code: &'static str) -> Map<'a> {
    let display = match code {
        "entered-in-error" => "Entered in Error".to_owned(),
        code => {
            let mut letters = code.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        }
    };
    let coding = super::values::coding(system, code, display);
    Map::with_capacity(1).with("coding", vec![coding])
}

/// A complaint, a diagnosis or an illness of the past.
pub(crate) fn condition<'a>(doc: &mut Doc<'a>, input: &'a Condition, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Condition::default() {
        return None;
    }
    let mut draft = doc.open("Condition", "Condition");
    let clinical = doc.code_if_any(&input.clinical_status, &CLINICAL, &place.key("clinicalStatus"));
    let verified =
        doc.code_if_any(&input.verification_status, &VERIFICATION, &place.key("verificationStatus"));
    // FHIR con-5: what was entered in error has no clinical status.
    let clinical_sent = clinical.filter(|_| verified != Some("entered-in-error"));
    draft.put_some(
        "clinicalStatus",
        clinical_sent.map(|c| status("http://terminology.hl7.org/CodeSystem/condition-clinical", c)),
    );
    draft.put_some(
        "verificationStatus",
        verified.map(|v| status("http://terminology.hl7.org/CodeSystem/condition-ver-status", v)),
    );
    draft.put_some("severity", doc.concept(&input.severity, Systems::Any, &place.key("severity")));
    let at = place.key("complaint");
    draft
        .put_some("code", doc.needed(&input.complaint, Systems::SnomedOrIcd10, &at, "What the condition is"));
    draft.put_one("bodySite", doc.concept(&input.body_site, Systems::Any, &place.key("bodySite")));
    draft.put("subject", doc.patient.to());
    draft.put_some("onsetPeriod", doc.period(input.date_range.as_ref(), &place.key("dateRange")));
    draft.put_some("recordedDate", doc.date_time(&input.recorded_date, &place.key("recordedDate")));
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    let row = Row::new(input.complaint.words().unwrap_or("Condition"))
        .with("Status", clinical)
        .with("Certainty", verified)
        .with("Severity", input.severity.words())
        .with("Site", input.body_site.words())
        .with("When", period_words(input.date_range.as_ref()))
        .with("Recorded", date_words(&input.recorded_date))
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// An allergy or intolerance.
pub(crate) fn allergy<'a>(doc: &mut Doc<'a>, input: &'a Allergy, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Allergy::default() {
        return None;
    }
    let mut draft = doc.open("AllergyIntolerance", "AllergyIntolerance");
    let verified = doc.code_if_any(
        &input.verification_status,
        &["unconfirmed", "confirmed", "refuted", "entered-in-error"],
        &place.key("verificationStatus"),
    );
    let clinical = doc.code(
        &input.clinical_status,
        &["active", "inactive", "resolved"],
        "active",
        &place.key("clinicalStatus"),
    );
    // FHIR ait-1 and ait-2: a clinical status, unless it was entered in error.
    if verified != Some("entered-in-error") {
        draft.put(
            "clinicalStatus",
            status("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", clinical),
        );
    }
    draft.put_some(
        "verificationStatus",
        verified.map(|v| status("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", v)),
    );
    draft.put_some("type", doc.code_if_any(&input.kind, &["allergy", "intolerance"], &place.key("type")));
    let categories = ["food", "medication", "environment", "biologic"];
    draft.put_one("category", doc.code_if_any(&input.category, &categories, &place.key("category")));
    let criticality =
        doc.code_if_any(&input.criticality, &["low", "high", "unable-to-assess"], &place.key("criticality"));
    draft.put_some("criticality", criticality);
    let at = place.key("substance");
    draft.put_some(
        "code",
        doc.needed(&input.substance, Systems::Snomed, &at, "What the patient is allergic to"),
    );
    draft.put("patient", doc.patient.to());
    draft.put_some("recordedDate", doc.date_time(&input.recorded_date, &place.key("recordedDate")));
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    let reactions = reactions(doc, &input.reactions, &place.key("reactions"));
    draft.put("reaction", reactions);
    let shown: Vec<&str> = input.reactions.iter().filter_map(|r| r.manifestation.words()).collect();
    let row = Row::new(input.substance.words().unwrap_or("Allergy"))
        .with("Reaction", (!shown.is_empty()).then(|| shown.join(", ")))
        .with("Criticality", criticality)
        .with("Certainty", verified)
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn reactions<'a>(doc: &mut Doc<'a>, list: &'a [Reaction], place: &Place<'_>) -> Vec<Map<'a>> {
    let mut made = Vec::new();
    for (i, one) in list.iter().enumerate() {
        let at = place.index(i);
        let shown =
            doc.needed(&one.manifestation, Systems::Any, &at.key("manifestation"), "How the reaction showed");
        let mut map = Map::with_capacity(3);
        map.put_one("manifestation", shown);
        map.put_some("onset", doc.date_time(&one.date, &at.key("date")));
        map.put_some(
            "severity",
            doc.code_if_any(&one.severity, &["mild", "moderate", "severe"], &at.key("severity")),
        );
        made.push(map);
    }
    made
}

/// An illness in the family.
pub(crate) fn family<'a>(doc: &mut Doc<'a>, input: &'a FamilyHistory, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == FamilyHistory::default() {
        return None;
    }
    let mut draft = doc.open("FamilyMemberHistory", "FamilyMemberHistory");
    let statuses = ["partial", "completed", "entered-in-error", "health-unknown"];
    draft.put("status", doc.code(&input.status, &statuses, "completed", &place.key("status")));
    draft.put("patient", doc.patient.to());
    let at = place.key("relationship");
    draft
        .put_some("relationship", doc.needed(&input.relationship, Systems::Any, &at, "Which relative it is"));
    let at = place.key("observation");
    let mut illness = Map::with_capacity(3);
    illness.put_some("code", doc.needed(&input.observation, Systems::Snomed, &at, "What the relative had"));
    illness.put_some("contributedToDeath", input.contributed_to_death);
    illness.put_some("onsetString", input.onset.get());
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    draft.put("condition", vec![illness]);
    let row = Row::new(input.relationship.words().unwrap_or("Relative"))
        .with("Condition", input.observation.words())
        .with("Began", input.onset.get())
        .with("Died of it", input.contributed_to_death.filter(|d| *d).map(|_| "yes"))
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

const INTENTS: [&str; 9] = [
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];

/// An investigation advised, or a referral.
pub(crate) fn service_request<'a>(
    doc: &mut Doc<'a>,
    input: &'a ServiceRequest,
    place: &Place<'_>,
) -> Option<Made<'a>> {
    if *input == ServiceRequest::default() {
        return None;
    }
    let mut draft = doc.open("ServiceRequest", "ServiceRequest");
    draft.put("status", doc.code(&input.status, &REQUEST, "active", &place.key("status")));
    draft.put("intent", doc.code(&input.intent, &INTENTS, "order", &place.key("intent")));
    draft.put_one("category", doc.concept(&input.category, Systems::Any, &place.key("category")));
    let priority =
        doc.code_if_any(&input.priority, &["routine", "urgent", "asap", "stat"], &place.key("priority"));
    draft.put_some("priority", priority);
    let at = place.key("details");
    draft.put_some("code", doc.needed(&input.details, Systems::Snomed, &at, "What is asked for"));
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    draft.put_some("occurrenceDateTime", doc.date_time(&input.date, &place.key("date")));
    draft.put("authoredOn", doc.date.as_str().to_owned());
    draft.put_some("requester", doc.author().map(Ref::named));
    let to = input.refer_to.get().map(|t| Map::with_capacity(1).with("display", t));
    draft.put_one("performer", to);
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Any, &place.key("reason")));
    let specimen = input.specimen.get().map(|s| Map::with_capacity(1).with("display", s));
    draft.put_one("specimen", specimen);
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    draft.put_some("patientInstruction", input.instruction.get());
    let row = Row::new(input.details.words().unwrap_or("Request"))
        .with("Specimen", input.specimen.get())
        .with("Priority", priority)
        .with("Referred to", input.refer_to.get())
        .with("Reason", input.reason.words())
        .with("When", date_words(&input.date))
        .with("Instruction", input.instruction.get())
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

const PROCEDURE: [&str; 8] = [
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
];

/// A procedure.
pub(crate) fn procedure<'a>(doc: &mut Doc<'a>, input: &'a Procedure, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Procedure::default() {
        return None;
    }
    let mut draft = doc.open("Procedure", "Procedure");
    let status = doc.code(&input.status, &PROCEDURE, "unknown", &place.key("status"));
    draft.put("status", status);
    draft.put_some("category", doc.concept(&input.category, Systems::Snomed, &place.key("category")));
    let at = place.key("procedureName");
    draft.put_some("code", doc.needed(&input.procedure_name, Systems::Snomed, &at, "What was done"));
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    if input.end_date.get().is_some() {
        draft.put_some("performedPeriod", doc.span(&input.date, &input.end_date, ["date", "endDate"], place));
    } else {
        draft.put_some("performedDateTime", doc.date_time(&input.date, &place.key("date")));
    }
    let reason = doc.concept(&input.procedure_reason, Systems::Snomed, &place.key("procedureReason"));
    draft.put_one("reasonCode", reason);
    draft.put_one("bodySite", doc.concept(&input.body_site, Systems::Snomed, &place.key("bodySite")));
    draft.put_some("outcome", doc.concept(&input.outcome, Systems::Snomed, &place.key("outcome")));
    let complications = concepts(doc, &input.complications, &place.key("complications"));
    draft.put("complication", complications);
    let follow_up = concepts(doc, &input.follow_up, &place.key("followUp"));
    draft.put("followUp", follow_up);
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    let row = Row::new(input.procedure_name.words().unwrap_or("Procedure"))
        .with("Date", date_words(&input.date))
        .with("Status", Some(status))
        .with("Reason", input.procedure_reason.words())
        .with("Site", input.body_site.words())
        .with("Outcome", input.outcome.words())
        .with("Complications", words_of(&input.complications))
        .with("Follow-up", words_of(&input.follow_up))
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// Several concepts of one element.
pub(crate) fn concepts<'a>(doc: &mut Doc<'a>, list: &'a [Concept], place: &Place<'_>) -> Vec<Map<'a>> {
    let mut made = Vec::new();
    for (i, one) in list.iter().enumerate() {
        made.extend(doc.concept(one, Systems::Any, &place.index(i)));
    }
    made
}

/// Several concepts in words.
pub(crate) fn words_of(list: &[Concept]) -> Option<String> {
    let words: Vec<&str> = list.iter().filter_map(Concept::words).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

const APPOINTMENT: [&str; 10] = [
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
];

/// A follow-up appointment. FHIR app-2 wants both ends: a day lasts until its
/// end, a time without an end is a point.
pub(crate) fn follow_up<'a>(doc: &mut Doc<'a>, input: &'a FollowUp, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == FollowUp::default() {
        return None;
    }
    let mut draft = doc.open("Appointment", "Appointment");
    draft.put("status", doc.code(&input.status, &APPOINTMENT, "proposed", &place.key("status")));
    draft
        .put_one("serviceType", doc.concept(&input.service_type, Systems::Snomed, &place.key("serviceType")));
    draft.put_one("specialty", doc.concept(&input.specialty, Systems::Snomed, &place.key("specialty")));
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Snomed, &place.key("reason")));
    let at = place.key("appointmentTime");
    if input.appointment_time.get().is_none() {
        doc.missing(&at, "When the patient should come");
    }
    let start = doc.moment(&input.appointment_time, &at);
    let end = doc.moment(&input.end_time, &place.key("endTime"));
    if let (Some(start), Some(end)) = (&start, &end)
        && ends_before(start, end)
    {
        doc.error(
            &place.key("endTime"),
            "input.period",
            "The end is before the beginning; swap or mend them.",
        );
    }
    let until = end.as_ref().or(start.as_ref()).map(Moment::end);
    draft.put_some("start", start.as_ref().map(Moment::instant));
    draft.put_some("end", until);
    draft.put("created", doc.date.as_str().to_owned());
    draft.put_some("comment", input.note.get());
    draft.put_some("patientInstruction", input.instruction.get());
    draft.put("participant", participants(doc));
    let row = Row::new(input.service_type.words().unwrap_or("Follow-up"))
        .with("When", start.map(|s| s.words()))
        .with("Specialty", input.specialty.words())
        .with("Reason", input.reason.words())
        .with("Instruction", input.instruction.get())
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn participants<'a>(doc: &Doc<'a>) -> Vec<Node<'a>> {
    let one = |actor: Map<'a>, status: &'static str| {
        Map::with_capacity(2).with("actor", actor).with("status", status).into()
    };
    let mut list: Vec<Node<'a>> = vec![one(doc.patient.to(), "accepted")];
    list.extend(doc.practitioners.first().map(|p| one(p.named(), "accepted")));
    list
}
