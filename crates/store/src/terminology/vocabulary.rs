//! All words of a code system, held in memory: whether any begins like a typed one, and which are close to it.

use super::distance::Pattern;
use super::error::TerminologyError;

/// The words in alphabetical order, with how many concepts have each.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    text: String,
    words: Vec<Word>,
    /// Which letters each word has, apart, since every search for a mistyped word goes through all of them.
    letters: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: u32,
    count: u32,
    length: u16,
}

/// A word close to a typed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    pub word: String,
    /// How many letters are wrong, missing, too many or swapped.
    pub distance: u8,
}

/// How strongly the words are packed; they are unpacked whenever a file is opened.
const COMPRESSION: i32 = 3;
/// What a damaged file may make us hold at most.
const MAX_TEXT: usize = 256 << 20;

impl Vocabulary {
    /// Of words in alphabetical order.
    pub fn new<'a>(sorted: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut vocabulary = Self::default();
        sorted.for_each(|(word, count)| vocabulary.push(word, count));
        vocabulary
    }

    fn push(&mut self, word: &str, count: u32) {
        let (Ok(start), Ok(length)) = (u32::try_from(self.text.len()), u16::try_from(word.len())) else {
            return;
        };
        self.text.push_str(word);
        self.words.push(Word { start, count, length });
        self.letters.push(letters(word));
    }

    /// As it is kept in a file.
    pub fn pack(&self) -> Result<Vec<u8>, std::io::Error> {
        let lines: Vec<String> =
            self.words.iter().map(|word| format!("{}\t{}", self.text(word), word.count)).collect();
        zstd::bulk::compress(lines.join("\n").as_bytes(), COMPRESSION)
    }

    /// As it was kept in a file.
    pub fn unpack(bytes: &[u8]) -> Result<Self, TerminologyError> {
        let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAX_TEXT);
        let size = size.ok_or(TerminologyError::Format)?;
        let text = zstd::bulk::decompress(bytes, size).map_err(|_| TerminologyError::Format)?;
        let text = String::from_utf8(text).map_err(|_| TerminologyError::Format)?;
        let mut vocabulary = Self::default();
        vocabulary.text.reserve(text.len());
        for line in text.lines() {
            let (word, count) = line.split_once('\t').ok_or(TerminologyError::Format)?;
            vocabulary.push(word, count.parse().map_err(|_| TerminologyError::Format)?);
        }
        Ok(vocabulary)
    }

    fn text(&self, word: &Word) -> &str {
        let start = word.start as usize;
        self.text.get(start..start + usize::from(word.length)).unwrap_or_default()
    }

    /// How many concepts have a word that begins so, each counted once for each such word.
    pub fn beginning(&self, prefix: &str) -> u64 {
        let start = self.words.partition_point(|word| self.text(word) < prefix);
        let rest = self.words.get(start..).unwrap_or_default();
        let matching = rest.iter().take_while(|word| self.text(word).starts_with(prefix));
        matching.map(|word| u64::from(word.count)).sum()
    }

    /// Up to `limit` words that a typed one may have been meant to be, closest and then commonest first. The typed one may
    /// also be their beginning. Short words are not guessed.
    pub fn near(&self, typed: &str, limit: usize) -> Vec<Near> {
        let most = match typed.chars().count() {
            0..=3 => return Vec::new(),
            4..=6 => 1,
            _ => 2,
        };
        let Some(pattern) = Pattern::new(typed, most) else { return Vec::new() };
        let letters_typed = letters(typed);
        let start_typed = typed.chars().next();
        let mut found = Vec::new();
        for (word, letters) in self.words.iter().zip(&self.letters) {
            // Every letter that the word lacks must have been a mistake.
            if (letters_typed & !letters).count_ones() > most {
                continue;
            }
            let text = self.text(word);
            if let Some((distance, whole)) = pattern.distance(text) {
                let strange_start = text.chars().next() != start_typed;
                found.push((distance, strange_start, !whole, std::cmp::Reverse(word.count), text));
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        found
            .into_iter()
            .map(|(distance, .., text)| Near {
                word: text.to_owned(),
                distance: u8::try_from(distance).unwrap_or(u8::MAX),
            })
            .collect()
    }
}

/// Which letters a word has, a bit for each; all that are not of the Latin alphabet share two.
fn letters(word: &str) -> u32 {
    word.chars().fold(0, |letters, letter| {
        let bit = match letter {
            'a'..='z' => u32::from(letter) - u32::from('a'),
            '0'..='9' => 26,
            _ => 27,
        };
        letters | 1 << bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let mut words =
            ["diabetes", "diabetic", "fever", "glucose", "hemoglobin", "hemorrhage", "paracetamol", "प्लेटलेट"];
        words.sort_unstable();
        Vocabulary::new(words.into_iter().zip((1..=8).rev()))
    }

    fn near(typed: &str) -> Vec<String> {
        vocabulary().near(typed, 3).into_iter().map(|near| near.word).collect()
    }

    #[test]
    fn a_word_is_found_in_spite_of_wrong_missing_doubled_and_swapped_letters() {
        for (typed, meant) in [
            ("diabetis", "diabetes"),
            ("fevr", "fever"),
            ("feverr", "fever"),
            ("fveer", "fever"),
            ("parcetamol", "paracetamol"),
            ("paracitmol", "paracetamol"),
            ("glocuse", "glucose"),
            ("hemaglobin", "hemoglobin"),
            ("प्लेटलट", "प्लेटलेट"),
        ] {
            assert_eq!(near(typed).first().map(String::as_str), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_mistyped_beginning_finds_the_word() {
        assert_eq!(near("parcet"), ["paracetamol"]);
        assert_eq!(near("hemog"), ["hemoglobin", "hemorrhage"], "one letter from the beginning of either");
        assert!(near("xyz").is_empty(), "short words are not guessed");
        assert!(near("completely").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn words_are_counted_by_their_beginning() {
        let vocabulary = vocabulary();
        assert_eq!(vocabulary.beginning("diab"), 8 + 7);
        assert_eq!(vocabulary.beginning("diabetic"), 7);
        assert_eq!(vocabulary.beginning("zz"), 0);
        assert_eq!(vocabulary.beginning(""), (1..=8).sum::<u64>());
    }

    #[test]
    fn it_comes_back_from_a_file_as_it_was_and_a_damaged_one_is_refused() {
        let packed = vocabulary().pack().unwrap();
        let unpacked = Vocabulary::unpack(&packed).unwrap();
        assert_eq!(unpacked.near("fevr", 1), vocabulary().near("fevr", 1));
        assert_eq!(unpacked.beginning("diab"), 15);
        for damaged in [b"".as_slice(), b"nonsense", &packed[..packed.len() - 3]] {
            assert!(matches!(Vocabulary::unpack(damaged), Err(TerminologyError::Format)));
        }
        let odd = zstd::bulk::compress(b"word without a count", 1).unwrap();
        assert!(Vocabulary::unpack(&odd).is_err());
    }
}
