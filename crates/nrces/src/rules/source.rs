//! A FHIR package's JSON: from a folder (each file a resource, or bare arrays
//! and maps of a trimmed base) or from an npm-style `.tgz`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::RulesError;

/// No file of a FHIR package comes near this size.
const MAX_FILE: u64 = 64 << 20;
/// Nor does a package unpacked.
const MAX_TOTAL: u64 = 1 << 30;

/// The parts of a package that rules come from.
#[derive(Debug, Default)]
pub struct Package {
    /// `StructureDefinition` resources, with snapshots, by URL.
    pub(crate) structures: BTreeMap<String, Value>,
    /// `ValueSet` resources by URL.
    pub(crate) value_sets: BTreeMap<String, Value>,
    /// `CodeSystem` resources by URL.
    pub(crate) code_systems: BTreeMap<String, Value>,
    /// Value sets already enumerated: `{url: {complete, systems, open}}`.
    pub(crate) expanded: BTreeMap<String, Value>,
    /// Displays by code by system: `{url: {code: display}}`.
    pub(crate) displays: BTreeMap<String, Value>,
}

impl Package {
    /// Reads a folder or a `.tgz`.
    pub fn open(path: &Path) -> Result<Self, RulesError> {
        if path.is_dir() { Self::folder(path) } else { Self::archive(path) }
    }

    fn folder(path: &Path) -> Result<Self, RulesError> {
        let io = |source| RulesError::Io { path: path.to_owned(), source };
        let mut names: Vec<_> =
            fs::read_dir(path).map_err(io)?.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
        names.sort();
        let mut package = Self::default();
        for name in names.iter().filter(|n| n.extension().is_some_and(|e| e == "json")) {
            let bytes = fs::read(name).map_err(|source| RulesError::Io { path: name.clone(), source })?;
            package.add(name, &bytes)?;
        }
        package.checked(path)
    }

    fn archive(path: &Path) -> Result<Self, RulesError> {
        let io = |source| RulesError::Io { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(io)?;
        let unpacked = flate2::read::GzDecoder::new(std::io::BufReader::new(file)).take(MAX_TOTAL);
        let mut archive = tar::Archive::new(unpacked);
        let mut package = Self::default();
        for entry in archive.entries().map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.path().map_err(io)?.into_owned();
            // Examples and other folders are not part of what is prescribed.
            let direct = name.parent().is_some_and(|p| p == Path::new("package"));
            if !direct || name.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let mut bytes = Vec::new();
            entry.take(MAX_FILE).read_to_end(&mut bytes).map_err(io)?;
            package.add(&name, &bytes)?;
        }
        package.checked(path)
    }

    fn checked(self, path: &Path) -> Result<Self, RulesError> {
        if self.structures.is_empty() {
            return Err(RulesError::Empty { path: path.to_owned() });
        }
        Ok(self)
    }

    fn add(&mut self, name: &Path, bytes: &[u8]) -> Result<(), RulesError> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|source| RulesError::Json { path: name.to_owned(), source })?;
        match value {
            Value::Array(items) => items.into_iter().for_each(|item| self.add_resource(item)),
            Value::Object(ref map) if map.contains_key("resourceType") => self.add_resource(value),
            Value::Object(map) => {
                for (url, entry) in map {
                    let expanded = entry.get("systems").is_some();
                    (if expanded { &mut self.expanded } else { &mut self.displays }).insert(url, entry);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_resource(&mut self, value: Value) {
        let Some(url) = value.get("url").and_then(Value::as_str).map(str::to_owned) else { return };
        let into = match value.get("resourceType").and_then(Value::as_str) {
            Some("StructureDefinition") => &mut self.structures,
            Some("ValueSet") => &mut self.value_sets,
            Some("CodeSystem") => &mut self.code_systems,
            _ => return,
        };
        into.insert(url, value);
    }
}
