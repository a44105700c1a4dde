//! Requests from a stream, answered one by one in their order. No more than one request is held.

use std::io::{BufRead, BufReader, Read, Write};

use fidelius::{Tolerance, ToleranceCounts};
use serde::Serialize;

use super::request::{Answer, Failure, FailureBody};

/// The longest request that is read, in bytes.
const REQUEST_LIMIT: u64 = 512 << 20;

/// How a stream was answered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) failed: u64,
    forgiven: ToleranceCounts,
}

impl Tally {
    /// The tolerances that were needed, and by how many requests.
    pub(super) fn forgiven(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts =
            Tolerance::ALL.into_iter().map(|tolerance| (tolerance.name(), self.forgiven.get(tolerance)));
        counts.filter(|(_, count)| *count > 0)
    }
}

/// Answers every request of `input`, one line each.
///
/// A request stands on one line. One that begins with a line of `{` alone goes on to the next line that begins with
/// `}`, as JSON is laid out for people; it ends before that if a line brings another request. What was answered is
/// written out whenever the input has nothing more to offer for now.
pub(super) fn answer_all<A: Serialize>(
    input: BufReader<impl Read>,
    output: impl Write,
    answer: impl Fn(&[u8]) -> Result<Answer<A>, Failure>,
) -> anyhow::Result<Tally> {
    let mut answers = Answers { output, answer, tally: Tally::default() };
    let mut lines = Lines { input, limit: REQUEST_LIMIT };
    let mut spread = Vec::new();
    let mut line = Vec::new();
    loop {
        if lines.input.buffer().is_empty() {
            answers.output.flush()?;
        }
        match lines.next(&mut line)? {
            Line::End => break,
            Line::TooLong => {
                answers.abandon(&mut spread)?;
                answers.write(Err(too_long()))?;
            }
            Line::Whole => answers.take(&line, &mut spread)?,
        }
    }
    answers.abandon(&mut spread)?;
    answers.output.flush()?;
    Ok(answers.tally)
}

struct Answers<W, F> {
    output: W,
    answer: F,
    tally: Tally,
}

impl<A: Serialize, W: Write, F: Fn(&[u8]) -> Result<Answer<A>, Failure>> Answers<W, F> {
    /// Takes one more line; `spread` holds those of a request that is not complete.
    fn take(&mut self, line: &[u8], spread: &mut Vec<u8>) -> anyhow::Result<()> {
        let trimmed = line.trim_ascii();
        let begins = trimmed == b"{";
        if begins || !spread.is_empty() && is_whole_object(trimmed) {
            self.abandon(spread)?;
        }
        if !begins && spread.is_empty() {
            return if trimmed.is_empty() { Ok(()) } else { self.write((self.answer)(trimmed)) };
        }
        spread.extend_from_slice(line);
        if exceeds_limit(spread.len()) {
            spread.clear();
            return self.write(Err(too_long()));
        }
        if trimmed.first() == Some(&b'}') {
            let request = std::mem::take(spread);
            self.write((self.answer)(&request))?;
        }
        Ok(())
    }

    /// Answers a spread request that will not be completed, if there is one.
    fn abandon(&mut self, spread: &mut Vec<u8>) -> anyhow::Result<()> {
        if spread.is_empty() {
            return Ok(());
        }
        spread.clear();
        self.write(Err(Failure::new("json", "the request ends before its closing brace")))
    }

    fn write(&mut self, answer: Result<Answer<A>, Failure>) -> anyhow::Result<()> {
        self.tally.requests += 1;
        match answer {
            Ok(Answer { body, used }) => {
                self.tally.forgiven.record(used);
                serde_json::to_writer(&mut self.output, &body)?;
            }
            Err(error) => {
                self.tally.failed += 1;
                serde_json::to_writer(&mut self.output, &FailureBody { error })?;
            }
        }
        Ok(self.output.write_all(b"\n")?)
    }
}

/// Whether a line is a JSON object by itself, and so no part of one that is spread over lines.
fn is_whole_object(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

fn exceeds_limit(length: usize) -> bool {
    u64::try_from(length).is_ok_and(|length| length > REQUEST_LIMIT)
}

fn too_long() -> Failure {
    Failure::new("too-long", format!("the request is longer than {} MiB", REQUEST_LIMIT >> 20))
}

/// Lines of bounded length.
struct Lines<R> {
    input: R,
    limit: u64,
}

enum Line {
    Whole,
    /// Too long to be held, and passed over.
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line into `line`.
    fn next(&mut self, line: &mut Vec<u8>) -> std::io::Result<Line> {
        line.clear();
        let read = (&mut self.input).take(self.limit).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(Line::End);
        }
        if line.ends_with(b"\n") || u64::try_from(read).is_ok_and(|read| read < self.limit) {
            return Ok(Line::Whole);
        }
        line.clear();
        self.input.skip_until(b'\n')?;
        Ok(Line::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the length of the object, and fails what is none.
    fn answered(input: &str) -> (Vec<String>, Tally) {
        let mut output = Vec::new();
        let tally = answer_all(BufReader::new(input.as_bytes()), &mut output, |json| {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(json).map_err(|_| Failure::new("json", "no"))?;
            Ok(Answer { body: object.len(), used: fidelius::Used::default() })
        });
        (String::from_utf8(output).unwrap().lines().map(str::to_owned).collect(), tally.unwrap())
    }

    #[test]
    fn every_line_is_answered_in_its_place() {
        let (lines, tally) = answered("{\"a\":1}\r\n\nrubbish\n{\"a\":1,\"b\":2}\n{\"a\"\n{}");
        let no = r#"{"error":{"code":"json","message":"no"}}"#;
        assert_eq!(lines, ["1", no, "2", no, "0"]);
        assert_eq!((tally.requests, tally.failed), (5, 2));
    }

    #[test]
    fn an_object_spread_over_lines_is_one_request() {
        let (lines, tally) = answered("{\n  \"a\": 1,\n\n  \"b\": \"x\"\n}\n{\"a\":1}\n  {\n\"c\":3\n}");
        assert_eq!(lines, ["2", "1", "1"]);
        assert_eq!(tally.failed, 0);
    }

    #[test]
    fn a_spread_object_that_is_broken_costs_one_answer() {
        let (lines, tally) = answered("{\n\"a\": 1,\n{\"a\":1}\n{\n\"a\" 1\n}\n{}\n{\n\"b\":");
        let open = r#"{"error":{"code":"json","message":"the request ends before its closing brace"}}"#;
        let no = r#"{"error":{"code":"json","message":"no"}}"#;
        assert_eq!(lines, [open, "1", no, "0", open]);
        assert_eq!((tally.requests, tally.failed), (5, 3));
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert!(answered("").0.is_empty());
        assert!(answered("\n  \r\n").0.is_empty());
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over() {
        let mut lines = Lines { input: &b"0123456789\nab\n012345678\n"[..], limit: 10 };
        let mut line = Vec::new();
        assert!(matches!(lines.next(&mut line).unwrap(), Line::TooLong));
        assert!(matches!(lines.next(&mut line).unwrap(), Line::Whole) && line == b"ab\n");
        assert!(matches!(lines.next(&mut line).unwrap(), Line::Whole) && line == b"012345678\n");
        assert!(matches!(lines.next(&mut line).unwrap(), Line::End));
    }
}
