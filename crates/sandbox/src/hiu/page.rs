//! One pushed page: its shape, and what is inside.

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use fidelius::{Nonce, PublicKey, Session, Tolerances};
use md5::{Digest as _, Md5};
use serde_json::Value;
use sha2::Sha256;

use super::HiuKeys;
use crate::judge::patterns::{CARE_CONTEXT, MD5, UUID, timestamp};
use crate::judge::{Node, Wrong};
use crate::world::transfers::ReceivedEntry;

/// A page of the right shape.
pub(crate) struct Pushed<'a> {
    pub(crate) number: i64,
    pub(crate) count: i64,
    pub(crate) transaction: &'a str,
    pub(crate) key: &'a str,
    pub(crate) nonce: &'a str,
    entries: Vec<Entry<'a>>,
    pub(crate) strangers: Vec<String>,
}

struct Entry<'a> {
    content: &'a str,
    checksum: &'a str,
    care_context: &'a str,
}

/// Judges the shape of a page.
pub(crate) fn read<'a>(root: &Node<'a>) -> Result<Pushed<'a>, Wrong> {
    let material = root.member("keyMaterial")?;
    material.one_of("cryptoAlg", &["ECDH"])?;
    material.one_of("curve", &["Curve25519"])?;
    let key = material.member("dhPublicKey")?;
    key.one_of("parameters", &["Curve25519/32byte random key"])?;
    if timestamp(key.text("expiry")?).is_none() {
        return Err(key.member("expiry")?.wrong("must be UTC with milliseconds and Z"));
    }
    let (number, count) = (root.integer("pageNumber")?, root.integer("pageCount")?);
    if count < 1 || !(1..=count).contains(&number) {
        return Err(root.member("pageNumber")?.wrong("pages are numbered from 1 to pageCount"));
    }
    let entries = root.items("entries")?;
    let mut strangers =
        root.strangers(&["pageNumber", "pageCount", "transactionId", "entries", "keyMaterial"]);
    strangers.extend(material.strangers(&["cryptoAlg", "curve", "dhPublicKey", "nonce"]));
    for entry in &entries {
        strangers.extend(entry.strangers(&["content", "media", "checksum", "careContextReference"]));
    }
    Ok(Pushed {
        number,
        count,
        transaction: root.matching("transactionId", &UUID)?,
        key: key.text("keyValue")?,
        nonce: material.text("nonce")?,
        entries: entries.iter().map(entry).collect::<Result<_, _>>()?,
        strangers,
    })
}

fn entry<'a>(node: &Node<'a>) -> Result<Entry<'a>, Wrong> {
    node.one_of("media", &["application/fhir+json"])?;
    Ok(Entry {
        content: node.text("content")?,
        checksum: node.matching("checksum", &MD5)?,
        care_context: node.matching("careContextReference", &CARE_CONTEXT)?,
    })
}

impl Pushed<'_> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Care contexts on this page.
    pub(crate) fn care_contexts(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|entry| entry.care_context).collect()
    }

    /// Opens every entry. The key is agreed once for the page.
    /// Holds them to the NRCeS profiles too if `validate`.
    pub(crate) fn open(&self, keys: &HiuKeys, validate: bool) -> Vec<ReceivedEntry> {
        let session = self.session(keys);
        self.entries
            .iter()
            .map(|entry| match &session {
                Ok(session) => entry.open(session, self.number, validate),
                Err(why) => entry.unreadable(self.number, why.clone()),
            })
            .collect()
    }

    fn session(&self, keys: &HiuKeys) -> Result<Session, String> {
        let strict = Tolerances::NONE;
        let peer = PublicKey::parse(self.key, &strict)
            .map_err(|error| format!("keyMaterial.dhPublicKey.keyValue: {error}"))?;
        let nonce = Nonce::parse(self.nonce).map_err(|error| format!("keyMaterial.nonce: {error}"))?;
        Session::agree(keys.pair.private(), &peer.value, &keys.nonce, &nonce)
            .map_err(|error| error.to_string())
    }
}

