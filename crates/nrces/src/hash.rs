//! The hash maps of this crate. Their keys are names, codes and addresses, which foldhash hashes in a fraction of the
//! standard library's time; like that it starts from a secret of the process, so that nobody can choose colliding keys.

pub(crate) use foldhash::fast::RandomState;

/// A map of the standard library with another hash.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
