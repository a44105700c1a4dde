//! Escape sequences of text (HL7 v2 chapter 2, "Use of escape sequences in text fields").

use super::charset;
use super::delimiters::Delimiters;

/// The longest escape sequence that is looked for: `\X..\` may carry some bytes, everything else is shorter.
const LONGEST: usize = 1024;
/// The most blanks or empty lines that one formatting command makes.
const MOST: usize = 80;

/// The text with its escape sequences resolved. What is no sequence of HL7's stays as it was written, the escape
/// character included: a path such as `C:\reports` is no mistake to lose text over.
pub fn decode(text: &str, delimiters: &Delimiters) -> String {
    let Some(escape) = delimiters.escape.filter(|escape| text.contains(*escape)) else {
        return text.to_owned();
    };
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        decoded.push_str(before);
        let end = after.bytes().take(LONGEST).position(|byte| char::from(byte) == escape);
        let sequence = end.and_then(|end| after.get(..end));
        match sequence.map(|sequence| (sequence, meaning(sequence, delimiters))) {
            Some((sequence, Some(meaning))) => {
                decoded.push_str(&meaning);
                rest = after.get(sequence.len() + escape.len_utf8()..).unwrap_or_default();
            }
            _ => {
                decoded.push(escape);
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// Text made safe to stand in a field: the delimiters escaped, control characters left out.
pub fn encode(text: &str, delimiters: &Delimiters) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        let letter = match c {
            _ if c == delimiters.field => 'F',
            _ if c == delimiters.component => 'S',
            _ if Some(c) == delimiters.repetition => 'R',
            _ if Some(c) == delimiters.escape => 'E',
            _ if Some(c) == delimiters.subcomponent => 'T',
            _ => {
                if !c.is_control() {
                    encoded.push(c);
                }
                continue;
            }
        };
        if let Some(escape) = delimiters.escape {
            encoded.extend([escape, letter, escape]);
        }
    }
    encoded
}

fn meaning(sequence: &str, delimiters: &Delimiters) -> Option<String> {
    match sequence {
        "F" => Some(delimiters.field.into()),
        "S" => Some(delimiters.component.into()),
        "R" => delimiters.repetition.map(String::from),
        "E" => delimiters.escape.map(String::from),
        "T" => delimiters.subcomponent.map(String::from),
        // Highlighting begins and ends: it changes no word.
        "H" | "N" => Some(String::new()),
        _ => match sequence.split_at_checked(1)? {
            ("X", digits) => hexadecimal(digits),
            (".", command) => formatting(command),
            _ => None,
        },
    }
}

fn hexadecimal(digits: &str) -> Option<String> {
    let bytes = hex::decode(digits).ok().filter(|bytes| !bytes.is_empty())?;
    let text = String::from_utf8(bytes).unwrap_or_else(|error| charset::latin1(error.as_bytes()));
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Some(text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', ""))
}

/// Formatting commands of FT text: those that break a line or skip, and those that only place it.
fn formatting(command: &str) -> Option<String> {
    let (name, number) = command.split_at_checked(2)?;
    let number = number.trim().trim_start_matches('+');
    let count = match number {
        "" => Some(1),
        _ => number.parse::<usize>().ok(),
    };
    match name {
        "br" | "ce" if number.is_empty() => Some("\n".to_owned()),
        "sp" => count.map(|count| "\n".repeat(count.min(MOST))),
        "sk" => count.map(|count| " ".repeat(count.min(MOST))),
        "fi" | "nf" if number.is_empty() => Some(String::new()),
        "in" | "ti" => number.trim_start_matches('-').parse::<u32>().ok().map(|_| String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> String {
        decode(text, &Delimiters::USUAL)
    }

    #[test]
    fn delimiters_bytes_and_line_breaks_come_back() {
        assert_eq!(decoded(r"a\F\b\S\c\T\d\R\e\E\f"), r"a|b^c&d~e\f");
        assert_eq!(decoded(r"Growth:\.br\E. coli\.sp2\end"), "Growth:\nE. coli\n\nend");
        assert_eq!(decoded(r"\H\High\N\ 37\XC2B0\C, \XB5\g"), "High 37°C, µg");
        assert_eq!(decoded(r"a\X0D0A\b\.in+4\\.sk3\c"), "a\nb   c");
    }

    #[test]
    fn what_is_no_sequence_stays() {
        for text in
            [r"C:\reports\2026", r"\", r"\\", r"a\Q\b", r"\X0\", r"\XZZ\", r"\.xx\", r"50\100", "plain"]
        {
            assert_eq!(decoded(text), text);
        }
        assert_eq!(decoded(r"C:\reports\F\"), r"C:\reports|");
    }

    #[test]
    fn skipping_is_bounded() {
        assert!(decoded(r"\.sp99999999\").len() <= MOST);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(text in "[^\\p{Cc}]{0,60}") {
            prop_assert_eq!(decoded(&encode(&text, &Delimiters::USUAL)), text);
        }

        #[test]
        fn nothing_makes_it_panic_or_grow(text in r"(\\|\.|X|F|[0-9]{0,4}|br|sp|\PC){0,80}") {
            prop_assert!(decoded(&text).len() <= text.len() * MOST);
        }
    }
}
