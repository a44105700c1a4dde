//! The known faults of peers that a reader may forgive: each a switch, each use reported.
//!
//! None of them weakens the encryption: the point checks and the tag decide in every case.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One fault of a peer that can be forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tolerance {
    /// The peer derived its key from the shared secret without leading zero bytes (care, pyfidelius,
    /// fidelius-go, ProjectEKA's C#): 1 exchange in 128.
    StrippedSecret,
    /// The peer wrote a coordinate of its public key without leading zero bytes: 1 key in 64.
    StrippedPublicKey,
    /// White space in base64, as MIME wrapping leaves it.
    WhiteSpace,
    /// A literal `\u002B`, `\u002F`, `\u003D` for `+`, `/`, `=`: JSON escaped twice.
    EscapedCharacters,
}

impl Tolerance {
    /// All of them, in the order of [`Used::iter`].
    pub const ALL: [Self; 4] =
        [Self::StrippedSecret, Self::StrippedPublicKey, Self::WhiteSpace, Self::EscapedCharacters];

    /// A stable name for logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::StrippedSecret => "stripped-secret",
            Self::StrippedPublicKey => "stripped-public-key",
            Self::WhiteSpace => "white-space",
            Self::EscapedCharacters => "escaped-characters",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::StrippedSecret => 1,
            Self::StrippedPublicKey => 2,
            Self::WhiteSpace => 4,
            Self::EscapedCharacters => 8,
        }
    }
}

/// Which faults to forgive. The default forgives all; [`Tolerances::NONE`] none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch with a name of its own")]
pub struct Tolerances {
    /// See [`Tolerance::StrippedSecret`]: after a failed tag, and only if the secret begins with a
    /// zero byte, opening is tried once more with the secret stripped.
    pub stripped_secret: bool,
    /// See [`Tolerance::StrippedPublicKey`]: the missing zero bytes are put where the point is on the
    /// curve.
    pub stripped_public_key: bool,
    /// See [`Tolerance::WhiteSpace`].
    pub white_space: bool,
    /// See [`Tolerance::EscapedCharacters`].
    pub escaped_characters: bool,
}

impl Tolerances {
    /// Forgives every known fault.
    pub const ALL: Self = Self {
        stripped_secret: true,
        stripped_public_key: true,
        white_space: true,
        escaped_characters: true,
    };
    /// Forgives nothing.
    pub const NONE: Self = Self {
        stripped_secret: false,
        stripped_public_key: false,
        white_space: false,
        escaped_characters: false,
    };
}

impl Default for Tolerances {
    fn default() -> Self {
        Self::ALL
    }
}

/// The tolerances that were needed to read something.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Used(u8);

impl Used {
    /// Whether the peer's text was as it should be.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `tolerance` was needed.
    pub fn contains(self, tolerance: Tolerance) -> bool {
        self.0 & tolerance.bit() != 0
    }

    /// What was needed for either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that were needed.
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::ALL.into_iter().filter(move |tolerance| self.contains(*tolerance))
    }

    pub(crate) fn add(&mut self, tolerance: Tolerance) {
        self.0 |= tolerance.bit();
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Tolerance::name)).finish()
    }
}

/// Something read, and the tolerances it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What was read.
    pub value: T,
    /// The tolerances it took.
    pub used: Used,
}

/// Counts uses over many operations and threads, for metrics.
#[derive(Debug, Default)]
pub struct ToleranceCounts {
    stripped_secret: AtomicU64,
    stripped_public_key: AtomicU64,
    white_space: AtomicU64,
    escaped_characters: AtomicU64,
}

impl ToleranceCounts {
    /// Adds one to the count of each tolerance in `used`.
    pub fn record(&self, used: Used) {
        for tolerance in used.iter() {
            self.counter(tolerance).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often `tolerance` was recorded.
    pub fn get(&self, tolerance: Tolerance) -> u64 {
        self.counter(tolerance).load(Ordering::Relaxed)
    }

    fn counter(&self, tolerance: Tolerance) -> &AtomicU64 {
        match tolerance {
            Tolerance::StrippedSecret => &self.stripped_secret,
            Tolerance::StrippedPublicKey => &self.stripped_public_key,
            Tolerance::WhiteSpace => &self.white_space,
            Tolerance::EscapedCharacters => &self.escaped_characters,
        }
    }
}
