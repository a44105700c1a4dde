//! The rule tables as they are read from text: a tree of rows, one row for
//! each element of a definition, a profile's rows holding only what it changes.

use std::rc::Rc;

use serde_json::Value;

/// Rows are shared between the definitions that leave them as they are.
pub(crate) type Rows = Vec<Rc<Row>>;

/// How often an element may stand: `min..max`, `None` for `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Card {
    pub min: u32,
    pub max: Option<u32>,
}

/// One allowed type of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeRow {
    pub code: String,
    /// Profiles that the value itself has to meet (URLs).
    pub profiles: Vec<String>,
    /// Profiles that a reference's target has to meet (URLs).
    pub targets: Vec<String>,
}

/// A value set that codes have to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindRow {
    pub required: bool,
    pub set: String,
}

/// By what the repetitions of an element are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlicingRow {
    /// Kind (`value`, `pattern`, `type`, `exists`, `profile`) and path of each.
    pub by: Vec<(String, String)>,
    /// `open`, `openAtEnd` or `closed`.
    pub rules: String,
    pub ordered: bool,
}

/// Smallest and largest value, longest text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LimitsRow {
    pub min: Option<Value>,
    pub max: Option<Value>,
    pub length: Option<u64>,
}

/// One element, or one slice of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// `coding`, `value[x]`; of a slice its name.
    pub name: String,
    pub slice: bool,
    /// Whether JSON writes it as an array; follows from the base definition.
    pub array: bool,
    pub card: Option<Card>,
    pub types: Option<Vec<TypeRow>>,
    /// The element of the same definition whose content this one repeats.
    pub same_as: Option<String>,
    pub bind: Option<BindRow>,
    pub invariants: Vec<String>,
    pub slicing: Option<SlicingRow>,
    pub fixed: Option<Value>,
    pub pattern: Option<Value>,
    pub limits: LimitsRow,
    pub children: Rows,
}

/// What a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Type,
    Resource,
    Profile,
}

/// One data type, resource or profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub kind: Kind,
    /// Name of a type or resource, URL of a profile.
    pub name: String,
    /// The type whose rows come first, or that a profile constrains.
    pub of: Option<String>,
    pub invariants: Vec<String>,
    pub rows: Rows,
}

/// An invariant's severity and the fingerprint of its expression, by which a
/// package that changes its meaning is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvariantRow {
    pub key: String,
    pub warning: bool,
    pub print: u32,
}

/// Codes of one system within a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Members {
    /// Every code of the system.
    All,
    /// Some codes that cannot be told without the system's content.
    Some,
    /// These.
    Codes(Vec<String>),
}

/// Stands for a system where a set takes codes of who knows which.
pub(crate) const ANY_SYSTEM: &str = "*";

/// One value set: members by system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetRow {
    pub url: String,
    pub members: Vec<(String, Members)>,
}

/// Codes of a system with their displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SystemRow {
    pub url: String,
    /// Whether it has no other codes.
    pub complete: bool,
    pub codes: Vec<(String, String)>,
}

/// Everything that one or more table files say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tables {
    pub definitions: Vec<Definition>,
    pub invariants: Vec<InvariantRow>,
    pub sets: Vec<SetRow>,
    pub systems: Vec<SystemRow>,
}

/// URL of a core definition is this and its name.
pub(crate) const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl Row {
    /// Children that are elements.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Rc<Self>> {
        self.children.iter().filter(|c| !c.slice)
    }

    /// Children that are slices of this element.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &Rc<Self>> {
        self.children.iter().filter(|c| c.slice)
    }

    /// This element as it stands for repetitions of no slice.
    pub(crate) fn unsliced(&self) -> Self {
        let mut row = self.clone();
        row.slicing = None;
        row.children.retain(|c| !c.slice);
        row
    }
}
