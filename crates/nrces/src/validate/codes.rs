//! Codes: those that a value set prescribes, and codings on their own.

use super::json::Json;
use super::path::Path;
use super::walk::Walk;
use crate::bytes::has;
use crate::rules::{Binding, Form, Member, Special, TypeUse};

/// Every MIME type (BCP 13): told by its form.
const MIME_TYPES: &str = "http://hl7.org/fhir/ValueSet/mimetypes";
/// The guide's own code systems, which a version of it holds wholly.
const NRCES_SYSTEMS: &str = "https://nrces.in/";
/// At most so many codes are listed in a message.
const LISTED: usize = 12;

impl<'a> Walk<'a> {
    /// A value whose codes come from a value set.
    pub(crate) fn bound(&mut self, binding: Binding, ty: &'a TypeUse, value: Json<'a>, path: &Path<'_>) {
        if self.rules.codes.set(binding.set).is_some_and(|set| &*set.url == MIME_TYPES) {
            if value.as_str().is_some_and(|text| !mime_type(text)) {
                self.error(
                    path,
                    "binding-required",
                    "must be a MIME type, such as application/pdf or image/jpeg",
                );
            }
            return;
        }
        let answer = match ty.form {
            Form::Primitive(_) => value.as_str().map(|code| self.rules.codes.member(binding.set, None, code)),
            Form::Object(_, Special::CodeableConcept) => Some(self.concept(binding, value)),
            Form::Object(_, Special::Coding | Special::Quantity) => Some(self.member(binding, value)),
            _ => None,
        };
        if answer != Some(Member::No) || !(binding.required || said(ty, value)) {
            return;
        }
        let what = format!("has no code of the value set {}", self.named(binding));
        if binding.required {
            self.error(path, "binding-required", what);
        } else {
            let what = format!("{what}; another is allowed only if none of it fits");
            self.warning(path, "binding-extensible", what);
        }
    }

    /// Whether any coding of a concept is in the set.
    fn concept(&self, binding: Binding, value: Json<'_>) -> Member {
        let codings = value.items("coding");
        let answers = || codings.iter().map(|coding| self.member(binding, coding));
        if answers().any(|a| a == Member::Yes) {
            return Member::Yes;
        }
        if answers().any(|a| a == Member::Unknown) { Member::Unknown } else { Member::No }
    }

    fn member(&self, binding: Binding, coding: Json<'_>) -> Member {
        let text = |key: &str| coding.text(key);
        match text("code") {
            // A system-less coding is of no value set.
            Some(code) => {
                self.rules.codes.member(binding.set, Some(text("system").unwrap_or_default()), code)
            }
            None => Member::No,
        }
    }

    fn named(&self, binding: Binding) -> String {
        let Some(set) = self.rules.codes.set(binding.set) else { return String::new() };
        let codes = set.some_codes(LISTED);
        if codes.is_empty() {
            let systems: Vec<&str> = set.systems().take(3).collect();
            return format!("{} (systems {})", set.url, systems.join(", "));
        }
        format!("{}: use one of {}", set.url, codes.join(", "))
    }

    /// A system that is no address of anything tells codes of nobody.
    pub(crate) fn absolute(&mut self, value: Json<'_>, path: &Path<'_>) {
        if value.text("system").is_some_and(|system| !system.is_empty() && !has(system, b':')) {
            let what = "must be an absolute URI, such as https://facility.example/ids";
            self.error(&path.key("system"), "system-absolute", what);
        }
    }

    /// A coding by itself: a code that its system lacks, a wrong display.
    pub(crate) fn coding(&mut self, value: Json<'a>, path: &Path<'_>) {
        let text = |key: &str| value.text(key);
        self.absolute(value, path);
        let (Some(system), Some(code)) = (text("system"), text("code")) else { return };
        let codes = &self.rules.codes;
        if codes.in_system(system, code) == Member::No {
            let what = "is no code of its system; check it for a slip";
            if system.starts_with(NRCES_SYSTEMS) {
                self.error(&path.key("code"), "code-unknown", what);
            } else {
                // HL7 adds codes to its systems between versions.
                self.warning(&path.key("code"), "code-unknown", what);
            }
            return;
        }
        let known = codes.complete_display(system, code);
        if let (Some(known), Some(display)) = (known, text("display"))
            && !alike(known, display)
        {
            let what = format!("is not the display of its code, which is `{known}`");
            self.warning(&path.key("display"), "display", what);
        }
        let (formed, checked) = match system {
            "http://snomed.info/sct" => (sctid_form(code), sctid as fn(&str) -> bool),
            "http://loinc.org" => (loinc_form(code), loinc as fn(&str) -> bool),
            _ => return,
        };
        if !formed {
            self.error(&path.key("code"), "code-form", "has not the form of a code of its system");
        } else if !checked(code) {
            let what = "has a wrong check digit for its system; check it for a slip";
            self.warning(&path.key("code"), "code-form", what);
        }
    }
}