impl Entry<'_> {
    fn unreadable(&self, page_number: i64, why: String) -> ReceivedEntry {
        ReceivedEntry {
            care_context_reference: self.care_context.to_owned(),
            page_number,
            decrypted: false,
            checksum_ok: false,
            hi_type: None,
            valid: false,
            issues: vec![why],
            bytes: 0,
            sha256: String::new(),
            bundle: None,
        }
    }

    fn open(&self, session: &Session, page_number: i64, validate: bool) -> ReceivedEntry {
        if STANDARD.check(self.content.as_bytes()).is_err() {
            return self.unreadable(page_number, "content is not standard base64 with padding".into());
        }
        let text = session.open_base64(self.content, &Tolerances::NONE).and_then(fidelius::Opened::into_text);
        match text {
            Ok(text) => self.judge(text, page_number, validate),
            Err(error) => self.unreadable(page_number, error.to_string()),
        }
    }

    fn judge(&self, text: String, page_number: i64, validate: bool) -> ReceivedEntry {
        let checksum_ok = hex::encode(Md5::digest(text.as_bytes())) == self.checksum;
        let mut issues = Vec::new();
        if !checksum_ok {
            issues.push("checksum is not the MD5 of the text".to_owned());
        }
        let (hi_type, faults) = match document(&text) {
            Ok((hi_type, bundle)) => {
                (Some(hi_type.to_owned()), if validate { faults(&bundle) } else { Vec::new() })
            }
            Err(why) => (None, vec![why]),
        };
        let valid = faults.is_empty();
        issues.extend(faults);
        ReceivedEntry {
            care_context_reference: self.care_context.to_owned(),
            page_number,
            decrypted: true,
            checksum_ok,
            valid,
            hi_type,
            issues,
            bytes: text.len(),
            sha256: hex::encode(Sha256::digest(text.as_bytes())),
            bundle: Some(text.into()),
        }
    }
}

/// A document bundle and its HI type, by the profile of its Composition.
fn document(text: &str) -> Result<(&'static str, Value), String> {
    const PROFILES: [(&str, &str); 8] = [
        ("PrescriptionRecord", "Prescription"),
        ("DiagnosticReportRecord", "DiagnosticReport"),
        ("OPConsultRecord", "OPConsultation"),
        ("DischargeSummaryRecord", "DischargeSummary"),
        ("ImmunizationRecord", "ImmunizationRecord"),
        ("HealthDocumentRecord", "HealthDocumentRecord"),
        ("WellnessRecord", "WellnessRecord"),
        ("InvoiceRecord", "Invoice"),
    ];
    let bundle: Value =
        serde_json::from_str(text).map_err(|error| format!("the text is no JSON: {error}"))?;
    let is =
        |pointer: &str, expected: &str| bundle.pointer(pointer).and_then(Value::as_str) == Some(expected);
    if !is("/resourceType", "Bundle") || !is("/type", "document") {
        return Err("the text is no FHIR document bundle".into());
    }
    if !is("/entry/0/resource/resourceType", "Composition") {
        return Err("the bundle does not begin with a Composition".into());
    }
    let profiles = bundle.pointer("/entry/0/resource/meta/profile").and_then(Value::as_array);
    let names =
        profiles.into_iter().flatten().filter_map(Value::as_str).filter_map(|url| url.rsplit('/').next());
    let mut known = names.filter_map(|name| PROFILES.iter().find(|(profile, _)| *profile == name));
    let found = known.next().ok_or("the Composition names no record profile")?;
    if known.next().is_some() {
        return Err("the Composition names more than one record profile".into());
    }
    Ok((found.1, bundle))
}

/// What the NRCeS profiles have against a document.
fn faults(bundle: &Value) -> Vec<String> {
    let issues = nrces::validate::validate(bundle, nrces::validate::Mode::Send);
    issues
        .iter()
        .filter(|issue| issue.is_error())
        .map(|issue| format!("{}: {}", issue.path, issue.rule))
        .collect()
}

#[cfg(test)]
mod tests {
    fn document(text: &str) -> Result<&'static str, String> {
        super::document(text).map(|(hi_type, _)| hi_type)
    }

    use serde_json::json;

    fn bundle(profiles: &[&str]) -> String {
        let profiles: Vec<_> = profiles
            .iter()
            .map(|name| format!("https://nrces.in/ndhm/fhir/r4/StructureDefinition/{name}"))
            .collect();
        let composition = json!({"resourceType": "Composition", "meta": {"profile": profiles}});
        json!({"resourceType": "Bundle", "type": "document", "entry": [{"resource": composition}]})
            .to_string()
    }

    #[test]
    fn a_document_is_of_the_type_its_composition_names() {
        assert_eq!(document(&bundle(&["OPConsultRecord"])), Ok("OPConsultation"));
        assert_eq!(document(&bundle(&["InvoiceRecord"])), Ok("Invoice"));
    }

    #[test]
    fn what_is_no_document_or_names_not_exactly_one_record_profile_is_said() {
        assert!(document("{").is_err());
        assert!(document(r#"{"resourceType":"Bundle","type":"collection"}"#).is_err());
        assert!(document(&bundle(&[])).is_err());
        assert!(document(&bundle(&["OPConsultRecord", "InvoiceRecord"])).is_err());
    }
}
