//! Texts in the character sets that ABDM takes. Other scripts are transliterated, other signs replaced or dropped,
//! and the result trimmed to 255 characters.

/// The most characters that any text of ABDM's may have.
pub const MAX_LENGTH: usize = 255;

/// A patient's or care context's display: letters, digits, space and `_ - @ , . " ' : | ( ) /`, 1 to 255 of them.
#[must_use]
pub fn display(text: &str) -> String {
    fit(text, is_display_char, "Unnamed")
}

/// An `error.message`, or a `description` of a notify: letters, digits, space and `_ - @ , . " :`, 1 to 255 of them.
#[must_use]
pub fn message(text: &str) -> String {
    fit(text, is_message_char, "Unknown exception")
}

/// Whether a patient's or care context's reference passes every pattern it meets on its way: 1 to 255 letters,
/// digits and `- _ . : /`. (Linking takes more, but the notify that ends a transfer does not.)
#[must_use]
pub fn is_reference(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

/// A name as the link token call takes it: letters in groups parted by one of space `'` `,` `.` `-`, beginning and
/// ending with a letter. None if no letter is left: then there is no name to ask with.
#[must_use]
pub fn person_name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut gap = Gap::default();
    for ch in any_ascii::any_ascii(text).chars() {
        if ch.is_ascii_alphabetic() {
            if !name.is_empty() {
                gap.write(&mut name);
            }
            gap = Gap::default();
            name.push(ch);
        } else {
            gap.add(ch);
        }
    }
    name.truncate(MAX_LENGTH);
    name.truncate(name.trim_end_matches(|ch: char| !ch.is_ascii_alphabetic()).len());
    (!name.is_empty()).then_some(name)
}

/// What stood between two letters of a name: at most one sign, then at most one space.
#[derive(Default)]
struct Gap {
    sign: Option<char>,
    space: bool,
}

impl Gap {
    fn add(&mut self, ch: char) {
        match ch {
            '\'' | ',' | '.' | '-' => self.sign = self.sign.or(Some(ch)),
            _ => self.space = true,
        }
    }

    fn write(&self, name: &mut String) {
        name.extend(self.sign);
        if self.space {
            name.push(' ');
        }
    }
}

fn is_message_char(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || "_-@,. \":".contains(ch)
}

fn is_display_char(ch: char) -> bool {
    is_message_char(ch) || "'|()/".contains(ch)
}

fn fit(text: &str, allowed: fn(char) -> bool, fallback: &str) -> String {
    let mut fitted = String::with_capacity(text.len());
    for ch in any_ascii::any_ascii(text).chars() {
        if allowed(ch) && !(ch == ' ' && fitted.ends_with(' ')) {
            fitted.push(ch);
        } else {
            replace(&mut fitted, ch, allowed);
        }
    }
    fitted.truncate(MAX_LENGTH);
    let fitted = fitted.trim();
    if fitted.contains(|ch: char| ch.is_ascii_alphanumeric()) {
        fitted.to_owned()
    } else {
        fallback.to_owned()
    }
}

/// Writes the nearest thing that is allowed in place of a character that is not.
fn replace(fitted: &mut String, ch: char, allowed: fn(char) -> bool) {
    let word = match ch {
        '&' => "and",
        '\'' | '`' | '?' | '!' => return,
        ';' => ",",
        '/' | '\\' | '|' if allowed('/') => "/",
        '/' | '\\' | '|' | '=' | '~' => "-",
        '[' | '{' | '<' if allowed('(') => "(",
        ']' | '}' | '>' if allowed(')') => ")",
        _ => "",
    };
    let spaced = matches!(word, "" | "and");
    if spaced && !fitted.is_empty() && !fitted.ends_with(' ') {
        fitted.push(' ');
    }
    fitted.push_str(word);
    if word == "and" {
        fitted.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn displays_keep_what_is_allowed_and_turn_the_rest_into_the_nearest_thing() {
        for (text, fitted) in [
            ("OPD visit 10-Sep-2026", "OPD visit 10-Sep-2026"),
            ("Mother & Child  clinic", "Mother and Child clinic"),
            ("Mother&Child", "Mother and Child"),
            ("Ward [3] #12", "Ward (3) 12"),
            ("O'Brien \"Bob\" | A/B", "O'Brien \"Bob\" | A/B"),
            ("दिल्ली", "dilli"),
            ("Zoë Müller", "Zoe Muller"),
            ("  \t", "Unnamed"),
            ("+++", "Unnamed"),
            ("", "Unnamed"),
        ] {
            assert_eq!(display(text), fitted, "{text}");
        }
    }

    #[test]
    fn messages_lose_the_signs_that_only_displays_may_have() {
        for (text, fitted) in [
            ("Date Range given is invalid", "Date Range given is invalid"),
            ("key isn't on the curve (x/y)", "key isnt on the curve x-y"),
            (
                "keyMaterial.curve: 'P-256'; expected Curve25519",
                "keyMaterial.curve: P-256, expected Curve25519",
            ),
            ("🙂", "slightly smiling face"),
            ("", "Unknown exception"),
        ] {
            let shown = message(text);
            if text == "🙂" {
                assert!(!shown.is_empty());
            } else {
                assert_eq!(shown, fitted, "{text}");
            }
        }
    }

    #[test]
    fn a_name_becomes_what_the_link_token_call_takes() {
        for (text, name) in [
            ("Ramesh Kumar", Some("Ramesh Kumar")),
            ("Dr. Ramesh  Kumar (2)", Some("Dr. Ramesh Kumar")),
            ("Ramesh.K", Some("Ramesh.K")),
            (" -O'Neil--Smith,  Jr. ", Some("O'Neil-Smith, Jr")),
            ("2Pac", Some("Pac")),
            ("रमेश", Some("rmes")),
            ("12345", None),
            ("", None),
        ] {
            let made = person_name(text);
            if text == "रमेश" {
                assert!(made.is_some());
            } else {
                assert_eq!(made.as_deref(), name, "{text}");
            }
        }
    }

    #[test]
    fn references_hold_only_what_the_narrowest_pattern_allows() {
        for (text, ok) in
            [("visit-2026/1:a_b.c", true), ("", false), ("a b", false), ("a|b", false), ("é", false)]
        {
            assert_eq!(is_reference(text), ok, "{text}");
        }
        assert!(is_reference(&"a".repeat(255)));
        assert!(!is_reference(&"a".repeat(256)));
    }

    proptest! {
        #[test]
        fn any_text_fits_the_documented_patterns(text in any::<String>()) {
            let pattern = Regex::new(r#"^[a-zA-Z0-9_\-@,. "':|()/]{1,255}$"#).unwrap();
            prop_assert!(pattern.is_match(&display(&text)));
            let pattern = Regex::new(r#"^[a-zA-Z0-9_\-@,. ":]{1,255}$"#).unwrap();
            prop_assert!(pattern.is_match(&message(&text)));
        }

        #[test]
        fn any_name_fits_the_documented_pattern(text in "[a-zA-Z0-9 '.,&-]{0,40}|\\PC{0,300}") {
            let pattern = Regex::new("^[a-zA-Z]+(([',. -][a-zA-Z ])?[a-zA-Z]*)*$").unwrap();
            if let Some(name) = person_name(&text) {
                prop_assert!(pattern.is_match(&name), "{name}");
                prop_assert!(name.len() <= MAX_LENGTH);
            }
        }

        #[test]
        fn fitting_twice_changes_nothing(text in any::<String>()) {
            prop_assert_eq!(display(&display(&text)), display(&text));
            prop_assert_eq!(message(&message(&text)), message(&text));
        }
    }
}