/// Whether a code was given at all: text alone satisfies an extensible binding.
fn said(ty: &TypeUse, value: Json<'_>) -> bool {
    match ty.form {
        Form::Object(_, Special::CodeableConcept) => {
            value.field("coding").and_then(Json::as_list).is_some_and(|c| !c.is_empty())
        }
        Form::Object(..) => value.field("code").is_some(),
        _ => true,
    }
}

/// The same words, whatever their case and white space.
fn alike(a: &str, b: &str) -> bool {
    let words = |text: &str| {
        text.split_whitespace().flat_map(str::chars).flat_map(char::to_lowercase).collect::<String>()
    };
    a == b || words(a) == words(b)
}

/// `type/subtype`, parameters may follow.
fn mime_type(text: &str) -> bool {
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let plain = text.split(';').next().unwrap_or_default().trim_end();
    plain.split_once('/').is_some_and(|(kind, sub)| word(kind) && word(sub))
}

/// SNOMED CT identifiers: 6 to 18 digits.
fn sctid_form(code: &str) -> bool {
    (6..=18).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit())
}

/// LOINC codes: up to seven digits, a dash and one digit. Parts, answers and
/// lists begin with a letter.
fn loinc_form(code: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 7 && text.bytes().all(|b| b.is_ascii_digit());
    let number = ["LP", "LA", "LL", "LG"].iter().find_map(|p| code.strip_prefix(p)).unwrap_or(code);
    number.split_once('-').is_some_and(|(number, check)| digits(number) && check.len() == 1 && digits(check))
}

/// Whether the last digit of a SNOMED CT identifier is its Verhoeff check digit.
fn sctid(code: &str) -> bool {
    const MULTIPLY: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PERMUTE: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let at = |table: &[[u8; 10]], row: usize, column: u8| {
        table.get(row).and_then(|r| r.get(usize::from(column))).copied().unwrap_or_default()
    };
    let check = code.bytes().rev().enumerate().fold(0_u8, |check, (n, b)| {
        let permuted = at(&PERMUTE, n % 8, b.saturating_sub(b'0'));
        at(&MULTIPLY, usize::from(check), permuted)
    });
    check == 0
}

/// Whether the last digit of a LOINC code is its Luhn check digit.
fn loinc(code: &str) -> bool {
    let Some((number, check)) = code.split_once('-').filter(|(n, _)| !n.starts_with('L')) else {
        return true;
    };
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(n, b)| {
            let digit = u32::from(b.saturating_sub(b'0'));
            let doubled = if n % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    check.parse::<u32>().is_ok_and(|c| c == (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_tell_slips() {
        for code in ["371530004", "440545006", "41000179103", "1003642006", "138875005"] {
            assert!(sctid_form(code) && sctid(code), "{code}");
        }
        for code in ["371530005", "371530040"] {
            assert!(sctid_form(code) && !sctid(code), "{code}");
        }
        for code in ["12345", "37153000x", "", "1234567890123456789", "371530004 "] {
            assert!(!sctid_form(code), "{code}");
        }
        for code in ["8867-4", "29463-7", "85354-9", "2708-6", "LP7753-9"] {
            assert!(loinc_form(code) && loinc(code), "{code}");
        }
        for code in ["8867-5", "8876-4"] {
            assert!(loinc_form(code) && !loinc(code), "{code}");
        }
        for code in ["8867", "", "-4", "x-1", "12345678-9", "8867-45", "8867-"] {
            assert!(!loinc_form(code), "{code}");
        }
    }
}
