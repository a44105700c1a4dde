//! Comma-separated records, one at a time. A quote that is never closed costs its own line, not the file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::lines::{Line, Lines, MAX_LINE};
use super::source::{Fault, LoadError, Watch, open, tell};

/// How many lines a quoted text may go over.
const MAX_JOINED: usize = 20;
/// How many columns are read at most.
const MAX_COLUMNS: usize = 512;

/// A line with its number; none if it was too long.
type Taken = (u64, Option<Vec<u8>>);

/// The records of a reader.
pub(super) struct Records<R> {
    lines: Lines<R>,
    /// Lines that were read in vain as a quote's continuation and are read again.
    ahead: VecDeque<Taken>,
    parser: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// The fields of one record.
#[derive(Debug)]
pub(super) struct Record<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field without surrounding white space; empty if the record has no such column.
    pub fn get(&self, column: usize) -> &'a str {
        let range = |column: usize| -> Option<Range<usize>> {
            let start = column.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
            Some(start..*self.ends.get(column)?)
        };
        range(column).and_then(|range| self.text.get(range)).unwrap_or_default().trim()
    }

    pub fn fields(&self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(|column| self.get(column))
    }
}

/// What became of feeding lines to the parser.
enum Fed {
    Record { length: usize, ends: usize },
    End,
    Fault(Fault),
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            ahead: VecDeque::new(),
            parser: Reader::new(),
            text: vec![0; MAX_LINE],
            ends: vec![0; MAX_COLUMNS],
        }
    }

    /// How many bytes were read since this was last asked.
    pub fn take_read(&mut self) -> u64 {
        self.lines.take_read()
    }

    /// The next record with the number of the line that it begins on. Blank lines are passed over.
    pub fn next(&mut self) -> io::Result<Option<(u64, Result<Record<'_>, Fault>)>> {
        let mut taken = Vec::new();
        let fed = self.feed(&mut taken)?;
        let Some((number, _)) = taken.first() else { return Ok(None) };
        let number = *number;
        match fed {
            Fed::End => Ok(None),
            Fed::Fault(fault) => {
                taken.drain(1..).rev().for_each(|line| self.ahead.push_front(line));
                Ok(Some((number, Err(fault))))
            }
            Fed::Record { length, ends } => {
                let text = std::str::from_utf8(self.text.get(..length).unwrap_or_default());
                let ends = self.ends.get(..ends).unwrap_or_default();
                Ok(Some((number, text.map(|text| Record { text, ends }).map_err(|_| Fault::NotUtf8))))
            }
        }
    }

    fn feed(&mut self, taken: &mut Vec<Taken>) -> io::Result<Fed> {
        self.parser.reset();
        let (mut length, mut columns) = (0, 0);
        while taken.len() < MAX_JOINED {
            let Some((number, line)) = self.next_line()? else {
                return Ok(if taken.is_empty() { Fed::End } else { Fed::Fault(Fault::Quote) });
            };
            let Some(mut line) = line else {
                // The line is gone; a quote that runs into it is closed nowhere.
                let fault = if taken.is_empty() { Fault::TooLong } else { Fault::Quote };
                taken.push((number, None));
                return Ok(Fed::Fault(fault));
            };
            if taken.is_empty() && line.trim_ascii().is_empty() {
                continue;
            }
            line.push(b'\n');
            let fed = self.parse(&line, &mut length, &mut columns);
            line.pop();
            taken.push((number, Some(line)));
            if let Some(fed) = fed {
                return Ok(fed);
            }
        }
        Ok(Fed::Fault(Fault::Quote))
    }

    /// Gives a line to the parser; none if the record goes on with the next one.
    fn parse(&mut self, line: &[u8], length: &mut usize, columns: &mut usize) -> Option<Fed> {
        let text = self.text.get_mut(*length..).unwrap_or_default();
        let ends = self.ends.get_mut(*columns..).unwrap_or_default();
        let (result, _, written, ended) = self.parser.read_record(line, text, ends);
        *length += written;
        *columns += ended;
        match result {
            ReadRecordResult::InputEmpty => None,
            ReadRecordResult::Record => Some(Fed::Record { length: *length, ends: *columns }),
            ReadRecordResult::OutputFull => Some(Fed::Fault(Fault::TooLong)),
            ReadRecordResult::OutputEndsFull => Some(Fed::Fault(Fault::Other("has more than 512 columns"))),
            ReadRecordResult::End => Some(Fed::End),
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Taken>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let line = match self.lines.next()? {
            None => return Ok(None),
            Some(Line::Bytes(bytes)) => Some(bytes.to_vec()),
            Some(Line::TooLong) => None,
        };
        Ok(Some((self.lines.number(), line)))
    }

    /// Looks at the header for which of the usual separators the file was written with: Excel writes `;` where the
    /// comma is a decimal sign.
    fn sniff(&mut self) -> io::Result<()> {
        let Some((number, line)) = self.next_line()? else { return Ok(()) };
        let header = line.as_deref().unwrap_or_default();
        let count = |byte: u8| header.split(|found| *found == byte).count();
        let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',');
        self.parser = ReaderBuilder::new().delimiter(delimiter).build();
        self.ahead.push_front((number, line));
        Ok(())
    }
}

