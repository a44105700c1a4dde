//! OPConsultation and DischargeSummary, which share most of their sections.

use super::clinical::{allergy, condition, family, follow_up, procedure, service_request};
use super::doc::{Doc, Ref};
use super::document;
use super::medication;
use super::observation::{Profile, observation};
use super::sections::{Kind, Made, Sections};
use crate::input::{List, OPConsultation, Observation};
use crate::pointer::Place;

/// Makes every item of a list that makes anything.
pub(super) fn each<'a, T>(
    doc: &mut Doc<'a>,
    list: &'a [T],
    key: &'static str,
    make: impl Fn(&mut Doc<'a>, &'a T, &Place<'_>) -> Option<Made<'a>>,
) -> Vec<Made<'a>> {
    let at = Place::ROOT.key(key);
    let mut made = Vec::with_capacity(list.len());
    for (i, item) in list.iter().enumerate() {
        made.extend(make(doc, item, &at.index(i)));
    }
    made
}

/// Observations of a profile.
pub(super) fn observations<'a>(
    doc: &mut Doc<'a>,
    list: &'a List<Observation>,
    key: &'static str,
    profile: Profile,
) -> Vec<Made<'a>> {
    each(doc, list, key, |doc, item, at| observation(doc, item, profile, at))
}

/// Diagnoses come before the encounter, which points at them.
pub(super) fn diagnoses<'a>(
    doc: &mut Doc<'a>,
    list: &'a [crate::input::Condition],
) -> (Vec<Made<'a>>, Vec<Ref>) {
    let made = each(doc, list, "diagnoses", |doc, item, at| {
        condition(doc, item, at).map(|mut made| {
            made.row.fact("Kind", Some("Diagnosis"));
            made
        })
    });
    let references = made.iter().map(|m| m.reference.clone()).collect();
    (made, references)
}

pub(super) const CHIEF_COMPLAINTS: Kind =
    Kind::snomed("Chief Complaints", "422843007", "Chief complaint section", "Complaint");
pub(super) const PHYSICAL_EXAMINATION: Kind =
    Kind::snomed("Physical Examination", "425044008", "Physical exam section", "Examination");
pub(super) const ALLERGIES: Kind = Kind::snomed("Allergies", "722446000", "Allergy record", "Allergy");
pub(super) const FAMILY_HISTORY: Kind =
    Kind::snomed("Family History", "422432008", "Family history section", "Relative");
const MEDICAL_HISTORY: Kind =
    Kind::snomed("Medical History", "371529009", "History and physical report", "Condition");
const INVESTIGATION_ADVICE: Kind =
    Kind::snomed("Investigation Advice", "721963009", "Order document", "Investigation");
const MEDICATIONS: Kind = Kind::snomed("Medications", "721912009", "Medication summary document", "Medicine");
const FOLLOW_UP: Kind = Kind::snomed("Follow Up", "390906007", "Follow-up encounter", "Appointment");
const PROCEDURES: Kind = Kind::snomed("Procedures", "371525003", "Clinical procedure report", "Procedure");
const REFERRALS: Kind = Kind::snomed("Referral", "306206005", "Referral to service", "Referral");
const OTHER_OBSERVATIONS: Kind =
    Kind::snomed("Other Observations", "404684003", "Clinical finding", "Observation");
const DOCUMENTS: Kind = Kind::snomed("Documents", "371530004", "Clinical consultation report", "Document");

/// The note of an outpatient consultation.
pub(super) fn op_consultation<'a>(doc: &mut Doc<'a>, input: &'a OPConsultation) -> Sections<'a> {
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
    let advised = each(doc, &input.service_requests, "serviceRequests", service_request);
    sections.push(INVESTIGATION_ADVICE, advised);
    let mut medicines = each(doc, &input.medications, "medications", medication::request);
    medicines.extend(each(doc, &input.current_medications, "currentMedications", medication::statement));
    sections.push(MEDICATIONS, medicines);
    sections.push(FOLLOW_UP, each(doc, &input.followups, "followups", follow_up));
    sections.push(PROCEDURES, each(doc, &input.procedures, "procedures", procedure));
    sections.push(REFERRALS, each(doc, &input.referrals, "referrals", service_request));
    let others = observations(doc, &input.other_observations, "otherObservations", Profile::General);
    sections.push(OTHER_OBSERVATIONS, others);
    sections.push(DOCUMENTS, documents(doc));
    sections
}

/// The files of the record.
pub(super) fn documents<'a>(doc: &mut Doc<'a>) -> Vec<Made<'a>> {
    let list = doc.head.documents;
    each(doc, list, "documents", document::reference)
}
