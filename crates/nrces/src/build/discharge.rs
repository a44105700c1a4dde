//! DischargeSummary.

use std::borrow::Cow;

use super::clinical::{REQUEST, allergy, condition, family, procedure};
use super::consultation::{
    ALLERGIES, CHIEF_COMPLAINTS, FAMILY_HISTORY, PHYSICAL_EXAMINATION, diagnoses, documents, each,
    observations,
};
use super::diagnostics;
use super::doc::{Doc, Ref};
use super::medication;
use super::observation::Profile;
use super::sections::{Kind, Made, Sections};
use super::values::{Systems, date_words, period_words};
use crate::fhir::Map;
use crate::input::{Activity, CarePlan, DischargeSummary, Text};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems::LOINC;

const MEDICAL_HISTORY: Kind =
    Kind::snomed("Medical History", "1003642006", "Past medical history section", "Condition");
const INVESTIGATIONS: Kind =
    Kind::snomed("Investigations", "721981007", "Diagnostic studies report", "Report");
const MEDICATIONS: Kind = Kind::snomed("Medications", "1003606003", "Medication history section", "Medicine");
const PROCEDURES: Kind =
    Kind::snomed("Procedures", "1003640003", "History of past procedure section", "Procedure");
const CARE_PLAN: Kind = Kind::snomed("Care Plan", "734163000", "Care plan", "Plan");
const DOCUMENTS: Kind = Kind::snomed("Documents", "373942005", "Discharge summary", "Document");
/// Not one of the profile's sections, so it stands after them.
const HOSPITAL_COURSE: Kind = Kind {
    title: "Hospital Course",
    code: Some((LOINC, "8648-8", "Hospital course Narrative")),
    heading: "Course",
};

/// The summary of an inpatient stay.
pub(super) fn discharge_summary<'a>(doc: &mut Doc<'a>, input: &'a DischargeSummary) -> Sections<'a> {
    let (diagnoses, references) = diagnoses(doc, &input.diagnoses);
    super::people::encounter(doc, &references);
    let mut sections = Sections::default();
    sections.push(CHIEF_COMPLAINTS, each(doc, &input.chief_complaints, "chiefComplaints", condition));
    let examined = observations(doc, &input.physical_examinations, "physicalExaminations", Profile::General);
    sections.push(PHYSICAL_EXAMINATION, examined);
    sections.push(ALLERGIES, each(doc, &input.allergies, "allergies", allergy));
    let mut history = each(doc, &input.medical_histories, "medicalHistories", condition);
    history.extend(diagnoses);
    sections.push(MEDICAL_HISTORY, history);
    sections.push(FAMILY_HISTORY, each(doc, &input.family_histories, "familyHistories", family));
    sections.push(INVESTIGATIONS, each(doc, &input.diagnostics, "diagnostics", diagnostics::report));
    sections.push(MEDICATIONS, each(doc, &input.medications, "medications", medication::request));
    sections.push(PROCEDURES, each(doc, &input.procedures, "procedures", procedure));
    let plan = input.care_plan.as_ref().and_then(|p| care_plan(doc, p, &Place::ROOT.key("carePlan")));
    sections.push(CARE_PLAN, plan.into_iter().collect());
    sections.push(DOCUMENTS, documents(doc));
    if let Some(course) = input.hospital_course.get() {
        sections.push_text(HOSPITAL_COURSE, course);
    }
    sections
}

fn care_plan<'a>(doc: &mut Doc<'a>, input: &'a CarePlan, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == CarePlan::default() {
        return None;
    }
    let mut draft = doc.open("CarePlan", "CarePlan");
    draft.put("status", doc.code(&input.status, &REQUEST, "active", &place.key("status")));
    let intents = ["proposal", "plan", "order", "option"];
    draft.put("intent", doc.code(&input.intent, &intents, "plan", &place.key("intent")));
    draft.put_one("category", doc.concept(&input.kind, Systems::Snomed, &place.key("type")));
    draft.put_some("title", input.kind.words());
    draft.put_some("description", input.description.get());
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    draft.put_some("period", doc.period(input.period.as_ref(), &place.key("period")));
    draft.put("created", doc.date.as_str().to_owned());
    draft.put_some("author", doc.author().map(Ref::named));
    let goals: Vec<&str> =
        std::iter::once(&input.goal).chain(input.goals.iter()).filter_map(Text::get).collect();
    draft.put("goal", goals.iter().map(|g| Map::with_capacity(1).with("display", *g)).collect::<Vec<_>>());
    let at = place.key("activities");
    let mut activities = Vec::with_capacity(input.activities.len());
    for (i, one) in input.activities.iter().enumerate() {
        activities.extend(activity(doc, one, &at.index(i)));
    }
    draft.put("activity", activities);
    draft.note(&[input.notes.get().map(Cow::Borrowed)]);
    let mut row = Row::new(input.kind.words().unwrap_or("Care plan"))
        .with("Description", input.description.get())
        .with("Goal", (!goals.is_empty()).then(|| goals.join("; ")))
        .with("Period", period_words(input.period.as_ref()))
        .with("Note", input.notes.get());
    for one in input.activities.iter() {
        let when = date_words(&one.date).map(|d| format!(" ({d})")).unwrap_or_default();
        row.fact("To do", activity_words(one).map(|what| format!("{what}{when}")));
    }
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn activity_words(one: &Activity) -> Option<&str> {
    one.description.get().or_else(|| one.code.words())
}

const ACTIVITY: [&str; 9] = [
    "not-started",
    "scheduled",
    "in-progress",
    "on-hold",
    "completed",
    "cancelled",
    "stopped",
    "unknown",
    "entered-in-error",
];

fn activity<'a>(doc: &mut Doc<'a>, input: &'a Activity, place: &Place<'_>) -> Option<Map<'a>> {
    if *input == Activity::default() {
        return None;
    }
    let mut detail = Map::with_capacity(4);
    detail.put_some("code", doc.concept(&input.code, Systems::Any, &place.key("code")));
    detail.put("status", doc.code(&input.status, &ACTIVITY, "not-started", &place.key("status")));
    let date = doc.date_time(&input.date, &place.key("date"));
    detail.put_some("scheduledPeriod", date.map(|d| Map::with_capacity(1).with("start", d)));
    detail.put_some("description", input.description.get());
    Some(Map::with_capacity(1).with("detail", detail))
}
