//! Planted faults: each one change of a valid document, the rule that it
//! breaks, and where.

mod bundles;
mod invariants;
mod records;
mod references;
mod resources;
mod structure;
mod values;
