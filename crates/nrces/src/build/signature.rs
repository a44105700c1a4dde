//! `Bundle.signature`: the picture of a signature, and whose it is.

use super::doc::{Doc, Ref};
use super::document;
use super::values::coding;
use crate::fhir::Map;
use crate::pointer::Place;

/// The signature of the document, if one was sent.
pub(super) fn signature<'a>(doc: &mut Doc<'a>) -> Option<Map<'a>> {
    let input = doc.head.signature?;
    let place = Place::ROOT.key("signature");
    let who = signer(doc, input.practitioner, &place)?;
    let when = doc.moment(&input.when, &place.key("when")).unwrap_or_else(|| doc.date.clone());
    let (format, data) = document::content(doc, &input.content_type, &input.data, &place);
    let kind = coding("urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.1", "Author's Signature");
    let signature = Map::with_capacity(5)
        .with("type", vec![kind])
        .with("when", when.instant())
        .with("who", who.named())
        .with_some("sigFormat", format)
        .with_some("data", data);
    Some(signature)
}

/// The practitioner that is named, else the author.
fn signer(doc: &mut Doc<'_>, index: Option<u16>, place: &Place<'_>) -> Option<Ref> {
    let Some(index) = index else { return doc.author().cloned() };
    let found = doc.practitioners.get(usize::from(index)).cloned();
    if found.is_none() {
        doc.error(
            &place.key("practitioner"),
            "input.number",
            "There is no such practitioner; count practitioners from 0.",
        );
    }
    found
}
