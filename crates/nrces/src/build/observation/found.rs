//! What was found: a quantity, a code, words.

use std::borrow::Cow;

use crate::build::values::quantity_words;
use crate::input::{Concept, Decimal, Quantity, Text};

/// What an observation or a component of one says was found.
pub(super) struct Found<'a> {
    pub quantity: Option<Measured<'a>>,
    pub code: Option<&'a Concept>,
    pub text: Option<&'a str>,
}

/// A quantity that was sent as one, or read from a number in words.
pub(super) enum Measured<'a> {
    Sent(&'a Quantity),
    Read { value: Decimal, comparator: Option<&'static str>, unit: &'a str },
}

impl Measured<'_> {
    fn words(&self) -> Option<String> {
        match self {
            Self::Sent(quantity) => quantity_words(quantity),
            Self::Read { value, comparator, unit } => {
                Some(format!("{}{value} {unit}", comparator.unwrap_or_default()))
            }
        }
    }
}

impl<'a> Found<'a> {
    pub fn new(
        quantity: Option<&'a Quantity>,
        code: Option<&'a Concept>,
        result: &'a Text,
        unit: &'a Text,
    ) -> Self {
        let code = code.filter(|c| c.words().is_some());
        if let Some(sent) = quantity {
            return Self { quantity: Some(Measured::Sent(sent)), code, text: result.get() };
        }
        let read = unit.get().and_then(|unit| read_number(result.get()?, unit));
        let text = if read.is_some() { None } else { result.get() };
        Self { quantity: read, code, text }
    }

    /// What a reader sees as the result.
    pub fn words(&self) -> Option<Cow<'a, str>> {
        let code = self.code.and_then(Concept::words).map(Cow::Borrowed);
        let quantity = self.words_of_quantity().map(Cow::Owned);
        quantity.or(code).or(self.text.map(Cow::Borrowed))
    }

    pub fn words_of_quantity(&self) -> Option<String> {
        self.quantity.as_ref().and_then(Measured::words)
    }
}

/// `13.5` or `<0.5` with a unit beside it.
fn read_number<'a>(text: &str, unit: &'a str) -> Option<Measured<'a>> {
    let (comparator, rest) = ["<=", ">=", "<", ">"]
        .into_iter()
        .find_map(|c| text.strip_prefix(c).map(|rest| (Some(c), rest)))
        .unwrap_or((None, text));
    Decimal::parse(rest).map(|value| Measured::Read { value, comparator, unit })
}
