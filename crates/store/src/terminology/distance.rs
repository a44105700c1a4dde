//! How far words are from a typed one.
//!
//! The optimal string alignment distance, by Hyyrö's bit vectors (A Bit-Vector Algorithm for Computing Levenshtein and
//! Damerau Edit Distances, 2003): a bit stands for a typed letter, and a letter of the word takes a dozen steps, however
//! long the typed word is.

/// A typed word, made ready to be compared with many.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Where each letter of ASCII stands in it.
    ascii: [u64; 128],
    /// The same of others.
    others: Vec<(char, u64)>,
    length: u32,
    most: u32,
}

/// The distances between the beginnings of the typed word and what was read of another.
struct Column {
    /// The typed letters at which the distance is greater than at the one before, and those at which it is smaller.
    more: u64,
    less: u64,
    /// The typed letters at which it is what it was diagonally before.
    same: u64,
    /// Where the last letter stands in the typed word.
    places: u64,
    /// Of the whole typed word.
    distance: u32,
}

impl Pattern {
    /// Of a word of 1 to 64 letters, for distances up to `most`.
    pub fn new(typed: &str, most: u32) -> Option<Self> {
        let length = u32::try_from(typed.chars().count()).ok().filter(|length| (1..=64).contains(length))?;
        let mut pattern = Self { ascii: [0; 128], others: Vec::new(), length, most };
        for (place, letter) in typed.chars().enumerate() {
            let other =
                pattern.others.iter_mut().find(|(other, _)| *other == letter).map(|(_, places)| places);
            match pattern.ascii.get_mut(letter as usize).or(other) {
                Some(places) => *places |= 1 << place,
                None => pattern.others.push((letter, 1 << place)),
            }
        }
        Some(pattern)
    }

    #[inline]
    fn places(&self, letter: char) -> u64 {
        let other =
            || self.others.iter().find(|(other, _)| *other == letter).map_or(0, |(_, places)| *places);
        self.ascii.get(letter as usize).copied().unwrap_or_else(other)
    }

    /// The distance to the word, or to its beginning if that is smaller; and whether it is to the whole word. None if it
    /// is more than what was asked for.
    pub fn distance(&self, word: &str) -> Option<(u32, bool)> {
        // A beginning that is longer than this is further away than one that is shorter.
        let longest = self.length + self.most + 1;
        let mut column = Column { more: u64::MAX, less: 0, same: 0, places: 0, distance: self.length };
        let (mut least, mut read) = (self.length, 0);
        for letter in word.chars() {
            // With every letter the distance falls by one at most.
            if read == longest || column.distance > self.most + (longest - read) {
                return (least <= self.most).then_some((least, false));
            }
            column = self.step(&column, self.places(letter));
            least = least.min(column.distance);
            read += 1;
        }
        (least <= self.most).then_some((least, column.distance == least))
    }

    #[inline]
    fn step(&self, column: &Column, places: u64) -> Column {
        let Column { more, less, .. } = *column;
        let swapped = ((!column.same & places) << 1) & column.places;
        let same = ((places & more).wrapping_add(more) ^ more) | places | less | swapped;
        let (rises, falls) = (less | !(same | more), same & more);
        let last = |bits: u64| u32::from(bits >> (self.length - 1) & 1 == 1);
        let distance = column.distance + last(rises) - last(falls);
        let (rises, falls) = (rises << 1 | 1, falls << 1);
        Column { more: falls | !(same | rises), less: rises & same, same, places, distance }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by the definition.
    fn plain(typed: &str, word: &str, most: u32) -> Option<(u32, bool)> {
        let (typed, word): (Vec<char>, Vec<char>) = (typed.chars().collect(), word.chars().collect());
        let mut rows = vec![(0..=word.len()).collect::<Vec<usize>>()];
        for i in 1..=typed.len() {
            let mut row = vec![i];
            for j in 1..=word.len() {
                let wrong = usize::from(typed[i - 1] != word[j - 1]);
                let mut value = (rows[i - 1][j - 1] + wrong).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
                if i > 1 && j > 1 && typed[i - 1] == word[j - 2] && typed[i - 2] == word[j - 1] {
                    value = value.min(rows[i - 2][j - 2] + 1);
                }
                row.push(value);
            }
            rows.push(row);
        }
        let last = rows.pop().unwrap();
        let least = u32::try_from(*last.iter().min().unwrap()).unwrap();
        (least <= most).then_some((least, *last.last().unwrap() == least as usize))
    }

    proptest! {
        #[test]
        fn the_distance_is_what_its_definition_says(
            typed in "[abcé]{1,12}|[a-dक]{30,64}", word in "[abcé]{0,14}|[a-dक]{28,70}", most in 0_u32..4
        ) {
            let pattern = Pattern::new(&typed, most).unwrap();
            prop_assert_eq!(pattern.distance(&word), plain(&typed, &word, most));
        }
    }

    #[test]
    fn wrong_missing_doubled_and_swapped_letters_count_one_each() {
        let distance = |typed, word| Pattern::new(typed, 2).unwrap().distance(word);
        assert_eq!(distance("fever", "fever"), Some((0, true)));
        assert_eq!(distance("fever", "feverfew"), Some((0, false)));
        for typed in ["fevr", "feverr", "fveer", "fexer"] {
            assert_eq!(distance(typed, "fever"), Some((1, true)), "{typed}");
        }
        assert_eq!(distance("fever", "gout"), None);
        assert_eq!(distance("fever", ""), None);
    }

    #[test]
    fn what_is_no_word_or_too_long_is_not_compared() {
        assert!(Pattern::new("", 1).is_none());
        assert!(Pattern::new(&"x".repeat(65), 1).is_none());
    }
}
