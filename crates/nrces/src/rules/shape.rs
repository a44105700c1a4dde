//! Rules in the form that validation walks: shapes (what an object may hold)
//! and elements (how often, of which types, with which values), in one arena.

use std::sync::Arc;

use serde_json::Value;

use crate::bytes;

/// Index of a shape in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ShapeId(pub u32);

/// What an object may hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Name of the type, for messages.
    pub name: Box<str>,
    pub resource: bool,
    /// Shared between the shapes that leave them as they are.
    pub elements: Vec<Arc<Element>>,
    /// JSON names with the element and the type that each stands for.
    pub keys: Keys,
    /// Bit `i` is set if element `i` must stand at least once.
    pub required: u128,
    pub invariants: Vec<u16>,
}

/// JSON names behind a hash table of their places: looking names up is most of
/// what a validation does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    all: Vec<Key>,
    /// Index + 1 of a key by its hash, 0 where there is none; a power of two long.
    table: Vec<u16>,
}

impl Keys {
    /// The first key of a name is the one that is found.
    pub(crate) fn new(all: Vec<Key>) -> Self {
        let size = (all.len() * 4).next_power_of_two();
        let mut table = vec![0_u16; size];
        for (at, key) in all.iter().enumerate() {
            let start = slot(key.name.len(), key.ends);
            let free =
                (0..size).map(|step| (start + step) & (size - 1)).find(|slot| table.get(*slot) == Some(&0));
            if let Some(slot) = free.and_then(|slot| table.get_mut(slot)) {
                *slot = u16::try_from(at + 1).unwrap_or(0);
            }
        }
        Self { all, table }
    }

    #[inline]
    fn find(&self, name: &str) -> Option<&Key> {
        let ends = bytes::ends(name.as_bytes());
        let mut slot = slot(name.len(), ends);
        loop {
            let at = usize::from(*self.table.get(slot & self.table.len().wrapping_sub(1))?).checked_sub(1)?;
            let key = self.all.get(at)?;
            let same = key.ends == ends && key.name.len() == name.len();
            if same && (bytes::is_covered(name.len()) || *key.name == *name) {
                return Some(key);
            }
            slot += 1;
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Key> {
        self.all.iter()
    }
}

/// Where a name of this length with these ends is looked for first; less the size of the table.
#[inline]
fn slot(length: usize, (first, last): (u64, u64)) -> usize {
    // Any odd number with bits all over does: the product's upper half depends on every letter.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (first ^ last.rotate_left(23) ^ length as u64).wrapping_mul(MIX);
    usize::from((mixed >> 48) as u16)
}

/// A JSON name of an object of a shape.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub name: Arc<str>,
    /// Of the name, by which it is told from others.
    ends: (u64, u64),
    pub element: u16,
    pub ty: u16,
}

impl Key {
    pub(crate) fn new(name: Arc<str>, element: u16, ty: u16) -> Self {
        let ends = bytes::ends(name.as_bytes());
        Self { name, ends, element, ty }
    }
}

impl Shape {
    /// What a JSON name stands for.
    #[inline]
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.find(name)
    }
}

/// No upper bound on repetitions.
pub(crate) const MANY: u32 = u32::MAX;

/// One element of a shape.
#[derive(Debug)]
pub(crate) struct Element {
    /// Without `[x]`.
    pub name: Box<str>,
    pub choice: bool,
    pub array: bool,
    pub min: u32,
    pub max: u32,
    pub types: Vec<TypeUse>,
    pub invariants: Vec<u16>,
    pub binding: Option<Binding>,
    /// Whatever is rare, apart, to keep elements small.
    pub rare: Option<Box<Rare>>,
}

/// Demands that few elements make.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub fixed: Option<Value>,
    pub pattern: Option<Value>,
    pub slicing: Option<Slicing>,
    pub min_value: Option<f64>,
    pub max_value: Option<f64>,
    pub max_length: Option<u64>,
}

/// A value set and whether it must be kept to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub required: bool,
    pub set: u32,
}

/// One allowed type.
#[derive(Debug)]
pub(crate) struct TypeUse {
    /// JSON name: `value` or, of a choice, `valueQuantity`.
    pub json: Arc<str>,
    pub form: Form,
    /// Shapes of the profiles that the value has to meet as well.
    pub profiles: Vec<ShapeId>,
    /// What a reference may point to; empty: anything.
    pub targets: Vec<Target>,
}

/// How a value of a type is written and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Primitive(Primitive),
    /// An object of this shape, with what else is known of its type.
    Object(ShapeId, Special),
    /// Any resource, by its own `resourceType`.
    Resource,
    /// A type that no table describes.
    Unknown,
}

/// Types with rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    None,
    Coding,
    CodeableConcept,
    Quantity,
    Reference,
    Extension,
    Identifier,
    Attachment,
}

/// One allowed target of a reference.
#[derive(Debug)]
pub(crate) struct Target {
    /// The resource type.
    pub name: Box<str>,
    /// The profile, if it is more than the bare type and known.
    pub profile: Option<ShapeId>,
}

/// The primitive types of FHIR R4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

impl Primitive {
    /// The primitive of a FHIR type name.
    pub(crate) fn named(code: &str) -> Option<Self> {
        Some(match code {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }
}

/// How the repetitions of an element are told apart.
#[derive(Debug)]
pub(crate) struct Slicing {
    pub closed: bool,
    pub at_end: bool,
    pub ordered: bool,
    pub slices: Vec<Slice>,
}

/// One slice.
#[derive(Debug)]
pub(crate) struct Slice {
    pub name: Box<str>,
    pub matchers: Vec<Matcher>,
    pub element: Element,
}

/// One condition under which a repetition belongs to a slice.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// From the repetition to what is looked at; empty: itself.
    pub path: Vec<Box<str>>,
    pub test: Test,
}

/// What is asked of the value at a matcher's path.
#[derive(Debug)]
pub(crate) enum Test {
    Equals(Value),
    Contains(Value),
    InSet(u32),
    Exists(bool),
    /// A resource of one of these types.
    Type(Vec<Box<str>>),
}