/// A file of records under a line that names their columns.
pub(super) struct Table<R> {
    records: Records<R>,
    path: PathBuf,
    columns: Vec<String>,
}

impl Table<BufReader<File>> {
    /// Opens a file and reads its first line. `wanted` describes the columns to people.
    pub fn open(path: &Path, wanted: &str) -> Result<Self, LoadError> {
        Self::new(open(path)?, path, wanted)
    }
}

impl<R: BufRead> Table<R> {
    /// Reads the first line of what people know by this path.
    pub fn new(input: R, path: &Path, wanted: &str) -> Result<Self, LoadError> {
        let mut records = Records::new(input);
        let io = |error| LoadError::io(path, error);
        records.sniff().map_err(io)?;
        let columns = match records.next().map_err(io)? {
            Some((_, Ok(header))) => header.fields().map(plain).collect(),
            _ => return Err(LoadError::Header { path: path.to_path_buf(), wanted: wanted.to_owned() }),
        };
        Ok(Self { records, path: path.to_path_buf(), columns })
    }

    /// The place of a column that goes by one of these names.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|column| *column == plain(name)))
    }

    /// The place of a column without which the file is another.
    pub fn needed(&self, name: &str, wanted: &str) -> Result<usize, LoadError> {
        let missing = || LoadError::Header { path: self.path.clone(), wanted: wanted.to_owned() };
        self.column(&[name]).ok_or_else(missing)
    }

    /// Calls `each` with every record and its line; what it says is wrong is told with the line.
    pub fn read(
        &mut self,
        watch: &mut dyn Watch,
        mut each: impl FnMut(u64, &Record<'_>) -> Result<(), Fault>,
    ) -> Result<(), LoadError> {
        loop {
            watch.read(self.records.take_read());
            let next = self.records.next().map_err(|error| LoadError::io(&self.path, error))?;
            let Some((line, record)) = next else {
                watch.read(self.records.take_read());
                return Ok(());
            };
            if let Err(fault) = record.and_then(|record| each(line, &record)) {
                tell(watch, &self.path, line, &fault);
            }
        }
    }
}

/// A column's name without what people write differently.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut records = Records::new(text);
        let mut found = Vec::new();
        while let Some((line, record)) = records.next().unwrap() {
            let record = record.map(|record| record.fields().map(str::to_owned).collect());
            found.push((line, record.map_err(|fault| fault.to_string())));
        }
        found
    }

    fn good(line: u64, fields: &[&str]) -> (u64, Result<Vec<String>, String>) {
        (line, Ok(fields.iter().map(|field| (*field).to_owned()).collect()))
    }

    fn unclosed(line: u64) -> (u64, Result<Vec<String>, String>) {
        (line, Err(Fault::Quote.to_string()))
    }

    #[test]
    fn records_are_read_with_quotes_line_breaks_in_them_and_any_line_end() {
        let text = "\u{FEFF}a,b\r\n\r\n\"x, \"\"y\"\"\", z \r\n\"two\r\nlines\",\r\nlast,\"\"";
        let expected = [
            good(1, &["a", "b"]),
            good(3, &["x, \"y\"", "z"]),
            good(4, &["two\nlines", ""]),
            good(6, &["last", ""]),
        ];
        assert_eq!(read(text.as_bytes()), expected);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_line_only() {
        let text = format!("a,b\n\"open,1\n{}", "c,d\n".repeat(50));
        let found = read(text.as_bytes());
        assert_eq!(found[1], unclosed(2));
        assert_eq!(found.len(), 52);
        assert!(found[2..].iter().all(|(_, record)| record.is_ok()));
        assert_eq!(read(b"a,b\nx,\"y\nz,1\n")[1..], [unclosed(2), good(3, &["z", "1"])]);
    }

    #[test]
    fn what_is_no_text_or_too_much_is_told_and_the_rest_goes_on() {
        let (long, wide) = ("x".repeat(MAX_LINE + 1), ",".repeat(MAX_COLUMNS));
        let mut text = format!("a,b\n{long}\n{wide}\n\"open\n{long}\n").into_bytes();
        text.extend_from_slice(b"c\xE9,1\nfine,2\n");
        let found = read(&text);
        let faults = found.iter().filter(|(_, record)| record.is_err());
        assert_eq!(faults.map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(found.last(), Some(&good(7, &["fine", "2"])));
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_every_line_is_read_once_at_most(text in proptest::collection::vec(
            proptest::sample::select(b"ab,\"\"\"\r\n\n;\xE0\xA4".to_vec()), 0..400)
        ) {
            let found = read(&text);
            let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
            proptest::prop_assert!(lines.is_sorted_by(|one, next| one < next), "{:?}", lines);
            proptest::prop_assert!(lines.len() <= text.split(|byte| *byte == b'\n').count());
        }
    }
}
