//! How well a concept matches what was typed.

use super::query::Typed;
use super::words::{is_stop_word, is_weak_word, words};

/// How well a concept matches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merit {
    /// 0 to about 1.
    pub score: f64,
    /// The name that matches best; none: the display.
    pub name: Option<String>,
}

/// A typed word against a name: how well it is met, and by how many of the name's words.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    quality: f64,
    used: usize,
}

/// What a word is worth that another of the concept's names has.
const ELSEWHERE: f64 = 0.6;
/// What a name is worth of which next to nothing was typed.
const LEAST_COVERED: f64 = 0.5;
/// The display is what will be read: among equals it counts more.
const DISPLAY_BONUS: f64 = 0.03;
/// What a typed word counts that says little, beside one that says something.
const WEAK: f64 = 0.3;
/// People type the first word first.
const ORDER_BONUS: f64 = 0.02;

/// Compares what was typed with a concept's display and its other names.
pub(super) fn merit<'a>(typed: &[Typed], display: &str, names: impl Iterator<Item = &'a str>) -> Merit {
    let mut all: Vec<(Option<&str>, Vec<Met>, usize, bool)> = Vec::new();
    for name in std::iter::once(None).chain(names.filter(|name| !name.is_empty()).map(Some)) {
        let mut words = words(name.unwrap_or(display));
        let first = words.first().cloned();
        words.retain(|word| !is_stop_word(word));
        let met: Vec<Met> = typed.iter().map(|typed| meet(typed, &words)).collect();
        let in_order = typed.first().zip(first).is_some_and(|(typed, first)| first.starts_with(&typed.word));
        all.push((name, met, words.len(), in_order));
    }
    let anywhere: Vec<f64> = (0..typed.len())
        .map(|place| {
            all.iter().filter_map(|(_, met, ..)| met.get(place)).map(|met| met.quality).fold(0.0, f64::max)
        })
        .collect();
    let mut best = Merit { score: 0.0, name: None };
    for (name, met, length, in_order) in all {
        let bonus =
            if name.is_none() { DISPLAY_BONUS } else { 0.0 } + if in_order { ORDER_BONUS } else { 0.0 };
        let score = score(typed, &met, &anywhere, length) + bonus;
        if score > best.score {
            best = Merit { score, name: name.map(str::to_owned) };
        }
    }
    best
}

/// How much of what was typed is met, times how much of the name was typed.
#[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
fn score(typed: &[Typed], met: &[Met], anywhere: &[f64], length: usize) -> f64 {
    let (mut quality, mut weights) = (0.0, 0.0);
    for ((typed, met), best) in typed.iter().zip(met).zip(anywhere) {
        let weight = if is_weak_word(&typed.word) { WEAK } else { 1.0 };
        quality += weight * (met.quality + (best - met.quality) * ELSEWHERE);
        weights += weight;
    }
    let used: usize = met.iter().map(|met| met.used).sum();
    let covered = (used as f64 / length.max(1) as f64).min(1.0);
    quality / f64::max(weights, WEAK) * (LEAST_COVERED + (1.0 - LEAST_COVERED) * covered)
}

#[expect(clippy::cast_precision_loss, reason = "lengths of words are small")]
fn meet(typed: &Typed, words: &[String]) -> Met {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    if has(&typed.word) {
        return Met { quality: 1.0, used: 1 };
    }
    let mut best = Met::default();
    let mut offer = |quality: f64, used: usize| {
        if quality > best.quality {
            best = Met { quality, used };
        }
    };
    for long in typed.long.iter().filter(|long| long.iter().all(|word| has(word))) {
        offer(0.95, long.len());
    }
    for word in words.iter().filter(|word| word.starts_with(&typed.word)) {
        offer(0.5 + 0.3 * typed.word.len() as f64 / word.len() as f64, 1);
    }
    for near in typed.near().iter().filter(|near| has(&near.word)) {
        offer(0.85 - 0.15 * f64::from(near.distance), 1);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::query::typed;
    use super::super::vocabulary::Near;
    use super::*;

    fn score_of(typed: &[Typed], display: &str, names: &[&str]) -> f64 {
        merit(typed, display, names.iter().copied()).score
    }

    fn plain(text: &str) -> Vec<Typed> {
        typed(text, &std::collections::HashMap::new())
    }

    /// Asserts that each concept is a better match than the next.
    fn in_order(typed: &[Typed], concepts: &[(&str, &[&str])]) {
        let scores: Vec<f64> =
            concepts.iter().map(|(display, names)| score_of(typed, display, names)).collect();
        assert!(scores.is_sorted_by(|one, next| one > next), "{scores:?}");
    }

    #[test]
    fn the_whole_name_beats_a_part_of_one_and_the_display_a_synonym() {
        let concepts: [(&str, &[&str]); 5] = [
            ("Fever", &[]),
            ("Pyrexia", &["Fever"]),
            ("Yellow fever", &[]),
            ("Feverfew", &[]),
            ("Family history of yellow fever", &[]),
        ];
        in_order(&plain("fever"), &concepts);
    }

    #[test]
    fn all_words_beat_some_and_one_name_beats_several() {
        let concepts: [(&str, &[&str]); 4] = [
            ("Chest pain", &[]),
            ("Chest discomfort", &["Pain of thorax", "Pain"]),
            ("Pain", &[]),
            ("Dyspnea", &[]),
        ];
        in_order(&plain("pain in chest"), &concepts);
    }

    #[test]
    fn the_word_that_says_something_decides() {
        let concepts: [(&str, &[&str]); 2] =
            [("Leukocytes [#/volume] in Blood", &[]), ("Calorie intake total", &[])];
        in_order(&plain("Total leucocyte count"), &concepts);
    }

    #[test]
    fn a_typing_error_costs_less_than_a_missing_word() {
        let mut typed = plain("diabtes type");
        typed[0].near = Some(vec![Near { word: "diabetes".into(), distance: 1 }]);
        let concepts: [(&str, &[&str]); 3] = [("Diabetes type 2", &[]), ("Type", &[]), ("Gout", &[])];
        in_order(&typed, &concepts);
    }

    #[test]
    fn it_says_which_name_was_met() {
        let merit = merit(
            &plain("heart attack"),
            "Myocardial infarction",
            ["Cardiac infarction", "Heart attack"].into_iter(),
        );
        assert_eq!(merit.name.as_deref(), Some("Heart attack"));
        assert!(score_of(&[], "Anything", &[]) < 0.1);
        assert!(score_of(&plain("x"), "", &[""]) < 0.1);
    }
}
