//! Code systems, searchable.
//!
//! A code system that was loaded is one file in a folder of its own beside the store: an SQLite database with a full-text
//! index (FTS5), written whole, moved into place when it is complete, and only read from then on. A load that fails leaves
//! the one before; a process that searches takes up a new one by itself. It is a cache of what was published, so each
//! machine has its own and a backup needs none.
//!
//! The rows stand in the order of merit among equals (a short or common name first), and the index gives matches in the
//! order of rows. So the first few hundred matches hold the best, however many there are, and only these are compared.
//!
//! What belongs to a facility, its own codes and what they stand for, is in the store itself ([`LocalMapping`]).

mod build;
mod distance;
mod error;
mod index;
mod local;
mod query;
mod rank;
mod release;
mod vocabulary;
mod words;

pub use build::{Builder, NewEntry};
pub use error::TerminologyError;
pub use index::{About, Builtin, Found, Index, IndexOptions, Search};
pub use local::{LocalCode, LocalMapping, NewUnmapped, UnmappedCode, UnmappedKey};
