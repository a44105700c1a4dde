//! How alike two names are, word by word.

use super::fold::{consonants, is_vowel};
use super::indic::Script;
use super::parse::Word;
use super::words::{Role, are_a_pair};

/// An initial is the beginning of a word: almost as good as the word.
const INITIAL: f64 = 0.95;
/// The consonants agree and there are no vowels to compare.
const WITHOUT_VOWELS: f64 = 0.9;
/// Two words are taken for one that the other name writes together if they are so alike.
const JOINED: f64 = 0.9;
/// Names are seldom misspelt in their first letter: such words are at most so alike.
const OTHER_BEGINNING: f64 = 0.5;

/// How alike the names are, from 0 to 1, and whether nothing is missing from either.
pub fn compare(one: &[Word], other: &[Word]) -> (f64, bool) {
    // Which of the two is asked for must not matter.
    let (one, other) = if (one.len(), one) <= (other.len(), other) { (one, other) } else { (other, one) };
    let (one, other) = (without_titles(&join(one, other)), without_titles(&join(other, one)));
    if written_together(&one) == written_together(&other) {
        return (1.0, true);
    }
    if gendered(&one, &other) {
        return (0.0, false);
    }
    let complete = one.len() == other.len();
    let (mut one, mut other) = (essential(&one, &other), essential(&other, &one));
    if one.len() > other.len() {
        std::mem::swap(&mut one, &mut other);
    }
    let complete = complete && one.len() == other.len();
    pair(&one, &other).map_or((0.0, false), |alike| (alike, complete))
}

fn without_titles(words: &[Word]) -> Vec<Word> {
    let names: Vec<_> = words.iter().filter(|word| word.role != Role::Title).cloned().collect();
    if names.is_empty() { words.to_vec() } else { names }
}

/// All letters of a name, the words in the order of the alphabet.
fn written_together(words: &[Word]) -> Vec<&str> {
    let mut forms: Vec<_> = words.iter().filter_map(|word| word.forms.first()).map(String::as_str).collect();
    forms.sort_unstable();
    forms
}

/// `Ram Kumar` as `Ramkumar` and `A P J` as `APJ`, if that is how the other name has it.
fn join(words: &[Word], other: &[Word]) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let initials = rest.iter().take_while(|word| word.role == Role::Initial).count();
        let (whole, taken) = if initials > 1 {
            (initials_as_word(rest, initials, other), initials)
        } else {
            (after.first().and_then(|next| two_as_word(word, next, other)), 2)
        };
        rest = if whole.is_some() { rest.get(taken..).unwrap_or_default() } else { after };
        joined.push(whole.unwrap_or_else(|| word.clone()));
    }
    joined
}

fn initials_as_word(words: &[Word], count: usize, other: &[Word]) -> Option<Word> {
    let letters: String = words.iter().take(count).map(|word| word.latin.as_str()).collect();
    other.iter().find(|theirs| theirs.role != Role::Title && theirs.latin == letters).cloned()
}

fn two_as_word(word: &Word, next: &Word, other: &[Word]) -> Option<Word> {
    let length = word.latin.len() + next.latin.len();
    let meant = |theirs: &&Word| theirs.latin.len().abs_diff(length) <= 3;
    let in_other = |word: &Word| other.iter().any(|theirs| word_alike(word, theirs) >= 1.0);
    let initial = word.role == Role::Initial || next.role == Role::Initial;
    if initial || !other.iter().any(|theirs| meant(&theirs)) || in_other(word) || in_other(next) {
        return None;
    }
    let whole = Word::new(format!("{}{}", word.latin, next.latin), next.script);
    other.iter().filter(meant).any(|theirs| word_alike(&whole, theirs) >= JOINED).then_some(whole)
}

/// `Harpreet Singh` and `Harpreet Kaur` are brother and sister.
fn gendered(one: &[Word], other: &[Word]) -> bool {
    let form = |word: &Word| word.forms.first().cloned().unwrap_or_default();
    one.iter().any(|a| other.iter().any(|b| are_a_pair(&form(a), &form(b))))
}

/// The words that must agree: ornaments never, prefixes only if the other name has them too.
fn essential<'a>(words: &'a [Word], other: &[Word]) -> Vec<&'a Word> {
    let names: Vec<_> = words.iter().filter(|word| word.role != Role::Ornament).collect();
    if names.iter().all(|word| word.role == Role::Initial) {
        return words.iter().collect();
    }
    let shared = |word: &Word| other.iter().any(|theirs| word_alike(word, theirs) >= 1.0);
    let without: Vec<_> =
        names.iter().copied().filter(|word| word.role != Role::Prefix || shared(word)).collect();
    if without.iter().all(|word| word.role == Role::Initial) { names } else { without }
}

