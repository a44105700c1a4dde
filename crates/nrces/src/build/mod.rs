//! From a clinical record to a FHIR document of the NRCeS profile of its type.
//!
//! A builder may fill in what is administrative (organisation, encounter,
//! identifiers, the facility as author) from the context. It never makes up
//! what is clinical: a clinical element that is missing is a problem.

mod clinical;
mod consultation;
mod diagnostics;
mod discharge;
mod doc;
mod document;
mod dosage;
mod immunization;
mod invoice;
mod medication;
mod money;
mod observation;
mod origin;
mod people;
mod prescription;
mod sections;
mod signature;
mod values;
mod wellness;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use doc::LocalCode;

use crate::context::Context;
use crate::hi_type::HiType;
use crate::input::{self, Record, Source, Text};
use crate::issue::Issue;
use crate::pointer::Place;
use crate::time::Moment;
use doc::Doc;
use sections::Sections;

/// A valid document.
#[derive(Clone)]
pub struct Built {
    /// The FHIR Bundle as JSON: the same record in the same place gives the same bytes.
    pub json: String,
    /// What is worth knowing; warnings only.
    pub issues: Vec<Issue>,
    /// Codes of the facility's own, which stand in the document as text.
    pub local_codes: Vec<LocalCode>,
}

impl Built {
    /// The Bundle as a tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// Builds a document from a clinical record and validates it.
///
/// # Errors
///
/// All problems found, each with its JSON pointer into `data`; at least one of
/// them is an error, and there may be warnings beside it.
pub fn build(hi_type: HiType, data: &Value, context: &Context) -> Result<Built, Vec<Issue>> {
    dispatch(hi_type, Source::Value(data), context)
}

/// The same from JSON text.
///
/// # Errors
///
/// As [`build`]; text that is not JSON is a problem too.
pub fn build_slice(hi_type: HiType, data: &[u8], context: &Context) -> Result<Built, Vec<Issue>> {
    dispatch(hi_type, Source::Raw(data), context)
}

fn dispatch(hi_type: HiType, data: Source<'_>, context: &Context) -> Result<Built, Vec<Issue>> {
    match hi_type {
        HiType::Prescription => run(hi_type, data, context, prescription::prescription),
        HiType::DiagnosticReport => run(hi_type, data, context, diagnostics::diagnostic_report),
        HiType::OPConsultation => run(hi_type, data, context, consultation::op_consultation),
        HiType::DischargeSummary => run(hi_type, data, context, discharge::discharge_summary),
        HiType::ImmunizationRecord => run(hi_type, data, context, immunization::immunization_record),
        HiType::HealthDocumentRecord => run(hi_type, data, context, wellness::health_document),
        HiType::WellnessRecord => run(hi_type, data, context, wellness::wellness_record),
        HiType::Invoice => run(hi_type, data, context, invoice::invoice),
    }
}

/// Reads a record, builds its document, validates it.
fn run<T: Record + DeserializeOwned + Serialize>(
    hi_type: HiType,
    data: Source<'_>,
    context: &Context,
    body: for<'a> fn(&mut Doc<'a>, &'a T) -> Sections<'a>,
) -> Result<Built, Vec<Issue>> {
    let mut warnings = Vec::new();
    let record: T = match input::read(data, &mut warnings) {
        Ok(record) => record,
        Err(issue) => {
            warnings.insert(0, issue);
            return Err(warnings);
        }
    };
    let mut doc = Doc::new(hi_type, &record, context, data.size());
    doc.issues = warnings;
    assemble(&mut doc, &record, body);
    conclude(doc)
}

fn assemble<'a, T: Record>(doc: &mut Doc<'a>, record: &'a T, body: fn(&mut Doc<'a>, &'a T) -> Sections<'a>) {
    bundle_type(doc);
    let composition = doc.open("Composition", doc.hi_type.profile());
    date(doc, &record.dates());
    people::patient(doc);
    people::organisation(doc);
    people::practitioners(doc);
    let sections = body(doc, record);
    if sections.is_empty() && !doc.issues.iter().any(Issue::is_error) {
        doc.missing(&Place::ROOT, "Any clinical content");
    }
    doc.signature = signature::signature(doc);
    sections::compose(doc, composition, sections);
}

/// A record that says its type must be sent as that type.
fn bundle_type(doc: &mut Doc<'_>) {
    let Some(said) = doc.head.bundle_type.get() else { return };
    if said != doc.hi_type.profile() && said != doc.hi_type.as_str() {
        let place = Place::ROOT.key("bundleType");
        let message =
            format!("This record is sent as {}, whose bundleType is {}.", doc.hi_type, doc.hi_type.profile());
        doc.error(&place, "input.bundle-type", message);
    }
}

/// When the record was written: its own date, else the visit's, else the latest
/// of what it tells. No clock is asked, so that the same record stays the same.
fn date(doc: &mut Doc<'_>, told: &[&Text]) {
    let (written, visit) = (doc.head.authored_on, doc.head.visit_date);
    let place = Place::ROOT.key("authoredOn");
    let own = doc.moment(written, &place).or_else(|| doc.moment(visit, &Place::ROOT.key("visitDate")));
    let of_visit = || doc.context.visit.as_ref().and_then(|v| Moment::parse(&v.date));
    if let Some(moment) = own.or_else(of_visit) {
        doc.date = moment;
        return;
    }
    if written.get().is_some() || visit.get().is_some() {
        return;
    }
    let moments = told.iter().filter_map(|text| Moment::parse(text.get()?));
    match moments.max_by_key(Moment::timestamp) {
        Some(moment) => {
            doc.date = moment;
            let message = "The record does not say when it was written; the latest date in it was taken.";
            doc.warn(&place, "input.date-taken", message);
        }
        None => doc.missing(&place, "When the record was written"),
    }
}

/// What the JSON of a bundle and of an entry seldom exceed, so that it is written into one buffer that need not grow.
const BUNDLE_SIZE: usize = 4 * 1024;
const ENTRY_SIZE: usize = 1600;

/// Validates the document and tells every problem in the words of the input.
fn conclude(doc: Doc<'_>) -> Result<Built, Vec<Issue>> {
    let mut doc = doc;
    let mut issues = std::mem::take(&mut doc.issues);
    let local_codes = std::mem::take(&mut doc.local_codes);
    if issues.iter().any(Issue::is_error) {
        return Err(issues);
    }
    let (bundle, origins) = doc.finish();
    issues.extend(origin::validate_built(&bundle, &origins));
    if issues.iter().any(Issue::is_error) {
        return Err(issues);
    }
    let json = bundle.to_json(BUNDLE_SIZE + origins.len() * ENTRY_SIZE);
    Ok(Built { json, issues, local_codes })
}
