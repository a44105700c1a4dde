//! Base64 in and out: strict first, then with the tolerances; and encoding inside one buffer.

use base64_simd::{AsOut, STANDARD};
use zeroize::Zeroizing;

use crate::error::{Error, Part};
use crate::tolerance::{Tolerance, Tolerances, Used};

/// Bytes encoded at a time by [`encode_within`], a multiple of 3.
const ENCODE_STEP: usize = 48 * 1024;
/// Bytes that it encodes at a time once source and text would overlap; a multiple of 3.
const ENCODE_COPY: usize = 3 * 1024;
/// Characters decoded at a time from a text that needs cleaning; a multiple of 4.
const DECODE_STEP: usize = 4 * 4096;

/// Decodes base64, forgiving what `tolerances` allow.
pub(crate) fn decode(
    text: &str,
    part: Part,
    tolerances: Tolerances,
    used: &mut Used,
) -> Result<Vec<u8>, Error> {
    if let Ok(bytes) = STANDARD.decode_to_vec(text) {
        return Ok(bytes);
    }
    decode_cleaned(text, tolerances, used).ok_or(Error::Base64 { part })
}

/// Encodes to a `String`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode_to_string(bytes)
}

/// Length of the base64 of `length` bytes.
pub(crate) fn encoded_length(length: usize) -> usize {
    length.div_ceil(3) * 4
}

/// Decodes a text that is not base64 as it stands, step by step, so that no cleaned copy is held.
fn decode_cleaned(text: &str, tolerances: Tolerances, used: &mut Used) -> Option<Vec<u8>> {
    let mut found = Used::default();
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut step = Zeroizing::new(Vec::with_capacity(DECODE_STEP.min(text.len())));
    let mut rest = text.as_bytes();
    loop {
        let character;
        (character, rest) = match next_character(rest, tolerances, &mut found) {
            Next::Character(character, after) => (character, after),
            Next::End => break,
            Next::Unforgiven => return None,
        };
        if step.len() == DECODE_STEP {
            append_whole(&step, &mut out)?;
            step.clear();
        }
        step.push(character);
    }
    if found.is_empty() {
        return None;
    }
    STANDARD.decode_append(step.as_slice(), &mut out).ok()?;
    *used = used.union(found);
    Some(out)
}

/// Appends what `step` encodes, which is not the end of the text and so may hold no padding.
fn append_whole(step: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let before = out.len();
    STANDARD.decode_append(step, out).ok()?;
    (out.len() - before == step.len() / 4 * 3).then_some(())
}

/// What comes next in a text that is being cleaned.
enum Next<'a> {
    /// A character that counts, and the text after it.
    Character(u8, &'a [u8]),
    End,
    /// Something that the tolerances do not cover.
    Unforgiven,
}

fn next_character<'a>(mut text: &'a [u8], tolerances: Tolerances, found: &mut Used) -> Next<'a> {
    while let [first, rest @ ..] = text {
        let escaped = (*first == b'\\' && tolerances.escaped_characters).then(|| unescaped(rest)).flatten();
        if escaped.is_some() {
            found.add(Tolerance::EscapedCharacters);
        }
        let (character, after) = escaped.unwrap_or((*first, rest));
        if !character.is_ascii_whitespace() {
            return Next::Character(character, after);
        }
        if !tolerances.white_space {
            return Next::Unforgiven;
        }
        found.add(Tolerance::WhiteSpace);
        text = after;
    }
    Next::End
}

/// Reads `u00XX` after a backslash.
fn unescaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = text.strip_prefix(b"u00")?.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let character = u8::from_str_radix(digits, 16).ok()?;
    Some((character, after))
}

