//! ImmunizationRecord: vaccinations given and due.

use std::borrow::Cow;

use super::consultation::{documents, each};
use super::doc::{Doc, Ref};
use super::sections::{Kind, Made, Sections};
use super::values::{Systems, coded, date_words, quantity_words};
use crate::fhir::{Map, Node};
use crate::input::{Immunization, ImmunizationRecord, Recommendation, Text};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems::{BRAND_NAME, LOINC};

const IMMUNIZATIONS: Kind =
    Kind::snomed("Immunization Record", "41000179103", "Immunization record", "Vaccine");

/// Vaccinations given and due, and their certificates.
pub(super) fn immunization_record<'a>(doc: &mut Doc<'a>, input: &'a ImmunizationRecord) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    let mut made = each(doc, &input.immunizations, "immunizations", immunization);
    made.extend(recommendations(doc, &input.recommendations));
    made.extend(documents(doc));
    if made.is_empty() {
        doc.missing(&Place::ROOT.key("immunizations"), "A vaccination");
    }
    let mut sections = Sections::default();
    sections.push_typed(IMMUNIZATIONS, made);
    sections
}

fn immunization<'a>(doc: &mut Doc<'a>, input: &'a Immunization, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Immunization::default() {
        return None;
    }
    let mut draft = doc.open("Immunization", "Immunization");
    let brand = input.brand_name.get();
    draft.put_one(
        "extension",
        brand.map(|b| Map::with_capacity(2).with("url", BRAND_NAME).with("valueString", b)),
    );
    let statuses = ["completed", "entered-in-error", "not-done"];
    let status = doc.code(&input.status, &statuses, "completed", &place.key("status"));
    draft.put("status", status);
    draft.put_some(
        "statusReason",
        doc.concept(&input.status_reason, Systems::Any, &place.key("statusReason")),
    );
    let at = place.key("vaccineName");
    draft.put_some("vaccineCode", doc.needed(&input.vaccine_name, Systems::Any, &at, "The vaccine"));
    draft.put("patient", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    if input.date.get().is_none() {
        doc.missing(&place.key("date"), "When the vaccine was given");
    }
    draft.put_some("occurrenceDateTime", doc.date_time(&input.date, &place.key("date")));
    let maker = input.manufacturer.get();
    draft.put_some("manufacturer", maker.map(|m| Map::with_capacity(1).with("display", m)));
    draft.put_some("lotNumber", input.lot_number.get());
    draft.put_some("expirationDate", doc.date(&input.expiration_date, &place.key("expirationDate")));
    draft.put_some("site", doc.concept(&input.site, Systems::Any, &place.key("site")));
    draft.put_some("route", doc.concept(&input.route, Systems::Snomed, &place.key("route")));
    draft.put_some("doseQuantity", input.dose.as_ref().and_then(|d| doc.quantity(d, &place.key("dose"))));
    let performers: Vec<Map<'a>> =
        doc.practitioners.iter().map(|p| Map::with_capacity(1).with("actor", p.named())).collect();
    draft.put("performer", performers);
    let protocol = protocol(doc, input, place);
    let spare = super::clinical::words_of(&input.target_disease).filter(|_| protocol.is_none());
    draft.note(&[input.note.get().map(Cow::Borrowed), spare.map(Cow::Owned)]);
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Snomed, &place.key("reason")));
    draft.put_one("protocolApplied", protocol);
    let dose = dose_words(&input.dose_number, &input.series_doses);
    let row = Row::new(input.vaccine_name.words().unwrap_or("Vaccine"))
        .with("Brand", brand)
        .with("Date", date_words(&input.date))
        .with("Dose", dose)
        .with("Amount", input.dose.as_ref().and_then(quantity_words))
        .with("Status", Some(status).filter(|s| *s != "completed"))
        .with("Status", input.status_reason.words())
        .with("Lot", input.lot_number.get())
        .with("Manufacturer", maker)
        .with("Site", input.site.words())
        .with("Route", input.route.words())
        .with("Against", super::clinical::words_of(&input.target_disease))
        .with("Note", input.note.get());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// The dose in its series. FHIR wants the dose number wherever there is a protocol.
