//! Short names for the long URLs that the tables would otherwise repeat.

use super::row::CORE;

const NRCES: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/";

/// Prefixes of value set URLs.
const SETS: [(&str, &str); 3] = [
    ("vs:", "http://hl7.org/fhir/ValueSet/"),
    ("v3:", "http://terminology.hl7.org/ValueSet/"),
    ("nr:", "https://nrces.in/ndhm/fhir/r4/ValueSet/"),
];

/// Prefixes of code system URLs.
const SYSTEMS: [(&str, &str); 4] = [
    ("th:", "http://terminology.hl7.org/CodeSystem/"),
    ("nr:", "https://nrces.in/ndhm/fhir/r4/CodeSystem/"),
    ("hl:", "http://hl7.org/fhir/"),
    ("sct", "http://snomed.info/sct"),
];

/// `Patient` for the core Patient, `nr:Patient` for NRCeS's, else the URL.
pub(crate) fn short_profile(url: &str) -> String {
    if let Some(name) = url.strip_prefix(CORE) {
        return name.to_owned();
    }
    url.strip_prefix(NRCES).map_or_else(|| url.to_owned(), |name| format!("nr:{name}"))
}

/// The URL that [`short_profile`] shortened.
pub(crate) fn long_profile(short: &str) -> String {
    if let Some(name) = short.strip_prefix("nr:") {
        return format!("{NRCES}{name}");
    }
    if short.contains(':') { short.to_owned() } else { format!("{CORE}{short}") }
}

pub(crate) fn short_set(url: &str) -> String {
    shorten(url, &SETS)
}

pub(crate) fn long_set(short: &str) -> String {
    lengthen(short, &SETS)
}

pub(crate) fn short_system(url: &str) -> String {
    shorten(url, &SYSTEMS)
}

pub(crate) fn long_system(short: &str) -> String {
    lengthen(short, &SYSTEMS)
}

fn shorten(url: &str, prefixes: &[(&str, &str)]) -> String {
    prefixes
        .iter()
        .find_map(|(short, long)| url.strip_prefix(long).map(|rest| format!("{short}{rest}")))
        .unwrap_or_else(|| url.to_owned())
}

fn lengthen(short: &str, prefixes: &[(&str, &str)]) -> String {
    prefixes
        .iter()
        .find_map(|(prefix, long)| short.strip_prefix(prefix).map(|rest| format!("{long}{rest}")))
        .unwrap_or_else(|| short.to_owned())
}
