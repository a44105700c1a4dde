//! The crate against the reference implementation's vectors, and its promises as properties.

#[cfg(test)]
mod keys;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tolerances;
#[cfg(test)]
mod vector_file;
#[cfg(test)]
mod vectors;