fn protocol<'a>(doc: &mut Doc<'a>, input: &'a Immunization, place: &Place<'_>) -> Option<Map<'a>> {
    let Some(dose) = input.dose_number.get() else {
        let more = input.series.get().is_some()
            || input.series_doses.get().is_some()
            || !input.target_disease.is_empty();
        if more {
            doc.warn(
                &place.key("doseNumber"),
                "input.dose-number",
                "Without the dose number the series and what it protects from are only in the note; send it.",
            );
        }
        return None;
    };
    let mut map = Map::with_capacity(4);
    map.put_some("series", input.series.get());
    let diseases = super::clinical::concepts(doc, &input.target_disease, &place.key("targetDisease"));
    map.put("targetDisease", diseases);
    number(&mut map, ["doseNumberPositiveInt", "doseNumberString"], Some(dose));
    number(&mut map, ["seriesDosesPositiveInt", "seriesDosesString"], input.series_doses.get());
    Some(map)
}

/// A count that FHIR takes as a number or, if it is none, as words.
fn number<'a>(map: &mut Map<'a>, keys: [&'static str; 2], text: Option<&'a str>) {
    let Some(text) = text else { return };
    match text.parse::<u32>().ok().filter(|n| (1..=1000).contains(n)) {
        Some(count) => map.put(keys[0], u64::from(count)),
        None => map.put(keys[1], text),
    }
}

fn dose_words(dose: &Text, of: &Text) -> Option<String> {
    let dose = dose.get()?;
    Some(of.get().map_or_else(|| dose.to_owned(), |of| format!("{dose} of {of}")))
}

/// All that is due, in the one resource that the section takes.
fn recommendations<'a>(doc: &mut Doc<'a>, list: &'a [Recommendation]) -> Option<Made<'a>> {
    let place = Place::ROOT.key("recommendations");
    let mut all: Vec<Node<'a>> = Vec::with_capacity(list.len());
    let mut rows = Vec::with_capacity(list.len());
    for (i, one) in list.iter().enumerate() {
        if *one != Recommendation::default() {
            all.push(recommendation(doc, one, &place.index(i)).into());
            rows.push(due(one));
        }
    }
    if all.is_empty() {
        return None;
    }
    let mut draft = doc.open("ImmunizationRecommendation", "ImmunizationRecommendation");
    draft.put("patient", doc.patient.to());
    draft.put("date", doc.date.as_str().to_owned());
    draft.put_some("authority", doc.organisation.as_ref().map(Ref::named));
    draft.put("recommendation", all);
    let mut row = Row::new("Vaccines due");
    row.children = rows;
    row.children_are = "Vaccine";
    Some(Made { reference: doc.add(draft, &row, &place), row })
}

const FORECAST: [&str; 5] = ["due", "overdue", "immune", "contraindicated", "complete"];

fn recommendation<'a>(doc: &mut Doc<'a>, input: &'a Recommendation, place: &Place<'_>) -> Map<'a> {
    let mut map = Map::with_capacity(8);
    map.put_one("vaccineCode", doc.concept(&input.vaccine_name, Systems::Any, &place.key("vaccineName")));
    map.put_some(
        "targetDisease",
        doc.concept(&input.target_disease, Systems::Any, &place.key("targetDisease")),
    );
    if map.is_empty() {
        doc.missing(&place.key("vaccineName"), "Which vaccine is due");
    }
    let status = doc.code(&input.status, &FORECAST, "due", &place.key("status"));
    let display = match status {
        "due" => "Due",
        "overdue" => "Overdue",
        "immune" => "Immune",
        "contraindicated" => "Contraindicated",
        _ => "Complete",
    };
    let system = "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status";
    map.put("forecastStatus", coded(system, status, display));
    if let Some(date) = doc.date_time(&input.due_date, &place.key("dueDate")) {
        let code = coded(LOINC, "30980-7", "Date vaccine due");
        map.put("dateCriterion", vec![Map::with_capacity(2).with("code", code).with("value", date)]);
    }
    map.put_some("description", input.description.get());
    map.put_some("series", input.series.get());
    number(&mut map, ["doseNumberPositiveInt", "doseNumberString"], input.dose_number.get());
    number(&mut map, ["seriesDosesPositiveInt", "seriesDosesString"], input.series_doses.get());
    map
}

fn due(input: &Recommendation) -> Row<'_> {
    let title = input.vaccine_name.words().or_else(|| input.target_disease.words());
    Row::new(title.unwrap_or("Vaccine"))
        .with("Due", date_words(&input.due_date))
        .with("Status", input.status.get())
        .with("Dose", dose_words(&input.dose_number, &input.series_doses))
        .with("Description", input.description.get())
}
