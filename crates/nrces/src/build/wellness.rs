//! WellnessRecord and HealthDocumentRecord.

use super::clinical::condition;
use super::consultation::{documents, each, observations};
use super::doc::Doc;
use super::observation::Profile;
use super::sections::{Kind, Sections};
use crate::input::{HealthDocumentRecord, WellnessRecord};
use crate::pointer::Place;

/// Sections are told by their title; the profile asks for no code.
const VITAL_SIGNS: Kind = Kind::uncoded("Vital Signs", "Vital sign");
const BODY_MEASUREMENT: Kind = Kind::uncoded("Body Measurement", "Measurement");
const PHYSICAL_ACTIVITY: Kind = Kind::uncoded("Physical Activity", "Activity");
const GENERAL_ASSESSMENT: Kind = Kind::uncoded("General Assessment", "Assessment");
const WOMEN_HEALTH: Kind = Kind::uncoded("Women Health", "Observation");
const LIFESTYLE: Kind = Kind::uncoded("Lifestyle", "Habit");
const OTHER_OBSERVATIONS: Kind = Kind::uncoded("Other Observations", "Observation");
const DOCUMENTS: Kind = Kind::uncoded("Document Reference", "Document");
const RECORD_ARTIFACT: Kind = Kind::snomed("Health Documents", "419891008", "Record artifact", "Document");

/// Vital signs, measurements and habits.
pub(super) fn wellness_record<'a>(doc: &mut Doc<'a>, input: &'a WellnessRecord) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    let mut sections = Sections::default();
    let parts = [
        (VITAL_SIGNS, &input.vital_signs, "vitalSigns", Profile::VitalSigns),
        (BODY_MEASUREMENT, &input.body_measurements, "bodyMeasurements", Profile::BodyMeasurement),
        (PHYSICAL_ACTIVITY, &input.physical_activities, "physicalActivities", Profile::PhysicalActivity),
        (GENERAL_ASSESSMENT, &input.general_assessments, "generalAssessments", Profile::GeneralAssessment),
        (WOMEN_HEALTH, &input.woman_healths, "womanHealths", Profile::WomenHealth),
        (LIFESTYLE, &input.life_styles, "lifeStyles", Profile::Lifestyle),
    ];
    for (kind, list, key, profile) in parts {
        sections.push(kind, observations(doc, list, key, profile));
    }
    let mut others = observations(doc, &input.other_observations, "otherObservations", Profile::General);
    others.extend(each(doc, &input.conditions, "conditions", condition));
    sections.push(OTHER_OBSERVATIONS, others);
    sections.push(DOCUMENTS, documents(doc));
    sections
}

/// Scanned or otherwise unstructured documents.
pub(super) fn health_document<'a>(doc: &mut Doc<'a>, _: &'a HealthDocumentRecord) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    let made = documents(doc);
    if made.is_empty() {
        doc.missing(&Place::ROOT.key("documents"), "A document");
    }
    let mut sections = Sections::default();
    sections.push(RECORD_ARTIFACT, made);
    sections
}
