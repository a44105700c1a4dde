//! Text with codes beside it, and quantities with units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, FromText, List, Text, or_text, read_by};

read_by!(read_text_or_object: Concept);
read_by!(read_object: Coding, Quantity, DateRange);

/// One code of a code system.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub struct Coding {
    /// The system's URI, or one of the short names `snomed`, `loinc`, `icd-10`.
    /// Without it, or with another, the code is one of the facility's own.
    pub system: Text,
    /// The code.
    pub code: Text,
    /// What the code system calls it.
    pub display: Text,
}

/// Something clinical in words, with codes beside them if there are any:
/// `"Fever"`, or `{"text": "Fever", "system": "snomed", "code": "386661006", "display": "Fever"}`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Concept {
    /// The words that were written.
    pub text: Text,
    /// The code system's URI, or one of the short names `snomed`, `loinc`,
    /// `icd-10`. Without it, or with another, the code is one of the facility's own.
    pub system: Text,
    /// The code.
    pub code: Text,
    /// What the code system calls it.
    pub display: Text,
    /// More codes of the same thing.
    pub codings: List<Coding>,
}

impl FromText for Concept {
    fn from_text(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A code as it was sent.
#[derive(Clone, Copy)]
pub(crate) struct Code<'a> {
    pub system: Option<&'a str>,
    pub value: &'a str,
    pub display: Option<&'a str>,
}

impl<'a> Code<'a> {
    fn new(system: &'a Text, code: &'a Text, display: &'a Text) -> Option<Self> {
        Some(Self { system: system.get(), value: code.get()?, display: display.get() })
    }
}

impl Concept {
    /// All codes that were sent, the first one first.
    pub(crate) fn codes(&self) -> impl Iterator<Item = Code<'_>> {
        Code::new(&self.system, &self.code, &self.display)
            .into_iter()
            .chain(self.codings.iter().filter_map(|c| Code::new(&c.system, &c.code, &c.display)))
    }

    /// The words a reader should see: the text, else a display, else a code.
    pub fn words(&self) -> Option<&str> {
        self.text
            .get()
            .or_else(|| self.display.get())
            .or_else(|| self.codings.iter().find_map(|c| c.display.get()))
            .or_else(|| self.codes().next().map(|c| c.value))
    }
}

/// A measured amount.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["value"]))]
pub struct Quantity {
    /// The number.
    pub value: Option<Decimal>,
    /// The unit as written: `mg/dL`, `CM`, `tablet`.
    pub unit: Text,
    /// The unit's UCUM code, if it is not the unit as written.
    pub code: Text,
    /// `<`, `<=`, `>=` or `>`, if the number is a bound.
    pub comparator: Text,
}

/// A span of time; days or times.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub struct DateRange {
    /// When it began.
    #[serde(alias = "start")]
    pub from: Text,
    /// When it ended.
    #[serde(alias = "end")]
    pub to: Text,
}
