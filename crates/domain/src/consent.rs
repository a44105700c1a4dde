//! Consent: what a patient allowed, and whether a request stays inside it.
//!
//! [`check`] is asked once when a request arrives and again before every page that leaves. It is the only place
//! where that is decided.

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

/// What a health information request asks for.
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
}

/// Why nothing may be sent. Each has its code in the request's answer (ABDM V3, hip/on-request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such consent is known here.
    Unknown,
    /// It was revoked, denied or never granted.
    NotGranted,
    /// Its time is over.
    Expired,
    /// The requested range is not inside the granted one, or ends before it begins.
    RangeOutside,
    /// It names another facility, another requester, or another patient's care contexts.
    WrongCareContexts,
    /// The key material or the push address cannot be used; says what is wrong.
    Unusable(String),
}

impl Refusal {
    /// ABDM's code for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
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
    pub fn message(&self) -> String {
        match self {
            Self::Unknown => "Invalid or already expired consent artefact id".to_owned(),
            Self::NotGranted => "Consent Not granted".to_owned(),
            Self::Expired => "Consent artefact expired".to_owned(),
            Self::RangeOutside => "Date Range given is invalid".to_owned(),
            Self::WrongCareContexts => "Invalid Care Contexts".to_owned(),
            Self::Unusable(what) => format!("Invalid request: {what}"),
        }
    }
}

/// Whether anything may be sent on this consent for this request, now.
///
/// # Errors
/// The first thing that forbids it, in the order in which ABDM's reference asks: known, granted, not over, for
/// this facility and requester, inside the range.
pub fn check(
    consent: Option<(ConsentStatus, &Artefact)>,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (status, artefact) = consent.ok_or(Refusal::Unknown)?;
    match status {
        ConsentStatus::Granted if artefact.erase_at <= now => return Err(Refusal::Expired),
        ConsentStatus::Expired => return Err(Refusal::Expired),
        ConsentStatus::Granted => {}
        ConsentStatus::Requested | ConsentStatus::Denied | ConsentStatus::Revoked => {
            return Err(Refusal::NotGranted);
        }
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
    Ok(())
}

#[cfg(test)]
mod tests;
