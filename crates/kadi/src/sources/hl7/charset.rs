//! In which characters a message is written: MSH-18 (HL7 table 0211), or the configuration where it says nothing.

use std::borrow::Cow;

/// A character set that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// `UNICODE UTF-8`
    Utf8,
    /// `8859/1`, read as Windows does: senders of this name mean that.
    Latin1,
    /// `ASCII`
    Ascii,
}

impl Charset {
    /// The one that goes by this name in MSH-18 or in the configuration.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_uppercase().as_str() {
            "UTF8" | "UNICODEUTF8" => Some(Self::Utf8),
            "88591" | "ISO88591" | "LATIN1" | "WINDOWS1252" | "CP1252" => Some(Self::Latin1),
            "ASCII" | "USASCII" | "ISOIR6" => Some(Self::Ascii),
            _ => None,
        }
    }

    /// The text. `None` if the bytes are not of this character set: guessing would spoil names and units.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Ascii => std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).map(Cow::Borrowed),
            Self::Latin1 => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => Some(Cow::Borrowed(text)),
                _ => Some(Cow::Owned(latin1(bytes))),
            },
        }
    }
}

/// ISO 8859-1 with the printable characters that Windows-1252 has in place of its second set of control characters.
pub fn latin1(bytes: &[u8]) -> String {
    const WINDOWS: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let read = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(*byte),
    };
    bytes.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_table_0211_and_their_usual_misspellings_are_known() {
        for (name, charset) in [
            ("UNICODE UTF-8", Charset::Utf8),
            ("utf-8", Charset::Utf8),
            ("8859/1", Charset::Latin1),
            ("ISO-8859-1", Charset::Latin1),
            ("ASCII", Charset::Ascii),
        ] {
            assert_eq!(Charset::named(name), Some(charset), "{name}");
        }
        for name in ["", "8859/15", "UNICODE", "UNICODE UTF-16", "ISO IR87"] {
            assert_eq!(Charset::named(name), None, "{name}");
        }
    }

    #[test]
    fn bytes_are_read_in_their_own_set_and_never_guessed() {
        assert_eq!(Charset::Utf8.decode("µg सुधा".as_bytes()).as_deref(), Some("µg सुधा"));
        assert_eq!(Charset::Utf8.decode(b"\xb5g"), None);
        assert_eq!(Charset::Latin1.decode(b"\xb5g \x93ok\x94").as_deref(), Some("µg “ok”"));
        assert_eq!(Charset::Ascii.decode(b"\xb5g"), None);
        assert_eq!(Charset::Ascii.decode(b"ug").as_deref(), Some("ug"));
    }
}
