//! A body of many lines, read as it comes: no more than one line is held.

use axum::body::{Body, BodyDataStream, Bytes};
use bytes::BytesMut;
use futures_util::{Stream, StreamExt as _, stream};

/// The longest line that is taken; longer ones are skipped and told.
pub const MAX_LINE: usize = 1 << 20;

/// One line of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its text, without the line break.
    Text(Bytes),
    /// It was longer than [`MAX_LINE`].
    TooLong,
    /// The body was cut off here.
    Broken,
}

struct Splitter {
    body: BodyDataStream,
    held: BytesMut,
    /// How much of `held` is known to hold no line break.
    searched: usize,
    skipping: bool,
    ended: bool,
}

/// The lines of a body, each with its number from 1. Empty ones are left out.
pub fn lines(body: Body) -> impl Stream<Item = (u64, Line)> + Send + use<> {
    let splitter = Splitter {
        body: body.into_data_stream(),
        held: BytesMut::new(),
        searched: 0,
        skipping: false,
        ended: false,
    };
    let lines = stream::unfold(splitter, |mut splitter| async move {
        let line = splitter.next().await?;
        Some((line, splitter))
    });
    let numbered = lines.enumerate().map(|(place, line)| (place as u64 + 1, line));
    numbered.filter(|(_, line)| {
        let empty = matches!(line, Line::Text(text) if text.trim_ascii().is_empty());
        std::future::ready(!empty)
    })
}

impl Splitter {
    async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.take_line() {
                return Some(line);
            }
            if self.ended {
                return self.take_rest();
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.held.extend_from_slice(&bytes),
                Some(Err(_)) => {
                    (self.ended, self.skipping) = (true, false);
                    self.held.clear();
                    return Some(Line::Broken);
                }
                None => self.ended = true,
            }
        }
    }

    fn take_line(&mut self) -> Option<Line> {
        let unsearched = self.held.get(self.searched..).unwrap_or_default();
        let Some(found) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.held.len();
            if self.searched > MAX_LINE {
                self.skipping = true;
                self.held.clear();
                self.searched = 0;
            }
            return None;
        };
        let mut line = self.held.split_to(self.searched + found + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(self.finish(line))
    }

    fn take_rest(&mut self) -> Option<Line> {
        if self.held.is_empty() && !self.skipping {
            return None;
        }
        let rest = self.held.split();
        self.searched = 0;
        Some(self.finish(rest))
    }

    fn finish(&mut self, line: BytesMut) -> Line {
        let skipped = std::mem::take(&mut self.skipping);
        if skipped || line.len() > MAX_LINE { Line::TooLong } else { Line::Text(line.freeze()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a body that comes in pieces of `size`.
    async fn split(text: &str, size: usize) -> Vec<(u64, String)> {
        let pieces: Vec<_> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
        let show = |(number, line)| match line {
            Line::Text(text) => (number, String::from_utf8_lossy(&text).into_owned()),
            other => (number, format!("{other:?}")),
        };
        lines(body).map(show).collect().await
    }

    fn owned(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_body_is_cut() {
        let text = "one\ntwo\r\n\n  \nfünf\nlast";
        let expected = owned(&[(1, "one"), (2, "two\r"), (5, "fünf"), (6, "last")]);
        for size in 1..=text.len() {
            assert_eq!(split(text, size).await, expected, "pieces of {size}");
        }
        assert_eq!(split("one\n", 2).await, owned(&[(1, "one")]));
        assert_eq!(split("", 1).await, owned(&[]));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_and_the_rest_goes_on() {
        let long = "x".repeat(MAX_LINE + 1);
        let fits = "y".repeat(MAX_LINE);
        let text = format!("a\n{long}\n{fits}\n{long}{long}\nb\n{long}");
        let lines = split(&text, 65_536).await;
        let short: Vec<_> =
            lines.iter().map(|(number, line)| (*number, line.get(..3).unwrap_or(line))).collect();
        assert_eq!(short, [(1, "a"), (2, "Too"), (3, "yyy"), (4, "Too"), (5, "b"), (6, "Too")]);
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_says_so() {
        let pieces = [Ok(Bytes::from_static(b"one\ntw")), Err(std::io::Error::other("gone"))];
        let lines: Vec<_> = lines(Body::from_stream(stream::iter(pieces))).collect().await;
        assert_eq!(lines, [(1, Line::Text(Bytes::from_static(b"one"))), (2, Line::Broken)]);
    }
}
