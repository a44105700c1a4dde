//! MLLP framing: `<VT>message<FS><CR>`, in whatever pieces it arrives.

use std::mem;

/// Begins a message.
const VT: u8 = 0x0b;
/// Ends it; a CR follows, which some leave out.
const FS: u8 = 0x1c;
const CR: u8 = 0x0d;
/// What is kept of a message that is too long: its header, to answer it by.
const HEAD: usize = 4096;
/// So many bytes that belong to no message end the connection: the other side speaks something else.
const MOST_STRAY: usize = 4096;
/// A message that is too long is read to its end, to answer it; but not beyond so many times the limit.
const MOST_TIMES: usize = 4;

/// A message out of its frame.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Its bytes.
    Message(Vec<u8>),
    /// The beginning of one that was longer than the limit.
    TooLong(Vec<u8>),
}

/// The other side does not speak MLLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what arrives is not MLLP, or a message without end")]
pub struct NotMllp;

/// Cuts a stream of bytes into messages. Holds one message at most, and never more than the limit of it.
#[derive(Debug)]
pub struct Frames {
    limit: usize,
    state: State,
}

enum State {
    /// Between messages; so many bytes since the last.
    Outside(usize),
    Inside(Vec<u8>),
    /// Of a message that is too long: its head, and how long it is by now.
    Discarding(Vec<u8>, usize),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outside(stray) => write!(f, "Outside({stray})"),
            Self::Inside(bytes) => write!(f, "Inside({} bytes)", bytes.len()),
            Self::Discarding(_, length) => write!(f, "Discarding({length} bytes)"),
        }
    }
}

impl Frames {
    /// For messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: State::Outside(0) }
    }

    /// Takes bytes as they came, up to the end of a message; `rest` is what is left of them. A message that begins
    /// before the last has ended takes its place: the sender gave that one up.
    ///
    /// # Errors
    /// It is no use to read on.
    pub fn take(&mut self, rest: &mut &[u8]) -> Result<Option<Frame>, NotMllp> {
        while !rest.is_empty() {
            if matches!(self.state, State::Outside(_)) {
                self.skip_to_start(rest)?;
                continue;
            }
            let marked = rest.iter().position(|byte| matches!(*byte, FS | VT));
            let (content, after) = rest.split_at(marked.unwrap_or(rest.len()));
            *rest = after.get(1..).unwrap_or_default();
            self.keep(content)?;
            match after.first() {
                Some(&FS) => return Ok(Some(self.end())),
                Some(_) => self.state = State::Inside(Vec::new()),
                None => {}
            }
        }
        Ok(None)
    }

    fn skip_to_start(&mut self, rest: &mut &[u8]) -> Result<(), NotMllp> {
        let State::Outside(stray) = &mut self.state else { return Ok(()) };
        let start = rest.iter().position(|byte| *byte == VT);
        let (skipped, after) = rest.split_at(start.unwrap_or(rest.len()));
        // The CR of the frame before, and the line feed that some add.
        *stray += skipped.iter().filter(|byte| !matches!(**byte, CR | b'\n')).count();
        if *stray > MOST_STRAY {
            return Err(NotMllp);
        }
        *rest = after.get(1..).unwrap_or_default();
        if start.is_some() {
            self.state = State::Inside(Vec::new());
        }
        Ok(())
    }

    fn keep(&mut self, content: &[u8]) -> Result<(), NotMllp> {
        match &mut self.state {
            State::Inside(bytes) if bytes.len() + content.len() <= self.limit => {
                bytes.extend_from_slice(content);
            }
            State::Inside(bytes) => {
                let length = bytes.len() + content.len();
                let mut head = mem::take(bytes);
                head.extend_from_slice(content.get(..HEAD.min(content.len())).unwrap_or_default());
                head.truncate(HEAD);
                head.shrink_to_fit();
                self.state = State::Discarding(head, length);
            }
            State::Discarding(_, length) => *length += content.len(),
            State::Outside(_) => {}
        }
        match self.state {
            State::Discarding(_, length) if length / MOST_TIMES > self.limit => Err(NotMllp),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Frame {
        match mem::replace(&mut self.state, State::Outside(0)) {
            State::Inside(bytes) => Frame::Message(bytes),
            State::Discarding(head, _) => Frame::TooLong(head),
            State::Outside(_) => Frame::Message(Vec::new()),
        }
    }
}

/// A message in its frame.
pub fn framed(message: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 3);
    bytes.push(VT);
    bytes.extend_from_slice(message.as_bytes());
    bytes.extend_from_slice(&[FS, CR]);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(frames: &mut Frames, pieces: &[&[u8]]) -> Result<Vec<String>, NotMllp> {
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while let Some(frame) = frames.take(&mut rest)? {
                found.push(match frame {
                    Frame::Message(bytes) => String::from_utf8(bytes).unwrap(),
                    Frame::TooLong(head) => format!("too long: {}", String::from_utf8(head).unwrap()),
                });
            }
            assert!(rest.is_empty());
        }
        Ok(found)
    }

    #[test]
    fn messages_come_in_any_pieces() {
        let read = |pieces: &[&[u8]]| all(&mut Frames::new(100), pieces).unwrap();
        assert_eq!(read(&[b"\x0bone\x1c\r\x0btwo\x1c\r"]), ["one", "two"]);
        assert_eq!(read(&[b"\x0bo", b"ne", b"\x1c", b"\r", b"\x0b", b"two\x1c"]), ["one", "two"]);
        assert_eq!(read(&[b"\r\n stray \x0bone\x1c\r\n"]), ["one"]);
        assert_eq!(read(&[b"\x0bhalf\x0bone\x1c\r"]), ["one"], "the sender gave the first up");
        assert_eq!(read(&[b"\x0b\x1c\r", b"\x0bhalf"]), [""]);
    }

    #[test]
    fn a_message_that_is_too_long_is_read_to_its_end_and_told_so() {
        let mut frames = Frames::new(10);
        assert_eq!(all(&mut frames, &[b"\x0b0123456789\x1c\r"]).unwrap(), ["0123456789"]);
        let found = all(&mut frames, &[b"\x0b01234", b"56789ab", b"cdef\x1c\r\x0bnext\x1c\r"]).unwrap();
        assert_eq!(found, ["too long: 0123456789ab", "next"]);
    }

    #[test]
    fn what_has_no_end_or_no_beginning_is_given_up() {
        let mut frames = Frames::new(10);
        assert_eq!(all(&mut frames, &[b"\x0b", &[b'x'; 60]]), Err(NotMllp));
        assert_eq!(all(&mut Frames::new(10), &[b"GET / HTTP/1.1\r\n\r\n"]), Ok(Vec::new()));
        assert_eq!(all(&mut Frames::new(10), &[&[b'x'; MOST_STRAY + 1]]), Err(NotMllp));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_messages_come_out(
            messages in prop::collection::vec("[a-z|\r]{0,30}", 0..6),
            cuts in prop::collection::vec(1_usize..20, 1..20),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let mut pieces = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(all(&mut Frames::new(100), &pieces).unwrap(), messages);
        }

        #[test]
        fn never_more_than_the_limit_is_held(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::new(16);
            let mut rest = bytes.as_slice();
            while let Ok(Some(frame)) = frames.take(&mut rest) {
                if let Frame::Message(message) = frame {
                    prop_assert!(message.len() <= 16);
                }
            }
        }
    }
}
