//! What the profiles demand, as tables: compiled from a FHIR package into our
//! own compact notation (`rules/*.rules`), and read from it when first needed.
//!
//! The notation holds facts only (names, cardinalities, types, bindings, fixed
//! values, slices, invariant keys), no prose of the definitions. What the base
//! of FHIR R4 says is written once; a profile's table says what it changes.

mod build;
mod codes;
mod compile;
mod element;
mod matcher;
mod merge;
mod names;
mod read;
mod row;
mod shape;
mod snapshot;
mod source;
mod terminology;
mod write;

use std::path::PathBuf;
use std::sync::LazyLock;

pub use build::Rules;
pub(crate) use codes::Member;
pub use compile::{Compiled, compile, compile_base, compile_text};
pub(crate) use shape::{
    Binding, Element, Form, Key, MANY, Matcher, Primitive, Rare, Shape, ShapeId, Slice, Slicing, Special,
    Target, Test, TypeUse,
};
pub use source::Package;

/// Why rules cannot be had from a package or a table.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not JSON.
    #[error("{path}: not JSON: {source}")]
    Json {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// No structure definition was found.
    #[error(
        "{path}: holds no StructureDefinition; give the folder with the package's JSON files, \
         or its .tgz with them under package/"
    )]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A definition cannot be expressed as rules.
    #[error("{name}: {what}")]
    Definition {
        /// Name or URL of the definition.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// A table's text is not in the notation.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// The tables that are built in: base types and resources of R4, the codes
/// that they bind, and the NRCeS profiles.
const TABLES: [&str; 4] = [
    include_str!("../../rules/base.rules"),
    include_str!("../../rules/base-codes.rules"),
    include_str!("../../rules/nrces.rules"),
    include_str!("../../rules/nrces-codes.rules"),
];

static BUILTIN: LazyLock<Rules> = LazyLock::new(|| {
    // A damaged table cannot be shipped: a test reads them all.
    Rules::from_tables(&TABLES).unwrap_or_default()
});

impl Rules {
    /// The rules that are built in, read on first use.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }
}
