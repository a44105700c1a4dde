//! Attachments: base64 checked, held as DocumentReference, Binary or Media.

use std::borrow::Cow;

use super::doc::Doc;
use super::sections::Made;
use super::values::Systems;
use crate::fhir::Map;
use crate::input::{Attachment, Document, Text};
use crate::narrative::Row;
use crate::pointer::Place;

/// A file that belongs to the record.
pub(crate) fn reference<'a>(doc: &mut Doc<'a>, input: &'a Document, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Document::default() {
        return None;
    }
    let (content_type, data) = content(doc, &input.content_type, &input.data, place);
    let mut draft = doc.open("DocumentReference", "DocumentReference");
    let number = input.identifier.get().map(|n| Map::with_capacity(1).with("value", n));
    draft.put_one("identifier", number);
    draft.put("status", "current");
    draft.put("docStatus", "final");
    draft.put_some("type", doc.concept(&input.kind, Systems::Any, &place.key("type")));
    draft.put("subject", doc.patient.to());
    let made_on = doc.moment(&input.date, &place.key("date"));
    let made_on = made_on.as_ref().unwrap_or(&doc.date).clone();
    draft.put("date", made_on.instant());
    let authors: Vec<Map<'a>> = doc.author().iter().map(|a| a.to()).collect();
    draft.put("author", authors);
    let title = input.title.get().or_else(|| input.kind.words());
    let attachment = Map::with_capacity(4)
        .with_some("contentType", content_type.clone())
        .with_some("data", data)
        .with_some("title", title)
        .with("creation", made_on.as_str().to_owned());
    draft.put("content", vec![Map::with_capacity(1).with("attachment", attachment)]);
    let row = Row::new(title.unwrap_or("Document"))
        .with("Date", Some(made_on.words()))
        .with("Format", content_type.map(|t| format_words(&t)));
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// The same as a bare Binary, which is all that a prescription takes.
pub(crate) fn binary<'a>(doc: &mut Doc<'a>, input: &'a Document, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Document::default() {
        return None;
    }
    let (content_type, data) = content(doc, &input.content_type, &input.data, place);
    let mut draft = doc.open("Binary", "Binary");
    draft.put_some("contentType", content_type.clone());
    draft.put_some("data", data);
    let title = input.title.get().or_else(|| input.kind.words());
    let row = Row::new(title.unwrap_or("Document")).with("Format", content_type.map(|t| format_words(&t)));
    Some(Made { reference: doc.add_bare(draft, place), row })
}

/// FHIR's `Attachment`.
pub(crate) fn attachment<'a>(doc: &mut Doc<'a>, input: &'a Attachment, place: &Place<'_>) -> Map<'a> {
    let (content_type, data) = content(doc, &input.content_type, &input.data, place);
    Map::with_capacity(3)
        .with_some("contentType", content_type)
        .with_some("data", data)
        .with_some("title", input.title.get())
}

/// Type and base64 of a file, checked.
pub(crate) fn content<'a>(
    doc: &mut Doc<'a>,
    kind: &'a Text,
    data: &'a Text,
    place: &Place<'_>,
) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let (url_kind, encoded) = split_data_url(data.get());
    let kind = kind.get().or(url_kind);
    match kind {
        None => doc.missing(&place.key("contentType"), "The file's type, such as application/pdf,"),
        Some(kind) if !is_mime_type(kind) => {
            doc.error(
                &place.key("contentType"),
                "input.code",
                "This is no MIME type; write one like application/pdf.",
            );
        }
        Some(_) => {}
    }
    let Some(encoded) = encoded else {
        doc.missing(&place.key("data"), "The file itself, in base64,");
        return (kind.map(Cow::Borrowed), None);
    };
    let encoded = unspaced(encoded);
    match head_of(&encoded) {
        Err(NotBase64) => {
            doc.error(
                &place.key("data"),
                "input.base64",
                "This is not base64; encode the file's bytes again.",
            );
        }
        Ok(head) if kind.is_some_and(|kind| !fits(kind, &head)) => doc.warn(
            &place.key("contentType"),
            "input.content-type",
            "The file does not begin as one of this type does, so it may not open; check the type.",
        ),
        Ok(_) => {}
    }
    (kind.map(Cow::Borrowed), Some(encoded))
}

/// `data:application/pdf;base64,....` as type and base64; else as it is.
fn split_data_url(data: Option<&str>) -> (Option<&str>, Option<&str>) {
    let parts = data.and_then(|d| d.strip_prefix("data:")).and_then(|d| d.split_once(";base64,"));
    parts.map_or((None, data), |(kind, encoded)| (Some(kind), Some(encoded)))
}

/// Line breaks, which encoders put into base64 and FHIR does not want.
fn unspaced(encoded: &str) -> Cow<'_, str> {
    if encoded.bytes().any(|b| b.is_ascii_whitespace()) {
        return encoded.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>().into();
    }
    Cow::Borrowed(encoded)
}

struct NotBase64;

/// The first bytes of what is encoded, if all of it is base64.
fn head_of(encoded: &str) -> Result<Vec<u8>, NotBase64> {
    let coder = base64_simd::STANDARD;
    coder.check(encoded.as_bytes()).map_err(|_| NotBase64)?;
    if encoded.is_empty() {
        return Err(NotBase64);
    }
    let start = encoded.get(..encoded.len().min(16)).unwrap_or(encoded);
    coder.decode_to_vec(start).map_err(|_| NotBase64)
}

/// Whether bytes may be a file of the type, for types that begin in a known way.
fn fits(kind: &str, head: &[u8]) -> bool {
    match kind.split(';').next().unwrap_or(kind).trim() {
        "application/pdf" => head.starts_with(b"%PDF"),
        "image/png" => head.starts_with(b"\x89PNG"),
        "image/jpeg" | "image/jpg" => head.starts_with(b"\xFF\xD8"),
        _ => true,
    }
}

fn is_mime_type(kind: &str) -> bool {
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let essence = kind.split(';').next().unwrap_or(kind).trim();
    essence.split_once('/').is_some_and(|(main, sub)| token(main) && token(sub))
}

fn format_words(kind: &str) -> String {
    match kind {
        "application/pdf" => "PDF".to_owned(),
        kind => kind.rsplit('/').next().unwrap_or(kind).to_ascii_uppercase(),
    }
}
