//! Encapsulated data (ED): a PDF or a picture inside a message.

use serde_json::{Value, json};

use super::json::object;
use super::message::Part;

/// A file that came in an OBX.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its MIME type; empty if the message does not say and the file does not show.
    pub content_type: String,
    /// Its bytes in base64.
    pub data: String,
    /// What it is, in words.
    pub title: Option<String>,
}

impl File {
    /// Reads an ED value: source ^ type ^ subtype ^ encoding ^ data.
    pub fn read(field: Part<'_>, title: Option<String>) -> Option<Self> {
        let part = |number| field.component(number).text().unwrap_or_default();
        let data = field.component(5);
        let data = match part(4).to_ascii_lowercase().as_str() {
            "hex" => hex::decode(data.raw().trim()).ok().map(|bytes| encode(&bytes))?,
            "a" => encode(data.text()?.as_bytes()),
            // Encoders break lines, which senders escape.
            _ => data.text()?.split_whitespace().collect(),
        };
        let mut content_type = content_type(&part(2), &part(3));
        if content_type.is_empty() {
            content_type_of(&data).clone_into(&mut content_type);
        }
        (!data.is_empty()).then_some(Self { content_type, data, title })
    }

    /// Text as a file.
    pub fn of_text(text: &str, title: Option<String>) -> Self {
        Self { content_type: "text/plain; charset=utf-8".to_owned(), data: encode(text.as_bytes()), title }
    }

    /// Whether it is a picture.
    pub fn is_picture(&self) -> bool {
        self.content_type.starts_with("image/")
    }

    /// As an attachment of the clinical JSON.
    pub fn attachment(&self) -> Value {
        object([
            ("contentType", json!(self.content_type)),
            ("data", json!(self.data)),
            ("title", json!(self.title)),
        ])
    }
}

fn encode(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// A MIME type from HL7's type (table 0191) and subtype (table 0291), as senders write them.
fn content_type(kind: &str, subtype: &str) -> String {
    let (kind, subtype) = (kind.to_ascii_lowercase(), subtype.to_ascii_lowercase());
    if let Some((_, named)) = kind.split_once('/') {
        return if named.is_empty() { String::new() } else { kind };
    }
    let names = [subtype.as_str(), kind.as_str()];
    let known = names.iter().find_map(|name| {
        Some(match *name {
            "pdf" => "application/pdf",
            "jpeg" | "jpg" => "image/jpeg",
            "png" => "image/png",
            "tiff" | "tif" => "image/tiff",
            "gif" => "image/gif",
            "rtf" => "application/rtf",
            "html" | "htm" => "text/html",
            "xml" | "x-hl7-cda-level-one" => "text/xml",
            "plain" => "text/plain",
            "dicom" => "application/dicom",
            _ => return None,
        })
    });
    match (known, kind.as_str(), subtype.as_str()) {
        (Some(known), ..) => known.to_owned(),
        (None, "text" | "tx" | "ft", "") => "text/plain".to_owned(),
        (None, "application" | "image" | "audio" | "video" | "text", subtype) if !subtype.is_empty() => {
            format!("{kind}/{subtype}")
        }
        _ => String::new(),
    }
}

/// What a file shows itself to be by its first bytes.
fn content_type_of(data: &str) -> &'static str {
    match data {
        _ if data.starts_with("JVBER") => "application/pdf",
        _ if data.starts_with("/9j/") => "image/jpeg",
        _ if data.starts_with("iVBORw0KGgo") => "image/png",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn read(field: &str) -> Option<(String, String)> {
        let text = format!("MSH|^~\\&|LIS\rOBX|1|ED|X||{field}");
        let file = File::read(Message::read(&text).unwrap().first("OBX").unwrap().get(5), None)?;
        Some((file.content_type, file.data))
    }

    #[test]
    fn a_pdf_is_one_however_its_type_is_written() {
        for field in [
            "^application^pdf^Base64^JVBERi0x",
            "LAB^AP^PDF^BASE64^JVBERi0x",
            "^application/pdf^^Base64^JVBERi0x",
            "PDF^^^Base64^JVBERi0x",
            "^PDF^^Base64^JVBE\\.br\\Ri0x",
            "^^^Base64^JVBERi0x",
            "^application^pdf^Hex^255044462D31",
            "^application^pdf^A^%PDF-1",
        ] {
            let read = read(field).map(|(kind, data)| (kind, data.trim_end_matches('=').to_owned()));
            assert_eq!(read, Some(("application/pdf".to_owned(), "JVBERi0x".to_owned())), "{field}");
        }
    }

    #[test]
    fn other_types_are_named_and_unknown_ones_are_not_made_up() {
        assert_eq!(read("^image^jpeg^Base64^AAAA").unwrap().0, "image/jpeg");
        assert_eq!(read("^IM^TIFF^Base64^AAAA").unwrap().0, "image/tiff");
        assert_eq!(read("^TEXT^^A^words").unwrap().0, "text/plain");
        assert_eq!(read("^NS^OTHER^Base64^AAAA").unwrap().0, "");
        assert_eq!((read("^application^pdf^Base64^"), read("^application^pdf^Hex^zz")), (None, None));
    }
}
