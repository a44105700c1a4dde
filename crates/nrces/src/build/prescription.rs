//! Prescription: one section of medicines, and at most one scanned copy.

use super::consultation::each;
use super::doc::Doc;
use super::document;
use super::medication;
use super::sections::{Kind, Sections};
use crate::input::Prescription;
use crate::pointer::Place;

const PRESCRIPTION: Kind = Kind::snomed("Prescription", "440545006", "Prescription record", "Medicine");

/// What was prescribed.
pub(super) fn prescription<'a>(doc: &mut Doc<'a>, input: &'a Prescription) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    let mut made = each(doc, &input.prescriptions, "prescriptions", medication::request);
    let copies = each(doc, &input.documents, "documents", document::binary);
    if made.is_empty() && copies.is_empty() {
        doc.missing(&Place::ROOT.key("prescriptions"), "A medicine");
    }
    if copies.len() > 1 {
        doc.error(
            &Place::ROOT.key("documents").index(1),
            "input.too-many",
            "A prescription holds one document at most; join them into one file, or send a HealthDocumentRecord.",
        );
    }
    made.extend(copies);
    let mut sections = Sections::default();
    sections.push_typed(PRESCRIPTION, made);
    sections
}
