//! Finding resources in a bundle, by whatever form of reference was sent.

use std::collections::HashMap;

use serde_json::Value;

use crate::hi_type::HiType;

/// A bundle with its entries by name.
pub(super) struct Tree<'v> {
    resources: Vec<&'v Value>,
    by_name: HashMap<String, &'v Value>,
}

impl<'v> Tree<'v> {
    pub fn new(bundle: &'v Value) -> Self {
        let mut tree = Self { resources: Vec::new(), by_name: HashMap::new() };
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let resource = &entry["resource"];
            if !resource.is_object() {
                continue;
            }
            tree.resources.push(resource);
            if let Some(url) = entry["fullUrl"].as_str() {
                tree.by_name.entry(url.to_owned()).or_insert(resource);
            }
            if let (Some(kind), Some(id)) = (resource["resourceType"].as_str(), resource["id"].as_str()) {
                tree.by_name.entry(format!("{kind}/{id}")).or_insert(resource);
            }
        }
        tree
    }

    /// The target of a reference, if it is in the bundle.
    pub fn find(&self, reference: &Value) -> Option<&'v Value> {
        let name = reference["reference"].as_str()?;
        let found = self.by_name.get(name).or_else(|| {
            // An absolute URL of a server names type and id in its last two parts.
            let mut parts = name.rsplitn(3, '/');
            let (id, kind) = (parts.next()?, parts.next()?);
            self.by_name.get(&format!("{kind}/{id}"))
        });
        found.copied()
    }

    pub fn first(&self, kind: &str) -> Option<&'v Value> {
        self.resources.iter().copied().find(|r| r["resourceType"] == kind)
    }

    pub fn composition(&self) -> Option<&'v Value> {
        self.first("Composition")
    }
}

/// The record type that a Composition says, by profile or by its code.
pub(super) fn hi_type(composition: &Value) -> Option<HiType> {
    let profiles = composition["meta"]["profile"].as_array().into_iter().flatten();
    let by_profile = profiles.filter_map(Value::as_str).find_map(HiType::from_profile);
    by_profile.or_else(|| {
        let kind = &composition["type"];
        Some(match (kind["coding"][0]["code"].as_str(), kind["text"].as_str()) {
            (Some("440545006"), _) => HiType::Prescription,
            (Some("371530004"), _) => HiType::OPConsultation,
            (Some("373942005"), _) => HiType::DischargeSummary,
            (Some("41000179103"), _) => HiType::ImmunizationRecord,
            (Some("419891008"), _) => HiType::HealthDocumentRecord,
            (Some("721981007"), _) => HiType::DiagnosticReport,
            (_, Some("Wellness Record")) => HiType::WellnessRecord,
            (_, Some("Invoice Record")) => HiType::Invoice,
            _ => return None,
        })
    })
}
