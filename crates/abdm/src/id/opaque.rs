//! Ids that others make and we only keep, compare and give back.

use std::fmt;
use std::str::FromStr;

use super::{IdError, RequestId, serde_by_text};

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident, $check:expr, $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let text = text.trim();
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err($error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        serde_by_text!($name);
    };
}

macro_rules! debug_shows {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

opaque!(
    /// A facility's id in the Health Facility Registry, such as `IN2810014366`. Read loosely, because nothing on
    /// the wire depends on its form; [`FacilityId::registry_form`] says whether it looks like a real one.
    FacilityId,
    |text| (1..=64).contains(&text.len()) && text.bytes().all(word),
    IdError::FacilityId
);

impl FacilityId {
    /// Whether it is `IN` and ten capitals or digits, the form the registry gives out.
    #[must_use]
    pub fn registry_form(&self) -> bool {
        self.0.strip_prefix("IN").is_some_and(|rest| {
            rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        })
    }
}

opaque!(
    /// The id under which a facility's HIP or HIU is registered at the bridge: what `X-HIP-ID` and `X-HIU-ID` hold.
    /// The facility's id for its first bridge, `<facility id>_<n>` for later ones. Never derive it: read it back
    /// from the gateway's list of services.
    ServiceId,
    |text| {
        let bytes = text.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().copied().all(word)
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
    },
    IdError::ServiceId
);

opaque!(
    /// Joins a discovery to its init, or a health information request to its push and notify. A UUID in all
    /// traffic seen, but kept as it came.
    TransactionId,
    printable,
    IdError::Opaque
);

opaque!(
    /// Id of a consent artefact. A UUID in all traffic seen, but kept as it came.
    ConsentId,
    printable,
    IdError::Opaque
);

opaque!(
    /// What an HIP gives out in on-init and gets back, as the only key, in confirm.
    LinkReference,
    printable,
    IdError::Opaque
);

opaque!(
    /// The `REQUEST-ID` of a message, as the other side wrote it.
    MessageId,
    printable,
    IdError::Opaque
);

opaque!(
    /// An HIP's name for a care context.
    CareContextRef,
    printable,
    IdError::Opaque
);

debug_shows!(FacilityId, ServiceId, TransactionId, ConsentId, LinkReference, MessageId, CareContextRef);

impl MessageId {
    /// The same id as one of ours, if it is a UUID.
    #[must_use]
    pub fn as_request_id(&self) -> Option<RequestId> {
        self.0.parse().ok()
    }
}

impl From<RequestId> for MessageId {
    fn from(id: RequestId) -> Self {
        Self(id.to_string().into_boxed_str())
    }
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn printable(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}
