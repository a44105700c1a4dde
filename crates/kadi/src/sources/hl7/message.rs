//! A message cut into segments, fields, repetitions, components and subcomponents.
//!
//! Nothing is copied and nothing is cut before it is asked for, so a message costs its own length and a little for
//! each segment, however many delimiters it holds. Crates for this were tried: `hl7-parser` 0.3 drops every segment
//! after one that it can't read, without a word, and took 2.7 GB for 4 MB of field separators; `rust-hl7` calls
//! itself experimental.

use std::collections::HashMap;

use super::delimiters::Delimiters;
use super::escape;
use super::fault::{Condition, Fault};

/// More segments than this are no report of one patient.
const MOST_SEGMENTS: usize = 10_000;

/// A message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    segments: Vec<Segment<'a>>,
}

/// A segment.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    name: &'a str,
    /// After the name and the first field separator.
    fields: &'a str,
    sequence: u32,
    delimiters: Delimiters,
}

/// A field, or any part of one.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    raw: &'a str,
    delimiters: Delimiters,
}

impl<'a> Message<'a> {
    /// Reads a message that begins with `MSH`. Segments end with CR, as they should; where there is none at all, with LF.
    ///
    /// # Errors
    /// A line that is no segment, unusable delimiters, too many segments, a second message.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        let delimiters = text.strip_prefix("MSH").and_then(Delimiters::read);
        let delimiters = delimiters.ok_or_else(|| {
            Fault::error(Condition::DataType, "MSH-1 and MSH-2 name no usable delimiters").at("MSH", 1, 2)
        })?;
        let end = if text.contains('\r') { '\r' } else { '\n' };
        let mut segments: Vec<Segment<'a>> = Vec::new();
        let mut sequences: HashMap<&str, u32> = HashMap::new();
        for (line, text) in text.split(end).enumerate() {
            let text = text.strip_prefix('\n').unwrap_or(text);
            if text.trim().is_empty() {
                continue;
            }
            if segments.len() == MOST_SEGMENTS {
                let message = format!("the message has more than {MOST_SEGMENTS} segments; send it in parts");
                return Err(Fault::error(Condition::TooLong, message));
            }
            let mut segment = Segment::read(text, delimiters).ok_or_else(|| {
                let message =
                    format!("line {} is no segment: it does not begin with a segment's name", line + 1);
                Fault::error(Condition::SegmentSequence, message)
            })?;
            let sequence = sequences.entry(segment.name).or_default();
            *sequence += 1;
            segment.sequence = *sequence;
            segments.push(segment);
        }
        if segments.iter().skip(1).any(|segment| segment.name == "MSH") {
            let message = "one message at a time: there is a second MSH";
            return Err(Fault::error(Condition::SegmentSequence, message).at("MSH", 2, 0));
        }
        Ok(Self { segments })
    }

    /// All segments, in order.
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// The first segment of this name.
    pub fn first(&self, name: &str) -> Option<Segment<'a>> {
        self.segments.iter().find(|segment| segment.name == name).copied()
    }
}

impl<'a> Segment<'a> {
    fn read(text: &'a str, delimiters: Delimiters) -> Option<Self> {
        let (name, rest) = text.split_at_checked(3)?;
        let named = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let fields = match rest.strip_prefix(delimiters.field) {
            Some(fields) => fields,
            None => rest.trim().is_empty().then_some("")?,
        };
        named.then_some(Self { name, fields, sequence: 1, delimiters })
    }

    /// The `MSH` in a first line, whatever follows it; `None` if there is none.
    pub fn header(line: &'a str) -> Option<Self> {
        let delimiters = line.strip_prefix("MSH").and_then(Delimiters::read)?;
        Self::read(line, delimiters)
    }

    /// Its name, three characters.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Which one of its name in the message, from 1.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The field as a whole, counted from 1 as HL7 counts.
    pub fn whole(&self, field: usize) -> Part<'a> {
        // MSH-1 is the separator itself, so that MSH-2 is what stands before the first one that separates.
        let skipped = if self.name == "MSH" { 2 } else { 1 };
        let raw = field.checked_sub(skipped).and_then(|at| self.fields.split(self.delimiters.field).nth(at));
        Part { raw: raw.unwrap_or_default(), delimiters: self.delimiters }
    }

    /// The field's first repetition.
    pub fn get(&self, field: usize) -> Part<'a> {
        self.whole(field).nth(self.delimiters.repetition, 1)
    }

    /// The field's repetitions that are not blank.
    pub fn all(&self, field: usize) -> impl Iterator<Item = Part<'a>> {
        let whole = self.whole(field);
        let mut rest = Some(whole.raw);
        let next = move || {
            let text = rest?;
            let (part, after) = match whole.delimiters.repetition.and_then(|mark| text.split_once(mark)) {
                Some((part, after)) => (part, Some(after)),
                None => (text, None),
            };
            rest = after;
            Some(Part { raw: part, ..whole })
        };
        std::iter::from_fn(next).filter(|part| !part.is_blank())
    }

    /// The text of a field's first component.
    pub fn text(&self, field: usize) -> Option<String> {
        self.get(field).component(1).text()
    }
}

impl<'a> Part<'a> {
    fn nth(self, mark: Option<char>, number: usize) -> Self {
        let raw = match mark {
            Some(mark) => self.raw.split(mark).nth(number.wrapping_sub(1)).unwrap_or_default(),
            None if number == 1 => self.raw,
            None => "",
        };
        Self { raw, ..self }
    }

