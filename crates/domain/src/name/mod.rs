//! Whether two names are one person's.

mod compare;
mod fold;
mod indic;
mod parse;
mod words;

use parse::{Parsed, Word, parse};

/// So alike must the least alike words of two names be, of 1.
pub const THRESHOLD: f64 = 0.88;
/// More words, or longer ones, than any name has: such names are only compared as a whole.
const MOST_WORDS: usize = 16;
const LONGEST_WORD: usize = 40;

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

/// A name, taken apart and spelled for comparison. `Debug` does not show it.
#[derive(Clone)]
pub struct Name {
    words: Vec<Word>,
    baby: bool,
}

impl Name {
    /// Takes a name apart as it was written.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let Parsed { words, baby } = parse(written);
        Self { words, baby }
    }

    /// How much the two are alike. Which is asked for which does not matter. A name without a letter is nobody's.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        match self.compare(other) {
            (1.0.., true) => Likeness::Same,
            (THRESHOLD.., _) => Likeness::Alike,
            _ => Likeness::Different,
        }
    }

    /// How alike the two are, from 0 to 1: what [`THRESHOLD`] is about.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f64 {
        self.compare(other).0
    }

    fn compare(&self, other: &Self) -> (f64, bool) {
        if self.words.is_empty() || other.words.is_empty() || self.baby != other.baby {
            return (0.0, false);
        }
        if self.is_odd() || other.is_odd() {
            return if self.words == other.words { (1.0, true) } else { (0.0, false) };
        }
        compare::compare(&self.words, &other.words)
    }

    fn is_odd(&self) -> bool {
        self.words.len() > MOST_WORDS || self.words.iter().any(|word| word.latin.len() > LONGEST_WORD)
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name(..)")
    }
}
