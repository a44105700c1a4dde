#![doc = include_str!("../README.md")]

mod build;
mod canonical;
mod context;
mod fhir;
mod hi_type;
pub mod input;
pub mod issue;
mod names;
mod narrative;
mod pointer;
pub mod rules;
mod systems;
mod time;
mod units;
pub mod validate;

pub use build::{Built, LocalCode, build, build_slice};
pub use context::{Context, Facility, PatientContext, Seed, TypedIdentifier, Visit};
pub use hi_type::{HiType, UnknownHiType};
pub use issue::{Issue, Severity};
