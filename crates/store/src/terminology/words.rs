//! Text as it is searched: words in lower case without accents, American and British spellings alike.

use unicode_normalization::UnicodeNormalization as _;

/// Longer words are cut: nobody types them out.
const MAX_WORD: usize = 40;

/// Words that say nothing by themselves.
const STOP_WORDS: [&str; 15] =
    ["of", "in", "the", "and", "for", "with", "by", "to", "on", "at", "an", "or", "from", "due", "as"];

/// Words that many names of tests have, so that they say little.
const WEAK_WORDS: [&str; 10] = [
    "total",
    "count",
    "level",
    "levels",
    "test",
    "estimation",
    "value",
    "absolute",
    "profile",
    "examination",
];

/// The words of a text, in order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    if text.is_ascii() {
        text.chars().for_each(|letter| take(letter, &mut word, &mut words));
    } else {
        // Accents are set apart from their letters and dropped; the vowel signs of Indian scripts are letters.
        let apart = text.nfkd().filter(|letter| !('\u{300}'..='\u{36F}').contains(letter));
        apart.for_each(|letter| take(letter, &mut word, &mut words));
    }
    end(&mut word, &mut words);
    words
}

/// Whether a word may be left out of a search for several.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// Whether a word says little beside others.
pub(super) fn is_weak_word(word: &str) -> bool {
    WEAK_WORDS.contains(&word)
}

fn take(letter: char, word: &mut String, words: &mut Vec<String>) {
    let indic = ('\u{900}'..='\u{DFF}').contains(&letter);
    if !letter.is_alphanumeric() && !indic {
        // Apostrophes are left out: Crohn's is typed as crohns.
        if letter != '\'' && letter != '\u{2019}' {
            end(word, words);
        }
        return;
    }
    if letter.is_ascii() {
        word.push(letter.to_ascii_lowercase());
    } else {
        word.extend(letter.to_lowercase());
    }
}

fn end(word: &mut String, words: &mut Vec<String>) {
    if word.is_empty() {
        return;
    }
    let cut = word.char_indices().nth(MAX_WORD).map_or(word.len(), |(at, _)| at);
    word.truncate(cut);
    words.push(american(word));
    word.clear();
}

/// Haemoglobin and hemoglobin, oedema and edema, tumour and tumor, sulphate and sulfate are one. Other words are altered
/// too, but alike on both sides of a search.
fn american(word: &str) -> String {
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    let mut plain = word.to_owned();
    for (british, american) in [
        ("ae", "e"),
        ("oe", "e"),
        ("our", "or"),
        ("sulph", "sulf"),
        ("isation", "ization"),
        ("leuco", "leuko"),
    ] {
        if plain.contains(british) {
            plain = plain.replace(british, american);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_are_one() {
        for (one, other) in [
            ("Haemoglobin", "hemoglobin"),
            ("OEDEMA", "edema"),
            ("Tumour", "tumor"),
            ("sulphate", "sulfate"),
            ("Sjögren's", "Sjogrens"),
            ("immunisation", "Immunization"),
            ("leucocytes", "leukocytes"),
            ("β-HCG", "Β hcg"),
        ] {
            assert_eq!(words(one), words(other));
        }
    }

    #[test]
    fn words_are_letters_and_digits_of_any_script() {
        assert_eq!(words("X-ray, chest (PA) 25.5%"), ["x", "ray", "chest", "pa", "25", "5"]);
        assert_eq!(words("हीमोग्लोबिन की जाँच").len(), 3);
        assert_eq!(words("ಹಿಮೋಗ್ಲೋಬಿನ್"), ["ಹಿಮೋಗ್ಲೋಬಿನ್".nfkd().collect::<String>()]);
        assert!(words(" -- \u{300} ").is_empty());
        assert_eq!(words(&"x".repeat(500)), ["x".repeat(MAX_WORD)]);
    }
}
