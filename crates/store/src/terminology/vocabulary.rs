//! All words of a code system, held in memory: whether any begins like a typed one, and which are close to it.

use super::error::TerminologyError;

/// The words in alphabetical order, with how many concepts have each.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    text: String,
    words: Vec<Word>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: u32,
    count: u32,
    letters: u32,
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
        self.words.push(Word { start, count, letters: letters(word), length });
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
        let letters_typed = letters(typed);
        let typed: Vec<char> = typed.chars().collect();
        let most = match typed.len() {
            0..=3 => return Vec::new(),
            4..=6 => 1,
            _ => 2,
        };
        let mut rows = Rows::default();
        let mut found = Vec::new();
        for word in &self.words {
            // Every letter that the word lacks must have been a mistake.
            if (letters_typed & !word.letters).count_ones() > u32::from(most) {
                continue;
            }
            let text = self.text(word);
            if let Some((distance, whole)) = rows.distance(&typed, text, most) {
                let strange_start = text.chars().next() != typed.first().copied();
                found.push((distance, strange_start, !whole, std::cmp::Reverse(word.count), text));
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        found.into_iter().map(|(distance, .., text)| Near { word: text.to_owned(), distance }).collect()
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

/// Work space of the comparison.
#[derive(Debug, Default)]
struct Rows {
    word: Vec<char>,
    before: Vec<u8>,
    last: Vec<u8>,
    now: Vec<u8>,
}

impl Rows {
    /// The optimal string alignment distance to the word, or to its beginning if that is smaller; and whether it is to the
    /// whole word. None if it is more than `most`.
    fn distance(&mut self, typed: &[char], word: &str, most: u8) -> Option<(u8, bool)> {
        self.word.clear();
        self.word.extend(word.chars().take(typed.len() + usize::from(most) + 1));
        let width = self.word.len() + 1;
        if width + usize::from(most) <= typed.len() {
            return None;
        }
        self.last.clear();
        self.last.extend((0..width).map(|place| u8::try_from(place).unwrap_or(u8::MAX)));
        self.before.clear();
        let mut previous = None;
        for (row, letter) in typed.iter().enumerate() {
            let smallest = self.row(row, *letter, previous);
            if smallest > most {
                return None;
            }
            previous = Some(*letter);
        }
        let whole = self.last.last().copied().filter(|_| self.word.len() == word.chars().count());
        let beginning = self.last.iter().copied().min()?;
        match whole {
            Some(whole) if whole <= beginning => Some((whole, true)),
            _ => Some((beginning, false)),
        }
        .filter(|(distance, _)| *distance <= most)
    }

    /// Fills in the row of one typed letter and says its smallest value.
    fn row(&mut self, row: usize, letter: char, previous: Option<char>) -> u8 {
        let get = |row: &[u8], place: usize| row.get(place).copied().unwrap_or(u8::MAX);
        self.now.clear();
        let mut left = u8::try_from(row + 1).unwrap_or(u8::MAX);
        self.now.push(left);
        let mut smallest = left;
        let mut other_before = None;
        for (place, other) in self.word.iter().copied().enumerate() {
            let wrong = u8::from(other != letter);
            let mut value = get(&self.last, place).saturating_add(wrong);
            value = value.min(left.saturating_add(1)).min(get(&self.last, place + 1).saturating_add(1));
            if place > 0 && Some(other) == previous && other_before == Some(letter) {
                value = value.min(get(&self.before, place - 1).saturating_add(1));
            }
            self.now.push(value);
            smallest = smallest.min(value);
            left = value;
            other_before = Some(other);
        }
        std::mem::swap(&mut self.before, &mut self.last);
        std::mem::swap(&mut self.last, &mut self.now);
        smallest
    }
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
