//! A terminology that holds what was looked up before.

use std::collections::BTreeMap;

use super::{StandardCode, Terminology, system_uri};
use crate::rules::Rules;

/// What a facility's codes stand for, and displays of codes. It also knows the displays of all codes that the profiles
/// name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeMap {
    /// By code, then by the system that was named beside it.
    local: BTreeMap<String, BTreeMap<Option<String>, StandardCode>>,
    displays: BTreeMap<(String, String), String>,
}

impl CodeMap {
    /// Adds what a facility's code stands for. Without a system it holds for the code under any system that has no entry
    /// of its own.
    pub fn add(&mut self, system: Option<&str>, code: &str, standard: StandardCode) {
        self.local.entry(code.to_owned()).or_default().insert(system.map(str::to_owned), standard);
    }

    /// Adds what a code system calls a code.
    pub fn add_display(&mut self, system: &str, code: &str, display: &str) {
        self.displays.insert((system_uri(system).to_owned(), code.to_owned()), display.to_owned());
    }

    /// Whether it maps nothing.
    pub fn maps_nothing(&self) -> bool {
        self.local.is_empty()
    }

    /// What records that came with these codes differ by: the mapping alone, not the displays.
    pub fn mapping(&self) -> String {
        let mut text = String::new();
        for (code, systems) in &self.local {
            for (system, standard) in systems {
                let system = system.as_deref().unwrap_or_default();
                let StandardCode { system: of, code: to, display } = standard;
                line(&mut text, &[system, code, of, to, display]);
            }
        }
        text
    }
}

impl Terminology for CodeMap {
    fn display(&self, system: &str, code: &str) -> Option<&str> {
        let known = self.displays.get(&(system.to_owned(), code.to_owned()));
        known.map(String::as_str).or_else(|| Rules::builtin().display(system, code))
    }

    fn map(&self, system: Option<&str>, code: &str) -> Option<&StandardCode> {
        let systems = self.local.get(code)?;
        systems.get(&system.map(str::to_owned)).or_else(|| systems.get(&None))
    }

    fn version(&self) -> String {
        let mut text = self.mapping();
        for ((system, code), display) in &self.displays {
            line(&mut text, &[system, code, display]);
        }
        text
    }
}

fn line(text: &mut String, fields: &[&str]) {
    text.push_str(&fields.join("\t"));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(code: &str) -> StandardCode {
        StandardCode { system: super::super::LOINC.into(), code: code.into(), display: "Test".into() }
    }

    #[test]
    fn a_code_is_found_under_its_system_and_else_under_none() {
        let mut map = CodeMap::default();
        assert!(map.maps_nothing() && map.version().is_empty());
        map.add(None, "HB", standard("718-7"));
        map.add(Some("urn:lab-2"), "HB", standard("2345-7"));
        let code = |system, code| map.map(system, code).map(|standard| standard.code.as_str());
        assert_eq!(code(None, "HB"), Some("718-7"));
        assert_eq!(code(Some("urn:lab-1"), "HB"), Some("718-7"));
        assert_eq!(code(Some("urn:lab-2"), "HB"), Some("2345-7"));
        assert_eq!(code(None, "hb"), None, "codes are compared as they are");
        assert!(!map.version().is_empty());
    }

    #[test]
    fn displays_are_the_profiles_own_unless_one_was_looked_up() {
        let mut map = CodeMap::default();
        let (system, code, display) = super::super::builtin().next().unwrap();
        assert_eq!(map.display(system, code), Some(display));
        map.add_display("loinc", "718-7", "Hemoglobin");
        assert_eq!(map.display(super::super::LOINC, "718-7"), Some("Hemoglobin"));
        assert_eq!(map.display(super::super::LOINC, "2345-7"), None);
        assert!(map.maps_nothing(), "a display maps nothing");
    }
}