/// Pairs every word of the shorter name with one of the longer; gives how alike the worst pair is. None if a person's own
/// name is not among the pairs.
fn pair(short: &[&Word], long: &[&Word]) -> Option<f64> {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::with_capacity(short.len() * long.len());
    for (i, a) in short.iter().enumerate() {
        pairs.extend(long.iter().enumerate().map(|(j, b)| (word_alike(a, b), i, j)));
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut mine, mut theirs) = (vec![None; short.len()], vec![None; long.len()]);
    for (alike, i, j) in pairs {
        if let (Some(a @ None), Some(b @ None)) = (mine.get_mut(i), theirs.get_mut(j)) {
            let by_initial =
                [short.get(i), long.get(j)].iter().flatten().any(|word| word.role == Role::Initial);
            *a = Some((alike, by_initial));
            *b = Some((alike, by_initial));
        }
    }
    let named = |words: &[&Word], paired: &[Option<(f64, bool)>]| {
        own_name(words)
            .is_none_or(|place| paired.get(place).copied().flatten().is_some_and(|(_, initial)| !initial))
    };
    if !named(short, &mine) || !named(long, &theirs) {
        return None;
    }
    mine.iter().map(|pair| pair.map_or(0.0, |(alike, _)| alike)).min_by(f64::total_cmp)
}

/// Which word is the person's own name: the first that is known as one, else the first that is no family name.
fn own_name(words: &[&Word]) -> Option<usize> {
    let names = || words.iter().enumerate().filter(|(_, word)| word.role != Role::Initial);
    let telling = || names().filter(|(_, word)| word.role != Role::Prefix);
    telling()
        .find(|(_, word)| word.is_given())
        .or_else(|| telling().find(|(_, word)| !word.is_surname()))
        .or_else(|| names().next())
        .map(|(place, _)| place)
}

/// How alike two words are, from 0 to 1.
pub fn word_alike(one: &Word, other: &Word) -> f64 {
    match (one.role == Role::Initial, other.role == Role::Initial) {
        (true, true) => return if one.forms == other.forms { 1.0 } else { 0.0 },
        (true, false) => return initial_of(one, other),
        (false, true) => return initial_of(other, one),
        (false, false) => {}
    }
    if one.latin == other.latin || one.forms.iter().any(|form| other.forms.contains(form)) {
        return 1.0;
    }
    let digits = |word: &Word| word.latin.bytes().any(|byte| byte.is_ascii_digit());
    if digits(one) || digits(other) {
        return 0.0;
    }
    if (one.script == Script::Arabic) != (other.script == Script::Arabic) {
        return without_vowels(one, other);
    }
    let loosen = Loosening::of(one.script, other.script);
    if loosen == Loosening::None && one.known && other.known {
        return 0.0;
    }
    let scores = one.forms.iter().flat_map(|a| other.forms.iter().map(move |b| loosen.alike(a, b)));
    scores.max_by(f64::total_cmp).unwrap_or_default()
}

fn initial_of(initial: &Word, word: &Word) -> f64 {
    let letter = initial.latin.chars().next();
    let fits = word.latin.chars().next() == letter
        || word
            .forms
            .iter()
            .any(|form| initial.forms.iter().any(|initial| form.chars().next() == initial.chars().next()));
    if fits { INITIAL } else { 0.0 }
}

/// The Arabic script writes few vowels: only consonants can be compared.
fn without_vowels(one: &Word, other: &Word) -> f64 {
    let bones = |word: &Word| -> Vec<String> {
        let bare = |form: &String| consonants(form).replace(['v', 'y'], "").trim_end_matches('h').to_owned();
        word.forms.iter().map(bare).collect()
    };
    let (one, other) = (bones(one), bones(other));
    if one.iter().any(|form| !form.is_empty() && other.contains(form)) { WITHOUT_VOWELS } else { 0.0 }
}

/// Scripts that have one letter for several sounds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loosening {
    None,
    Eastern,
    Tamil,
}

impl Loosening {
    fn of(one: Script, other: Script) -> Self {
        match (one, other) {
            (Script::Tamil, _) | (_, Script::Tamil) if one != other => Self::Tamil,
            (Script::Eastern, _) | (_, Script::Eastern) if one != other => Self::Eastern,
            _ => Self::None,
        }
    }

    fn alike(self, one: &str, other: &str) -> f64 {
        let loose = |form: &str| -> String { form.chars().map(|letter| self.letter(letter)).collect() };
        match self {
            Self::None => spelled_alike(one, other),
            _ => spelled_alike(&loose(one), &loose(other)),
        }
    }

    fn letter(self, letter: char) -> char {
        match (self, letter) {
            (Self::Tamil, 'g') => 'k',
            (Self::Tamil, 'd') => 't',
            (Self::Tamil, 'b' | 'f') => 'p',
            (Self::Tamil, 'c' | 'j') => 's',
            (Self::Eastern, 'v') => 'b',
            (Self::Eastern, 'y') => 'j',
            _ => letter,
        }
    }
}

/// Levenshtein's distance, adjacent letters exchanged counting as one mistake, over letters and over consonants alone: a
/// wrong vowel is a spelling, a wrong consonant mostly another name.
fn spelled_alike(one: &str, other: &str) -> f64 {
    let alike = f64::midpoint(near(one, other), near(&consonants(one), &consonants(other)));
    match (one.chars().next(), other.chars().next()) {
        (Some(a), Some(b)) if a == b || (is_vowel(a) && is_vowel(b)) => alike,
        _ => alike.min(OTHER_BEGINNING),
    }
}

#[expect(clippy::cast_precision_loss, reason = "words are short")]
fn near(one: &str, other: &str) -> f64 {
    let longest = one.len().max(other.len());
    if longest == 0 { 1.0 } else { 1.0 - strsim::osa_distance(one, other) as f64 / longest as f64 }
}
