//! What is known of a person besides the ABHA, and the texts that must not be shown.

use std::fmt;
use std::str::FromStr;

use super::{IdError, serde_by_text};

/// A person's gender as ABDM writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gender {
    /// `M`
    Male,
    /// `F`
    Female,
    /// `O`
    Other,
    /// `D`: listed by ABDM without a word for it.
    D,
    /// `T`
    Transgender,
    /// `U`
    Unknown,
}

impl Gender {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Male, Self::Female, Self::Other, Self::D, Self::Transgender, Self::Unknown];

    /// ABDM's letter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Male => "M",
            Self::Female => "F",
            Self::Other => "O",
            Self::D => "D",
            Self::Transgender => "T",
            Self::Unknown => "U",
        }
    }

    /// The gender that a text most likely means; [`Gender::Unknown`] if it says none.
    #[must_use]
    pub fn lenient(text: &str) -> Self {
        text.parse().unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Gender {
    type Err = IdError;

    /// Reads a letter or an English word, in any case.
    fn from_str(text: &str) -> Result<Self, IdError> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "m" | "male" => Self::Male,
            "f" | "female" => Self::Female,
            "o" | "other" | "others" => Self::Other,
            "d" => Self::D,
            "t" | "transgender" => Self::Transgender,
            "u" | "unknown" => Self::Unknown,
            _ => return Err(IdError::Gender),
        })
    }
}

impl serde::Serialize for Gender {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Never fails on a string: an unknown word is [`Gender::Unknown`].
impl<'de> serde::Deserialize<'de> for Gender {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer).map(|text| Self::lenient(&text))
    }
}

/// An Indian mobile number: the last ten digits of whatever way it was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mobile(u64);

impl Mobile {
    /// The last four digits behind stars, to show to people.
    #[must_use]
    pub fn masked(self) -> String {
        format!("******{:04}", self.0 % 10_000)
    }
}

impl fmt::Display for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mobile(..)")
    }
}

impl FromStr for Mobile {
    type Err = IdError;

    /// Reads `9876543210`, `+919876543210`, `+91-98765 43210`, `09876543210` and the like.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut digits = 0;
        let mut number: u64 = 0;
        for ch in text.trim().chars() {
            match ch {
                '0'..='9' => {
                    digits += 1;
                    number = number % 1_000_000_000 * 10 + u64::from(ch) - u64::from('0');
                }
                '+' | '-' | ' ' | '(' | ')' | '.' => {}
                _ => return Err(IdError::Mobile),
            }
        }
        if (10..=15).contains(&digits) && number >= 1_000_000_000 {
            Ok(Self(number))
        } else {
            Err(IdError::Mobile)
        }
    }
}

serde_by_text!(Mobile);

macro_rules! hidden {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself. Not for logs.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text itself, taken out.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

hidden!(
    /// A text about a person (name, address, an identifier of theirs): anything goes in, `Debug` does not show it.
    Personal
);
hidden!(
    /// A link token: the JWT that lets an HIP link care contexts to one ABHA address for six months. A secret.
    LinkToken
);
hidden!(
    /// A one-time password as the patient typed it. A secret.
    Otp
);
