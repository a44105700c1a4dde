//! A name, taken apart into words.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::indic::{Script, romanise};
use super::words::{
    Role, grown_on, is_abbreviation, is_given, is_known, is_surname, is_title, role, spellings,
};

/// What comes after so many letters is not read.
const MOST_LETTERS: usize = 1000;

/// A word of a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Spellings to compare by; more than one where a script leaves a vowel open. The first is the usual one.
    pub forms: Vec<String>,
    /// As it was written, in lower-case ASCII.
    pub latin: String,
    /// What it is for.
    pub role: Role,
    /// Whether it is a common name.
    pub known: bool,
    /// What it was written in.
    pub script: Script,
}

impl Word {
    /// A word of lower-case ASCII letters and digits.
    pub fn new(latin: String, script: Script) -> Self {
        let mut forms = spellings(&latin);
        let open = matches!(script, Script::Southern | Script::Tamil);
        if let Some(closed) = latin.strip_suffix('a').filter(|closed| open && closed.len() > 2) {
            forms.extend(spellings(closed));
        }
        let first = forms.first().map(String::as_str).unwrap_or_default();
        let role = role(&latin, first);
        let known = forms.iter().any(|form| is_known(form));
        Self { forms, latin, role, known, script }
    }

    /// Whether it is somebody's own name rather than a family's, as far as lists tell.
    pub fn is_given(&self) -> bool {
        self.forms.iter().any(|form| is_given(form))
    }

    /// Whether it is a common family name.
    pub fn is_surname(&self) -> bool {
        self.forms.iter().any(|form| is_surname(form))
    }
}

/// What a name says.
pub struct Parsed {
    /// Its words.
    pub words: Vec<Word>,
    /// It is the mother's: `Baby of Sunita`.
    pub baby: bool,
}

/// Takes a name apart. What comes after a relation (`S/o`, `wife of`) or an alias, and what stands in brackets, is not
/// the person's name.
pub fn parse(written: &str) -> Parsed {
    let mut tokens = tokens(written);
    let baby = cut_relation(&mut tokens);
    let mut words = Vec::new();
    for token in &tokens {
        let script =
            token.chars().map(Script::of).find(|script| *script != Script::Latin).unwrap_or(Script::Latin);
        let latin = latin(token, script);
        if latin.is_empty() {
            continue;
        }
        let leading = words.iter().all(|word: &Word| word.role == Role::Title);
        if leading && is_title(&latin) {
            words.push(Word { role: Role::Title, ..Word::new(latin, script) });
        } else if are_initials(&latin, script) {
            words.extend(latin.chars().map(|letter| Word::new(letter.to_string(), script)));
        } else if let Some((name, ornament)) = grown_on(&latin) {
            words.push(Word::new(name.to_owned(), script));
            words.push(Word::new(ornament.to_owned(), script));
        } else {
            words.push(Word::new(latin, script));
        }
    }
    Parsed { words, baby }
}

fn latin(token: &str, script: Script) -> String {
    if script.is_indic() {
        return romanise(token);
    }
    let ascii = any_ascii::any_ascii(token).to_ascii_lowercase();
    ascii.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// `KR`, `apj`: letters without a vowel.
fn are_initials(latin: &str, script: Script) -> bool {
    script == Script::Latin
        && (2..=3).contains(&latin.len())
        && latin.bytes().all(|byte| byte.is_ascii_alphabetic() && !b"aeiouy".contains(&byte))
        && !is_abbreviation(latin)
}

fn tokens(written: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut brackets = 0_u32;
    for letter in written.nfkc().flat_map(char::to_lowercase).take(MOST_LETTERS) {
        match letter {
            '(' | '[' => brackets = brackets.saturating_add(1),
            ')' | ']' => brackets = brackets.saturating_sub(1),
            _ if brackets > 0 => {}
            '\'' | '’' | '`' => {}
            '/' | '@' => tokens.extend([letter.to_string(), String::new()]),
            _ if is_part_of_word(letter) => {
                if let Some(last) = tokens.last_mut() {
                    last.push(letter);
                }
            }
            _ => tokens.push(String::new()),
        }
        if matches!(letter, '(' | ')' | '[' | ']') {
            tokens.push(String::new());
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

fn is_part_of_word(letter: char) -> bool {
    let joiner = matches!(letter, '\u{200C}' | '\u{200D}');
    let danda = matches!(letter, '\u{0964}' | '\u{0965}' | '\u{0970}');
    !danda && (letter.is_alphanumeric() || joiner || is_combining_mark(letter))
}

/// Cuts off what is about somebody else; says whether what is left is the name of a newborn's mother.
fn cut_relation(tokens: &mut Vec<String>) -> bool {
    const RELATIONS: [&str; 8] = ["son", "daughter", "wife", "husband", "father", "mother", "d", "w"];
    const WORDS: [&str; 7] = ["alias", "urf", "@", "पुत्र", "पुत्री", "पत्नी", "उर्फ"];
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let after = |offset: usize| tokens.get(place + offset).map(String::as_str);
        let slashed = after(1) == Some("/") && after(2) == Some("o");
        let of =
            after(1) == Some("of") || (matches!(after(1), Some("boy" | "girl")) && after(2) == Some("of"));
        if (token == "b" && slashed) || (token == "baby" && of) {
            let of = tokens.iter().skip(place).position(|token| matches!(token.as_str(), "of" | "o"));
            tokens.drain(..=place + of.unwrap_or_default());
            return true;
        }
        let relation = (slashed && matches!(token.as_str(), "s" | "d" | "w" | "c" | "h" | "f" | "m"))
            || (of && RELATIONS.contains(&token.as_str()))
            || WORDS.contains(&token.as_str());
        if relation && place > 0 {
            tokens.truncate(place);
            return false;
        }
        place += 1;
    }
    false
}
