//! The decisions of the domain against what they promise, as a caller sees them.

#[cfg(test)]
mod names;
