//! Lines of a file, one at a time, none longer than [`MAX_LINE`].

use std::io::{self, BufRead};

/// The longest line that is taken, in bytes; longer ones are skipped and told. The longest of published releases have a
/// few thousand.
pub const MAX_LINE: usize = 256 * 1024;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its line break.
    Bytes(&'a [u8]),
    /// Longer than [`MAX_LINE`]; what it held is gone.
    TooLong,
}

/// The lines of a reader.
pub(super) struct Lines<R> {
    input: R,
    held: Vec<u8>,
    number: u64,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, held: Vec::new(), number: 0, read: 0 }
    }

    /// The number of the line that was given last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes were read since this was last asked.
    pub fn take_read(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    /// The next line. A byte order mark and the carriage return of Windows are no part of a line.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.held.clear();
        let (mut began, mut too_long) = (false, false);
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if began {
                    break;
                }
                return Ok(None);
            }
            began = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            too_long = too_long || self.held.len() + piece.len() > MAX_LINE;
            if !too_long {
                self.held.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            self.read += used as u64;
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        let line = self.held.strip_suffix(b"\r").unwrap_or(&self.held);
        let line = if self.number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
        Ok(Some(Line::Bytes(line)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], buffer: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(match line {
                Line::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                Line::TooLong => None,
            });
        }
        assert_eq!(lines.number(), found.len() as u64);
        assert_eq!(lines.take_read(), text.len() as u64);
        found
    }

    #[test]
    fn lines_end_as_on_any_system_and_begin_after_a_byte_order_mark() {
        let text = "\u{FEFF}one\r\ntwo\n\n\u{FEFF}three\r\nlast".as_bytes();
        for buffer in [1, 2, 3, 7, 4096] {
            let lines: Vec<_> = read(text, buffer).into_iter().flatten().collect();
            assert_eq!(lines, ["one", "two", "", "\u{FEFF}three", "last"]);
        }
        assert!(read(b"", 8).is_empty());
        assert_eq!(read(b"\n", 8), [Some(String::new())]);
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let mut text = vec![b'x'; MAX_LINE * 3];
        text.extend_from_slice(b"\nfine\n");
        assert_eq!(read(&text, 8192), [None, Some("fine".to_owned())]);
        let mut lines = Lines::new(BufReader::new(text.as_slice()));
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert!(lines.held.capacity() <= MAX_LINE * 2);
        let longest = vec![b'y'; MAX_LINE];
        assert_eq!(read(&longest, 8192).len(), 1);
        assert!(read(&longest, 8192)[0].is_some());
    }
}
