//! The crate against the reference implementation's vectors, and its promises as properties.

mod keys;
mod properties;
mod tolerances;
mod vector_file;
mod vectors;
