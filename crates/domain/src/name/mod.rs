//! Whether two names are one person's.

use unicode_normalization::UnicodeNormalization as _;

/// So alike must two normalised names be, of 1.
const THRESHOLD: f64 = 0.8;

/// How much two names are alike. Ordered: the better one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Not one person's.
    Different,
    /// One person's, written differently or in part.
    Alike,
    /// The same, but for spelling.
    Same,
}

/// A name, normalised for comparison.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    words: Vec<String>,
}

impl Name {
    /// Normalises a name as it was written.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let folded: String = written.nfkd().collect();
        let ascii = any_ascii::any_ascii(&folded).to_ascii_lowercase();
        let mut words: Vec<_> = ascii
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty() && !HONORIFICS.contains(word))
            .map(str::to_owned)
            .collect();
        words.sort_unstable();
        Self { words }
    }

    /// How much the two are alike.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        if self.words.is_empty() || other.words.is_empty() {
            return Likeness::Different;
        }
        if self == other {
            return Likeness::Same;
        }
        let close = strsim::normalized_levenshtein(&self.words.concat(), &other.words.concat()) >= THRESHOLD;
        if close { Likeness::Alike } else { Likeness::Different }
    }
}

const HONORIFICS: &[&str] =
    &["mr", "mrs", "ms", "smt", "shri", "sri", "dr", "kumari", "kum", "master", "baby"];

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name(..)")
    }
}
