#![doc = include_str!("../README.md")]

mod build;
mod bytes;
mod canonical;
mod context;
mod fhir;
mod file;
mod hash;
mod hi_type;
pub mod input;
pub mod issue;
mod names;
mod narrative;
mod pointer;
mod render;
pub mod rules;
mod schema;
pub mod summary;
mod systems;
pub mod terminology;
mod time;
mod units;
pub mod validate;

pub use build::{Built, LocalCode, build, build_slice};
pub use context::{Context, Facility, PatientContext, Seed, TypedIdentifier, Visit};
pub use file::from_file;
pub use hi_type::{HiType, UnknownHiType};
pub use issue::{Issue, Severity};
pub use render::render_html;
pub use schema::input_schema;
pub use summary::{Summary, summary};
