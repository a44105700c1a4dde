//! What words of names mean: titles, ornaments, names that many have. Lists are in files beside this one.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::fold::fold;

/// What a word is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A name.
    Name,
    /// A name before the name, written or not, that seldom tells anybody apart: Mohammed, Abdul.
    Prefix,
    /// Said after a name out of respect, or of every woman: ji, Devi, Begum. Written or not.
    Ornament,
    /// Before a name: Mr, Dr, Shri.
    Title,
    /// One letter.
    Initial,
}

const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "mstr",
    "master",
    "smt",
    "shrimati",
    "srimati",
    "shreemati",
    "sri",
    "shri",
    "shree",
    "sree",
    "sh",
    "dr",
    "doctor",
    "prof",
    "professor",
    "adv",
    "advocate",
    "er",
    "ca",
    "capt",
    "captain",
    "col",
    "maj",
    "kum",
    "ku",
    "km",
    "baby",
    "late",
    "janab",
    "mst",
    "mosammat",
    "thiru",
    "tiru",
    "thirumathi",
    "tirumati",
    "tmt",
    "do",
    "shriman",
    "sau",
    "sow",
    "dakter",
    "daktar",
];
const ORNAMENTS: &[&str] = &[
    "ji", "jee", "saheb", "sahab", "sahib", "garu", "devi", "debi", "kumari", "kaur", "bai", "ben", "behn",
    "bhai", "begum", "begam", "khatun", "khatoon", "bibi", "bano", "banu", "bi", "amma", "ammal",
];
const PREFIXES: &[&str] = &["mohammed", "abdul", "abu"];
/// A word is an ornament grown onto a name, if what is left has three letters or more and the whole is no name itself.
const GROWN_ON: &[&str] = &["bhai", "ben", "bai", "devi", "kumari", "ji", "jee"];
/// A man's second name and the woman's that goes with it.
const GENDERED: &[(&str, &str)] = &[("sing", "kaur"), ("kumar", "kumari"), ("bhai", "ben")];

static TITLE: LazyLock<HashSet<&str>> = LazyLock::new(|| TITLES.iter().copied().collect());
static ORNAMENT: LazyLock<HashSet<&str>> = LazyLock::new(|| ORNAMENTS.iter().copied().collect());
static PREFIX: LazyLock<HashSet<String>> =
    LazyLock::new(|| PREFIXES.iter().map(|word| spelling(word)).collect());
static GIVEN: LazyLock<HashSet<String>> = LazyLock::new(|| list(include_str!("given.txt")).collect());
static SURNAMES: LazyLock<HashSet<String>> = LazyLock::new(|| list(include_str!("surnames.txt")).collect());
static VARIANTS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut variants = HashMap::new();
    for line in lines(include_str!("variants.txt")) {
        let mut words = line.split_whitespace().map(fold);
        let Some(first) = words.next() else { continue };
        words.filter(|word| *word != first).for_each(|word| {
            variants.insert(word, first.clone());
        });
    }
    variants
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn list(text: &'static str) -> impl Iterator<Item = String> {
    lines(text).flat_map(str::split_whitespace).map(spelling)
}

/// The one spelling of a word, given in lower-case ASCII.
pub fn spelling(word: &str) -> String {
    let folded = fold(word);
    VARIANTS.get(&folded).cloned().unwrap_or(folded)
}

/// Spellings of a word, given in lower-case ASCII: the one that stands for all, and its own if that is another. A slip of
/// the pen is nearer to what was meant than to the one that stands for it.
pub fn spellings(word: &str) -> Vec<String> {
    let own = fold(word);
    match VARIANTS.get(&own) {
        Some(common) => vec![common.clone(), own],
        None => vec![own],
    }
}

/// Whether a word is short for something, rather than initials written together.
pub fn is_abbreviation(word: &str) -> bool {
    VARIANTS.contains_key(word)
}

/// Whether a word before a name is a title.
pub fn is_title(word: &str) -> bool {
    TITLE.contains(word)
}

/// What a word after titles is for.
pub fn role(word: &str, spelling: &str) -> Role {
    if word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Role::Initial
    } else if ORNAMENT.contains(word) {
        Role::Ornament
    } else if PREFIX.contains(spelling) {
        Role::Prefix
    } else {
        Role::Name
    }
}

/// The name and the ornament that has grown onto it.
pub fn grown_on(word: &str) -> Option<(&str, &str)> {
    let (name, ornament) = GROWN_ON.iter().find_map(|ornament| {
        word.strip_suffix(ornament).filter(|name| name.len() >= 3).map(|name| (name, *ornament))
    })?;
    (!is_known(&spelling(word)) && is_given(&spelling(name))).then_some((name, ornament))
}

/// Whether it is a common given name.
pub fn is_given(spelling: &str) -> bool {
    GIVEN.contains(spelling)
}

/// Whether it is a common family name.
pub fn is_surname(spelling: &str) -> bool {
    SURNAMES.contains(spelling)
}

/// Whether it is any common name.
pub fn is_known(spelling: &str) -> bool {
    is_given(spelling) || is_surname(spelling)
}

/// Whether one is a man's second name and the other the woman's that goes with it.
pub fn are_a_pair(one: &str, other: &str) -> bool {
    GENDERED.iter().any(|(his, hers)| {
        let (his, hers) = (spelling(his), spelling(hers));
        (one == his && other == hers) || (one == hers && other == his)
    })
}
