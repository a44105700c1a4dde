//! The hospital's own names for its patients and visits.

use std::fmt;
use std::str::FromStr;

/// A reference that ABDM would not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference holds 1 to 255 letters, digits and - _ . : /")]
pub struct ReferenceError;

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 255 letters, digits and `- _ . : /`: the narrowest of the character sets that ABDM's calls take
        /// (ABDM V3, health-information/notify).
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The reference as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ReferenceError;

            fn from_str(text: &str) -> Result<Self, ReferenceError> {
                if is_reference(text) { Ok(Self(text.into())) } else { Err(ReferenceError) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

reference!(
    /// The facility's reference of a patient, such as a medical record number.
    PatientRef
);
reference!(
    /// The facility's reference of a care context, such as a visit number. Unique per patient.
    CareContextRef
);

fn is_reference(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_call_of_abdm_takes_is_a_reference() {
        for good in ["1", "MR-2026/0042", "a.b:c_d", &"x".repeat(255)] {
            assert!(good.parse::<PatientRef>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a#b", "é", "a@b", &"x".repeat(256)] {
            assert!(bad.parse::<CareContextRef>().is_err(), "{bad}");
        }
    }
}
