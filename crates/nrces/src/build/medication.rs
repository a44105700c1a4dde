//! Medicines prescribed (`MedicationRequest`) and taken (`MedicationStatement`).

use std::borrow::Cow;

use super::doc::{Doc, Ref};
use super::dosage;
use super::sections::Made;
use super::values::{Systems, period_words, quantity_words};
use crate::fhir::Map;
use crate::input::{Decimal, Medication};
use crate::narrative::Row;
use crate::pointer::Place;

const STATUSES: [&str; 8] =
    ["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"];
const INTENTS: [&str; 8] = [
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];

/// A medicine prescribed.
pub(crate) fn request<'a>(doc: &mut Doc<'a>, input: &'a Medication, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Medication::default() {
        return None;
    }
    let mut draft = doc.open("MedicationRequest", "MedicationRequest");
    draft.put("status", doc.code(&input.status, &STATUSES, "active", &place.key("status")));
    draft.put("intent", doc.code(&input.intent, &INTENTS, "order", &place.key("intent")));
    let at = place.key("medicine");
    let medicine = doc.needed(&input.medicine, Systems::Snomed, &at, "The medicine");
    draft.put_some("medicationCodeableConcept", medicine);
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    let when = doc.date_time(&input.authored_on, &place.key("authoredOn"));
    draft.put("authoredOn", when.unwrap_or_else(|| doc.date.as_str().to_owned()));
    draft.put_some("requester", doc.author().map(Ref::named));
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Snomed, &place.key("reason")));
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    if says_no_dosage(input) {
        doc.missing(&place.key("dosage"), "How much to take and when");
    }
    let instructions = dosage::instructions(doc, input, place);
    draft.put("dosageInstruction", instructions);
    let dispense = dispense(doc, input, place);
    draft.put("dispenseRequest", dispense);
    let substitution = input.substitution_allowed.map(|s| Map::with_capacity(1).with("allowedBoolean", s));
    draft.put_some("substitution", substitution);
    let row = row(input);
    Some(Made { reference: doc.add(draft, &row, place), row })
}

const STATEMENT: [&str; 8] =
    ["active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"];

/// A medicine that the patient takes already.
pub(crate) fn statement<'a>(doc: &mut Doc<'a>, input: &'a Medication, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Medication::default() {
        return None;
    }
    let mut draft = doc.open("MedicationStatement", "MedicationStatement");
    draft.put("status", doc.code(&input.status, &STATEMENT, "active", &place.key("status")));
    let at = place.key("medicine");
    let medicine = doc.needed(&input.medicine, Systems::Snomed, &at, "The medicine");
    draft.put_some("medicationCodeableConcept", medicine);
    draft.put("subject", doc.patient.to());
    draft.put_some("context", doc.encounter.as_ref().map(Ref::to));
    draft.put_some("effectivePeriod", doc.period(input.date_range.as_ref(), &place.key("dateRange")));
    draft.put("dateAsserted", doc.date.as_str().to_owned());
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Snomed, &place.key("reason")));
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    if !says_no_dosage(input) {
        draft.put("dosage", dosage::instructions(doc, input, place));
    }
    let row = row(input).with("Taken", period_words(input.date_range.as_ref()));
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// Whether nothing at all is said about amount and times.
fn says_no_dosage(input: &Medication) -> bool {
    input.dosage.get().is_none() && input.timing == crate::input::Timing::default() && input.dose.is_none()
}

fn dispense<'a>(doc: &mut Doc<'a>, input: &'a Medication, place: &Place<'_>) -> Map<'a> {
    let mut map = Map::with_capacity(2);
    if let Some(refills) = &input.refills {
        match refills.number().as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(number) => map.put("numberOfRepeatsAllowed", u64::from(number)),
            None => doc.error(&place.key("refills"), "input.number", "Refills are a whole number."),
        }
    }
    map.put_some("quantity", input.quantity.as_ref().and_then(|q| doc.quantity(q, &place.key("quantity"))));
    map
}

fn row(input: &Medication) -> Row<'_> {
    let as_needed = input.as_needed.filter(|n| *n).map(|_| "when needed");
    Row::new(input.medicine.words().unwrap_or("Medicine"))
        .with("Dosage", input.dosage.get())
        .with("Dosage", as_needed)
        .with("Dose", input.dose.as_ref().and_then(quantity_words))
        .with("Timing", dosage::timing_words(&input.timing))
        .with("Duration", input.duration.as_ref().and_then(dosage::duration_words))
        .with("Route", input.route.words())
        .with("Method", input.method.words())
        .with("Instructions", input.additional_instructions.words())
        .with("Reason", input.reason.words())
        .with("Quantity", input.quantity.as_ref().and_then(quantity_words))
        .with("Refills", input.refills.as_ref().map(Decimal::to_string))
        .with("Note", input.note.get())
}
