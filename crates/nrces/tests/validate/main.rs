//! The validator against documents of our own: valid ones, planted faults,
//! random edits, other people's documents, other people's packages.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod documents;
mod edits;
mod faults;
mod package;
mod support;