/// Fills `buffer` with the base64 of its own tail, the bytes from `start` on.
///
/// `buffer` must be exactly as long as that base64. The text being written never overtakes the
/// bytes still to be read: after `k` bytes it is `4k/3` long, and `start` is at least a third of all.
pub(crate) fn encode_within(buffer: &mut [u8], start: usize) {
    debug_assert_eq!(buffer.len(), encoded_length(buffer.len() - start));
    let mut copy = [0; ENCODE_COPY];
    let (mut read, mut written) = (start, 0);
    while read < buffer.len() {
        let (before, unread) = buffer.split_at_mut(read);
        let (_, free) = before.split_at_mut(written);
        let fitting = free.len() / 4 * 3;
        if fitting >= ENCODE_COPY {
            let (bytes, _) = unread.split_at(unread.len().min(fitting).min(ENCODE_STEP));
            read += bytes.len();
            written += STANDARD.encode(bytes, free.as_out()).len();
        } else {
            // The text would run over the bytes it is made of, so they are taken out first.
            let (bytes, _) = copy.split_at_mut(unread.len().min(ENCODE_COPY));
            bytes.copy_from_slice(unread.split_at(bytes.len()).0);
            read += bytes.len();
            written += STANDARD.encode(bytes, buffer.split_at_mut(written).1.as_out()).len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_inside_the_buffer_equals_encoding_into_another() {
        let around = |size: usize| size - 20..size + 5;
        for length in
            (0..200).chain(around(ENCODE_COPY)).chain(around(4 * ENCODE_COPY)).chain(around(300_000))
        {
            let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
            let total = encoded_length(length);
            let mut buffer = vec![0; total];
            buffer[total - length..].copy_from_slice(&bytes);
            encode_within(&mut buffer, total - length);
            assert_eq!(String::from_utf8(buffer).unwrap(), encode(&bytes), "{length} bytes");
        }
    }

    fn lenient(text: &str) -> (Option<Vec<u8>>, Used) {
        let mut used = Used::default();
        let bytes = decode(text, Part::Content, Tolerances::ALL, &mut used).ok();
        (bytes, used)
    }

    #[test]
    fn clean_text_uses_no_tolerance() {
        assert_eq!(lenient("aGk="), (Some(b"hi".to_vec()), Used::default()));
        assert_eq!(lenient(""), (Some(Vec::new()), Used::default()));
    }

    #[test]
    fn white_space_and_escapes_are_forgiven_and_reported() {
        let (bytes, used) = lenient(" aG\r\n\tk=\n");
        assert_eq!(bytes.unwrap(), b"hi");
        assert_eq!(used.iter().collect::<Vec<_>>(), [Tolerance::WhiteSpace]);

        let (bytes, used) = lenient(r"aGk\u003D");
        assert_eq!(bytes.unwrap(), b"hi");
        assert_eq!(used.iter().collect::<Vec<_>>(), [Tolerance::EscapedCharacters]);

        let (bytes, used) = lenient(r"\u002b\u002F8\u003d\u000a");
        assert_eq!(bytes.unwrap(), [0xfb, 0xff]);
        assert_eq!(used.iter().count(), 2);
    }

    #[test]
    fn a_switch_that_is_off_forgives_nothing() {
        let mut used = Used::default();
        let no_space = Tolerances { white_space: false, ..Tolerances::ALL };
        assert!(decode(" aGk=", Part::Nonce, no_space, &mut used).is_err());
        assert!(decode(r"aGk\u003D\u0020", Part::Nonce, no_space, &mut used).is_err());
        let no_escape = Tolerances { escaped_characters: false, ..Tolerances::ALL };
        assert!(decode(r"aGk\u003D", Part::Nonce, no_escape, &mut used).is_err());
        assert!(used.is_empty());
    }

    #[test]
    fn what_is_not_base64_stays_so() {
        for text in [
            "aGk",
            "aGk ",
            "aG-_",
            "a=b=",
            "aGk=aGk=",
            "aGl=",
            r"aGk\u003",
            r"aGk\x3d",
            r"aGk\u013D",
            r"aGk\",
            "aGk=\u{a0}",
            "\u{feff}aGk=",
            r"aGk\u+0D",
        ] {
            assert_eq!(lenient(text).0, None, "{text:?}");
        }
    }

    #[test]
    fn wrapped_text_of_many_steps_is_read_and_padding_within_it_is_not() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| u8::try_from(i % 253).unwrap()).collect();
        let wrapped: Vec<String> = encode(&bytes)
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        assert_eq!(lenient(&wrapped.join("\r\n")).0.unwrap(), bytes);

        let mut broken = encode(&bytes);
        broken.replace_range(DECODE_STEP - 1..DECODE_STEP, "=");
        assert_eq!(lenient(&format!(" {broken}")).0, None);
    }
}