    /// A component, from 1.
    #[must_use]
    pub fn component(self, number: usize) -> Self {
        self.nth(Some(self.delimiters.component), number)
    }

    /// A subcomponent, from 1.
    #[must_use]
    pub fn subcomponent(self, number: usize) -> Self {
        self.nth(self.delimiters.subcomponent, number)
    }

    /// Whether it has more than one subcomponent.
    pub fn has_subcomponents(self) -> bool {
        self.delimiters.subcomponent.is_some_and(|mark| self.raw.contains(mark))
    }

    /// As it stands in the message.
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether it says nothing: empty, or HL7's `""` for "there is none".
    pub fn is_blank(self) -> bool {
        matches!(self.raw.trim(), "" | "\"\"")
    }

    /// Its text, all of it, with delimiters of parts as they stand; `None` if it says nothing.
    pub fn text(self) -> Option<String> {
        if self.is_blank() {
            return None;
        }
        let text = escape::decode(self.raw, &self.delimiters);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return None;
        }
        Some(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
    }
}

/// Shows where, and nothing of what a message says.
impl std::fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", self.name, self.sequence)
    }
}

/// Shows how long it is, and nothing of what a message says.
impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} bytes)", self.raw.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = r"MSH|^~\&|LIS|LAB|KADI|HOSP|20260120||ORU^R01|1|P|2.5";

    fn names(text: &str) -> Vec<String> {
        let message = Message::read(text).unwrap();
        message.segments().iter().map(|segment| format!("{segment:?}")).collect()
    }

    #[test]
    fn segments_end_with_cr_and_without_any_with_lf() {
        let expected = ["MSH[1]", "PID[1]", "OBX[1]", "OBX[2]"];
        for end in ["\r", "\n", "\r\n"] {
            let text = [HEAD, "PID|1", "OBX|1", "OBX|2", ""].join(end);
            assert_eq!(names(&text), expected, "{end:?}");
        }
        let blank_line = [HEAD, "PID|1", "", "OBX|1"].join("\r");
        assert_eq!(names(&blank_line).len(), 3);
    }

    #[test]
    fn a_line_feed_inside_a_field_is_text() {
        let text = format!("{HEAD}\rOBX|1|TX|||first\nsecond\rOBX|2");
        let message = Message::read(&text).unwrap();
        assert_eq!(message.first("OBX").unwrap().text(5).as_deref(), Some("first\nsecond"));
        assert_eq!(message.segments().len(), 3);
    }

    #[test]
    fn nothing_is_dropped_silently() {
        for bad in ["OB|1", "obx|1", " OBX|1", "the rest of a text", "OBXX|1", "\u{939}\u{93f}|1"] {
            let text = format!("{HEAD}\rPID|1\r{bad}\rOBX|1");
            let fault = Message::read(&text).unwrap_err();
            assert!(fault.notice.message.starts_with("line 3 is no segment"), "{bad}: {fault:?}");
        }
        let second = format!("{HEAD}\r{HEAD}");
        assert!(Message::read(&second).is_err());
    }

    #[test]
    fn parts_are_counted_as_hl7_counts() {
        let text = format!("{HEAD}\rPID|1||MR1^^^A&1.2&ISO^MR~ABHA2||a\\T\\b|\"\"");
        let message = Message::read(&text).unwrap();
        let msh = message.first("MSH").unwrap();
        assert_eq!((msh.text(3).as_deref(), msh.text(12).as_deref()), (Some("LIS"), Some("2.5")));
        assert_eq!(msh.whole(2).raw(), r"^~\&");
        let pid = message.first("PID").unwrap();
        assert_eq!(pid.get(3).component(4).subcomponent(2).text().as_deref(), Some("1.2"));
        assert_eq!(
            pid.all(3).map(|part| part.component(1).text().unwrap()).collect::<Vec<_>>(),
            ["MR1", "ABHA2"]
        );
        assert_eq!(pid.text(5).as_deref(), Some("a&b"));
        assert_eq!((pid.text(6), pid.text(7), pid.text(99), pid.text(0)), (None, None, None, None));
    }

    #[test]
    fn other_delimiters_serve_as_well() {
        let message = Message::read("MSH*:;!?*LIS*LAB\rPID*1**MR1:::A?B*x!F!y").unwrap();
        let pid = message.first("PID").unwrap();
        assert_eq!(pid.get(3).component(4).subcomponent(2).text().as_deref(), Some("B"));
        assert_eq!(pid.text(4).as_deref(), Some("x*y"));
    }

    #[test]
    fn too_many_segments_are_refused() {
        let text = format!("{HEAD}{}", "\rNTE".repeat(MOST_SEGMENTS));
        assert_eq!(Message::read(&text).unwrap_err().notice.condition, Condition::TooLong);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"MSH\|\^~\\&(\||\^|~|&|\\|\r|\n|[A-Z]{3}\||\PC){0,120}") {
            if let Ok(message) = Message::read(&text) {
                for segment in message.segments() {
                    for field in 0..8 {
                        for part in segment.all(field) {
                            part.component(field).subcomponent(field).text();
                        }
                        segment.text(field);
                    }
                }
            }
        }
    }
}
