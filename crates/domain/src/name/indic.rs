//! Indic scripts in Latin letters.
//!
//! `any_ascii` goes letter by letter and loses the vowel that a bare consonant carries (`राम` would be `rm` were it
//! not for its sign); the crates that know it are made for Sanskrit texts and bring a browser's tool chain along. The
//! nine scripts share one order of letters in Unicode, so one short table does for all of them.

/// The first letters of the nine blocks: Devanagari, Bengali, Gurmukhi, Gujarati, Odia, Tamil, Telugu, Kannada, Malayalam.
const BLOCKS: std::ops::RangeInclusive<u32> = 0x0900..=0x0D7F;
const VIRAMA: u32 = 0x4D;
const NUKTA: u32 = 0x3C;

/// Which script a word is written in, as far as it matters for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Script {
    /// Latin, or one that is told apart from it by nothing.
    Latin,
    /// Bengali and Assamese, Odia: one letter for b and v.
    Eastern,
    /// Devanagari, Gujarati, Gurmukhi.
    Northern,
    /// Tamil: one letter for k and g, t and d, p and b, ch and s and j.
    Tamil,
    /// Telugu, Kannada, Malayalam: a final vowel is spoken.
    Southern,
    /// Arabic script: vowels are mostly not written.
    Arabic,
}

impl Script {
    /// The script of a letter.
    pub fn of(letter: char) -> Self {
        match u32::from(letter) {
            0x0900..=0x097F | 0x0A00..=0x0AFF => Self::Northern,
            0x0980..=0x09FF | 0x0B00..=0x0B7F => Self::Eastern,
            0x0B80..=0x0BFF => Self::Tamil,
            0x0C00..=0x0D7F => Self::Southern,
            0x0600..=0x077F | 0xFB50..=0xFDFF | 0xFE70..=0xFEFF => Self::Arabic,
            _ => Self::Latin,
        }
    }

    /// Whether [`romanise`] is for it.
    pub fn is_indic(self) -> bool {
        !matches!(self, Self::Latin | Self::Arabic)
    }
}

/// A word of an Indic script in Latin letters, as a clerk would write it; a final unwritten vowel is given only where it
/// is spoken. Anything else in the word is left out.
pub fn romanise(word: &str) -> String {
    let mut latin = String::with_capacity(word.len());
    let mut bare = false;
    let mut script = Script::Latin;
    for letter in word.chars() {
        let code = u32::from(letter);
        if !BLOCKS.contains(&code) {
            continue;
        }
        script = Script::of(letter);
        let place = code & 0x7F;
        match place {
            VIRAMA => bare = false,
            // Bengali writes `Banerjee` with a y that is not spoken.
            0x2F if (0x0980..0x0A00).contains(&code) && latin.len() == 1 && !bare => {}
            NUKTA => soften(&mut latin),
            0x3E..=0x4C => {
                latin.push_str(vowel(place));
                bare = false;
            }
            _ => {
                let consonant = consonant(place);
                if bare {
                    latin.push('a');
                }
                latin.push_str(consonant.unwrap_or_else(|| other(place)));
                bare = consonant.is_some();
            }
        }
    }
    if bare && matches!(script, Script::Southern | Script::Tamil) {
        latin.push('a');
    }
    latin
}

/// A dot below makes `d` an `r`; what it does to other letters is lost in comparison anyway.
fn soften(latin: &mut String) {
    for hard in ["dh", "d"] {
        if let Some(length) = latin.strip_suffix(hard).map(str::len) {
            latin.truncate(length);
            latin.push('r');
            return;
        }
    }
}

/// A vowel sign.
fn vowel(place: u32) -> &'static str {
    match place {
        0x3E => "aa",
        0x3F | 0x40 => "i",
        0x41 | 0x42 => "u",
        0x43 | 0x44 => "ri",
        0x45..=0x47 => "e",
        0x48 => "ai",
        0x49..=0x4B => "o",
        _ => "au",
    }
}

fn consonant(place: u32) -> Option<&'static str> {
    const LETTERS: [&str; 37] = [
        "k", "kh", "g", "gh", "n", "ch", "chh", "j", "jh", "n", "t", "th", "d", "dh", "n", "t", "th", "d",
        "dh", "n", "n", "p", "ph", "b", "bh", "m", "y", "r", "r", "l", "l", "l", "v", "sh", "sh", "s", "h",
    ];
    match place {
        0x5F => Some("y"),
        0x71 => Some("v"),
        _ => usize::try_from(place.checked_sub(0x15)?).ok().and_then(|place| LETTERS.get(place)).copied(),
    }
}

/// Vowels that stand alone, nasal signs, and letters without a vowel. Gurmukhi's sign for a doubled letter is nothing, as
/// doubled letters are in comparison.
fn other(place: u32) -> &'static str {
    match place {
        0x01 | 0x02 | 0x70 | 0x7A | 0x7B => "n",
        0x05 | 0x06 => "a",
        0x07 | 0x08 => "i",
        0x09 | 0x0A => "u",
        0x0B => "ri",
        0x0D..=0x0F => "e",
        0x10 => "ai",
        0x11..=0x13 => "o",
        0x14 => "au",
        0x4E => "t",
        0x7C => "r",
        0x7D | 0x7E => "l",
        0x7F => "k",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_scripts_are_read_with_their_unwritten_vowels() {
        for (written, latin) in [
            ("राम", "raam"),
            ("रमेश", "ramesh"),
            ("लक्ष्मी", "lakshmi"),
            ("अरोड़ा", "aroraa"),
            ("सिंह", "sinh"),
            ("সুনীতা", "sunitaa"),
            ("ਗੁਰਪ੍ਰੀਤ", "guraprit"),
            ("ਸਿੰਘ", "singh"),
            ("પટેલ", "patel"),
            ("ପଟନାୟକ", "patanaayak"),
            ("முருகன்", "murukan"),
            ("రెడ్డి", "reddi"),
            ("మంజునాథ", "manjunaatha"),
            ("ಮಂಜುನಾಥ", "manjunaatha"),
            ("മോഹൻലാൽ", "mohanlaal"),
            ("राजकुमार", "raajakumaar"),
        ] {
            assert_eq!(romanise(written), latin, "{written}");
        }
    }
}
