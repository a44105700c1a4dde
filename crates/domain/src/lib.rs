//! What the bridge is about: facility, patient, care context, link, consent, transfer; and the pure decisions on
//! them: who asks, may this be sent, when may a link token be asked for, which records go on which page, when to try again.
//!
//! Nothing here waits, reads a clock, draws a random number or knows of a database. Time and chance come in as
//! arguments, so every decision can be tested as a table.

pub mod backoff;
pub mod bridge;
pub mod care_context;
pub mod consent;
pub mod discovery;
pub mod event;
pub mod exchange;
pub mod facility;
pub mod link;
pub mod link_request;
pub mod name;
pub mod otp;
pub mod pace;
pub mod paging;
pub mod patient;
pub mod problem;
pub mod queue;
pub mod reference;
pub mod token_desk;
pub mod transfer;

/// Implements `as_str`, `Display` and `FromStr` for an enum of plain words, as they stand in the store and in JSON.
macro_rules! words {
    ($type:ident, $what:literal: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in the store, in JSON and in metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or($crate::UnknownWord {
                    what: $what,
                    words: &[$($word),+],
                })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

/// A text that is none of an enum's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {what} is one of {}", words.join(", "))]
pub struct UnknownWord {
    /// What was expected.
    pub what: &'static str,
    /// What it can be.
    pub words: &'static [&'static str],
}
