//! What was typed, and how it is asked for.

use std::collections::HashMap;

use super::vocabulary::{Near, Vocabulary};
use super::words::{is_stop_word, words};

/// More words than anyone types, fewer than a text pasted by mistake has.
const MAX_WORDS: usize = 8;
/// How many meant words are asked for in place of a mistyped one.
const MAX_NEAR: usize = 6;

/// Short forms with what they stand for, as words.
pub(super) type Abbreviations = HashMap<String, Vec<Vec<String>>>;

/// One typed word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub word: String,
    /// What it may be short for.
    pub long: Vec<Vec<String>>,
    /// What it may have been meant to be, once that was looked up.
    pub near: Option<Vec<Near>>,
}

/// How a typed word is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it is, or as what it is short for.
    Whole,
    /// As the beginning of a word.
    Beginning,
    /// As what it may have been meant to be.
    Near,
}

/// The typed words that are looked for.
pub(super) fn typed(text: &str, abbreviations: &Abbreviations) -> Vec<Typed> {
    let mut all: Vec<String> = Vec::new();
    for word in words(text) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    if all.iter().any(|word| !is_stop_word(word)) {
        all.retain(|word| !is_stop_word(word));
    }
    all.truncate(MAX_WORDS);
    let typed = |word: String| Typed {
        long: abbreviations.get(&word).cloned().unwrap_or_default(),
        near: None,
        word,
    };
    all.into_iter().map(typed).collect()
}

impl Typed {
    /// Looks up what it may have been meant to be, once.
    pub fn guess(&mut self, vocabulary: &Vocabulary) -> &[Near] {
        self.near.get_or_insert_with(|| vocabulary.near(&self.word, MAX_NEAR))
    }

    /// What it may have been meant to be, as far as that is known.
    pub fn near(&self) -> &[Near] {
        self.near.as_deref().unwrap_or_default()
    }

    /// As a part of an FTS5 expression. Words hold letters and digits only, so quoting them is enough.
    fn expression(&self, manner: Manner) -> String {
        let star = if manner == Manner::Whole { "" } else { "*" };
        let mut choices = vec![format!("\"{}\"{star}", self.word)];
        for long in &self.long {
            let all: Vec<String> = long.iter().map(|word| format!("\"{word}\"")).collect();
            choices.push(format!("({})", all.join(" AND ")));
        }
        if manner == Manner::Near {
            choices.extend(self.near().iter().map(|near| format!("\"{}\"", near.word)));
        }
        format!("({})", choices.join(" OR "))
    }
}

/// An FTS5 expression for concepts that have all of these words.
pub(super) fn all_of<'a>(typed: impl IntoIterator<Item = &'a Typed>, manner: Manner) -> String {
    let parts: Vec<String> = typed.into_iter().map(|typed| typed.expression(manner)).collect();
    parts.join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abbreviations() -> Abbreviations {
        [("hb".to_owned(), vec![vec!["hemoglobin".to_owned()], vec!["heart".to_owned(), "block".to_owned()]])]
            .into()
    }

    #[test]
    fn words_that_say_nothing_are_left_out_unless_there_is_nothing_else() {
        let plain = |text| -> Vec<String> {
            typed(text, &Abbreviations::new()).into_iter().map(|typed| typed.word).collect()
        };
        assert_eq!(plain("Pain in the chest, pain"), ["pain", "chest"]);
        assert_eq!(plain("of the"), ["of", "the"]);
        assert_eq!(plain("a b c d e f g h i j").len(), MAX_WORDS);
        assert!(plain("\"* OR (").iter().all(|word| word.chars().all(char::is_alphanumeric)));
        assert!(plain(" () ").is_empty());
    }

    #[test]
    fn the_expression_asks_for_every_word_in_any_of_its_readings() {
        let mut typed = typed("hb low", &abbreviations());
        let whole = "(\"hb\" OR (\"hemoglobin\") OR (\"heart\" AND \"block\")) AND (\"low\")";
        assert_eq!(all_of(&typed, Manner::Whole), whole);
        typed[1].near = Some(vec![Near { word: "slow".into(), distance: 1 }]);
        assert_eq!(all_of(&typed[1..], Manner::Beginning), "(\"low\"*)");
        assert_eq!(all_of(&typed[1..], Manner::Near), "(\"low\"* OR \"slow\")");
    }
}
