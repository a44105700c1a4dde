//! Consent: what a patient allowed, and whether a request stays inside it.
//!
//! [`decide`] is asked once when a request arrives and again before every page that leaves. It is the only place
//! where that is decided; what it decides by is gathered elsewhere.

use abdm::id::{AbhaAddress, ConsentId, HiType, ServiceId};
use jiff::Timestamp;

use crate::words;

/// The status of a consent artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentStatus {
    /// Asked for; never sent to an HIP, tolerated.
    Requested,
    /// The patient allowed it.
    Granted,
    /// The patient said no.
    Denied,
    /// The patient took it back.
    Revoked,
    /// Its time is over.
    Expired,
}

words!(ConsentStatus, "consent status": Requested = "REQUESTED", Granted = "GRANTED", Denied = "DENIED", Revoked = "REVOKED", Expired = "EXPIRED");

impl ConsentStatus {
    /// The status after a notice: one that has ended stays ended, whatever arrives late.
    #[must_use]
    pub fn after(self, notice: Self) -> Self {
        if self.has_ended() { self } else { notice }
    }

    /// Whether nothing may be sent on it any more, ever.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Denied | Self::Revoked | Self::Expired)
    }
}

/// A care context as an artefact names it. The references are the other side's copy of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// The patient's reference at this facility.
    pub patient: String,
    /// The care context's reference.
    pub care_context: String,
}

/// What a consent artefact allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its id.
    pub id: ConsentId,
    /// Whose records.
    pub abha_address: AbhaAddress,
    /// Which facility may share them, if the artefact says so.
    pub hip_id: Option<ServiceId>,
    /// Who may receive them, if the artefact says so.
    pub hiu_id: Option<ServiceId>,
    /// Which visits.
    pub care_contexts: Vec<Named>,
    /// Which types of records.
    pub hi_types: Vec<HiType>,
    /// From which moment on.
    pub from: Timestamp,
    /// Up to which moment.
    pub to: Timestamp,
    /// When the consent ends.
    pub erase_at: Timestamp,
}

/// What is held of a consent: where it stands, and what it allows while that is kept. One that has ended has lost its
/// artefact; one whose grant came without detail has none yet.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// Where it stands.
    pub status: ConsentStatus,
    /// What it allows.
    pub artefact: Option<&'a Artefact>,
}

/// What a health information request asks for, and what was found out about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The facility it was sent to.
    pub hip_id: &'a ServiceId,
    /// Who asks, if the request says so.
    pub hiu_id: Option<&'a ServiceId>,
    /// From which moment on.
    pub from: Timestamp,
    /// Up to which moment.
    pub to: Timestamp,
    /// What makes its key material or push address useless, if anything does.
    pub unusable: Option<Unusable>,
    /// Whose care contexts the artefact names.
    pub whose: Whose,
}

/// Whose care contexts an artefact names, by what the facility knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All of them the artefact's patient's.
    Theirs,
    /// Some of them another's, or nobody's here, or none is named.
    NotTheirs,
}

/// Why records cannot be sent to whoever asks, whatever the consent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The key material is for another algorithm or curve.
    Algorithm,
    /// The public key's time is over.
    KeyExpired,
    /// The public key is no point of the curve.
    Point,
    /// The nonce has another length, or is no base64.
    Nonce,
    /// The push address is not https, or does not lead to the public internet.
    PushAddress,
}

impl Unusable {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 5] =
        [Self::Algorithm, Self::KeyExpired, Self::Point, Self::Nonce, Self::PushAddress];

    /// What is wrong, in letters that ABDM takes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Algorithm => "the key material is not ECDH on Curve25519",
            Self::KeyExpired => "the public key has expired",
            Self::Point => "the public key is not a valid point of Curve25519",
            Self::Nonce => "the nonce is not 32 bytes in base64",
            Self::PushAddress => "the data push address is not a public https address",
        }
    }
}

/// Why nothing may be sent. Each has its code in the request's answer (ABDM V3, hip/on-request).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such consent is known here, or not what it allows.
    Unknown,
    /// It was revoked, denied or never granted, or was granted to another requester.
    NotGranted,
    /// Its time is over.
    Expired,
    /// The requested range is not inside the granted one, or ends before it begins.
    RangeOutside,
    /// It names another facility, or another patient's care contexts.
    WrongCareContexts,
    /// The key material or the push address cannot be used.
    Unusable(Unusable),
}

impl Refusal {
    /// ABDM's code for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "ABDM-1112",
            Self::NotGranted => "ABDM-1062",
            Self::Expired => "ABDM-1061",
            Self::RangeOutside => "ABDM-1063",
            Self::WrongCareContexts => "ABDM-1057",
            Self::Unusable(_) => "ABDM-1031",
        }
    }

    /// ABDM's words for it.
    #[must_use]
    pub fn message(self) -> String {
        match self {
            Self::Unknown => "Invalid or already expired consent artefact id".to_owned(),
            Self::NotGranted => "Consent Not granted".to_owned(),
            Self::Expired => "Consent artefact expired".to_owned(),
            Self::RangeOutside => "Date Range given is invalid".to_owned(),
            Self::WrongCareContexts => "Invalid Care Contexts".to_owned(),
            Self::Unusable(what) => format!("Invalid request: {}", what.as_str()),
        }
    }
}

/// Whether anything may be sent on this consent for this request, now.
///
/// # Errors
/// The first thing that forbids it, in the order in which ABDM's reference asks: known, granted, not over, for
/// this facility and requester, inside the range, a usable key and address, the patient's own care contexts.
pub fn decide(held: Option<Held<'_>>, asked: &Asked<'_>, now: Timestamp) -> Result<(), Refusal> {
    let held = held.ok_or(Refusal::Unknown)?;
    match held.status {
        ConsentStatus::Granted => {}
        ConsentStatus::Expired => return Err(Refusal::Expired),
        ConsentStatus::Requested | ConsentStatus::Denied | ConsentStatus::Revoked => {
            return Err(Refusal::NotGranted);
        }
    }
    let artefact = held.artefact.ok_or(Refusal::Unknown)?;
    if artefact.erase_at <= now {
        return Err(Refusal::Expired);
    }
    if artefact.hip_id.as_ref().is_some_and(|hip_id| hip_id != asked.hip_id) {
        return Err(Refusal::WrongCareContexts);
    }
    if let (Some(granted), Some(asking)) = (&artefact.hiu_id, asked.hiu_id)
        && granted != asking
    {
        return Err(Refusal::NotGranted);
    }
    if asked.from > asked.to || asked.from < artefact.from || asked.to > artefact.to {
        return Err(Refusal::RangeOutside);
    }
    if let Some(unusable) = asked.unusable {
        return Err(Refusal::Unusable(unusable));
    }
    match asked.whose {
        Whose::Theirs => Ok(()),
        Whose::NotTheirs => Err(Refusal::WrongCareContexts),
    }
}

/// What is known of the signature under an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Signature {
    /// It was not checked: no key is configured, or there was none.
    #[default]
    Unverified,
    /// It is right, under the configured key and algorithm.
    Verified,
    /// It is wrong under the configured key and algorithm.
    Invalid,
}

words!(Signature, "signature": Unverified = "unverified", Verified = "verified", Invalid = "invalid");

#[cfg(test)]
mod tests;
