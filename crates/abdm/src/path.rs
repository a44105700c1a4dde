//! Every call an HIP makes and every callback it gets: its path, and the rules that hang on it.
//!
//! Paths of calls are absolute on the gateway's host; paths of callbacks are appended to the registered bridge
//! address. Some of ABDM's pages leave out the `/api` of a callback: serve both.

use std::fmt;

use http::Method;

/// Which of ABDM's interfaces a message belongs to. v0.5 is being withdrawn; of it linking by the patient is here, and what
/// becomes of a patient's ABHA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// V3: ids and times in headers, `response`, codes such as `ABDM-1010`.
    V3,
    /// v0.5: ids and times in bodies, `resp`, numbers as codes, a session and keys of its own under `/gateway`.
    V05,
}

/// A call to ABDM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Ask for a session token.
    Session,
    /// Read the gateway's public keys.
    Certs,
    /// Register the address that callbacks go to.
    BridgeUrl,
    /// List the bridge and its services.
    BridgeServices,
    /// Read one service; its id ends the path.
    BridgeService,
    /// Link a facility to the bridge (registry's host).
    LinkFacility,
    /// Ask for a link token.
    GenerateToken,
    /// Link care contexts.
    LinkCareContexts,
    /// Tell of new records in a linked care context.
    ContextNotify,
    /// Have ABDM send a patient an SMS.
    SmsNotify,
    /// Answer a discovery.
    OnDiscover,
    /// Answer an init.
    OnInit,
    /// Answer a confirm.
    OnConfirm,
    /// Acknowledge a consent notification.
    ConsentOnNotify,
    /// Answer a health information request.
    OnRequest,
    /// Report the end of a transfer.
    TransferNotify,
    /// Read a transfer's status; its transaction id ends the path.
    TransferStatus,
    /// Answer a profile share.
    OnShare,
    /// Acknowledge that a patient's ABHA was deactivated, deleted or taken up again. No page of V3 names this path:
    /// it is that of integrators in the field.
    PatientStatusOnNotify,
    /// [`Operation::Session`] of v0.5.
    SessionV05,
    /// [`Operation::Certs`] of v0.5, which needs no session.
    CertsV05,
    /// [`Operation::OnDiscover`] of v0.5.
    OnDiscoverV05,
    /// [`Operation::OnInit`] of v0.5.
    OnInitV05,
    /// [`Operation::OnConfirm`] of v0.5.
    OnConfirmV05,
    /// [`Operation::PatientStatusOnNotify`] of v0.5, which is where ABDM documents it.
    PatientStatusOnNotifyV05,
}

/// Which header must name the service that calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceHeader {
    /// None must. On a call of an HIP `X-HIP-ID` never harms.
    Optional,
    /// `X-HIP-ID`.
    Hip,
    /// `X-HIU-ID`.
    Hiu,
}

/// What an operation needs and brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFacts {
    /// HTTP method.
    pub method: Method,
    /// Path on its host; an id is to be appended where the operation says so.
    pub path: &'static str,
    /// Whether the path ends with an id that the call must bring.
    pub path_id: bool,
    /// The header that must name the service calling.
    pub service: ServiceHeader,
    /// Whether `X-LINK-TOKEN` must be sent.
    pub link_token: bool,
    /// The callback that brings the result; a 2xx alone is only an acceptance then.
    pub callback: Option<Callback>,
    /// Whether sending it again, after an attempt whose outcome is unknown, has no second effect. ABDM knows
    /// replies by the ids in their bodies, and care contexts by their references. It does not know a token request,
    /// an SMS or a context notify again: wait for their callback or their window instead.
    pub deduplicated: bool,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 25] = [
        Self::Session,
        Self::Certs,
        Self::BridgeUrl,
        Self::BridgeServices,
        Self::BridgeService,
        Self::LinkFacility,
        Self::GenerateToken,
        Self::LinkCareContexts,
        Self::ContextNotify,
        Self::SmsNotify,
        Self::OnDiscover,
        Self::OnInit,
        Self::OnConfirm,
        Self::ConsentOnNotify,
        Self::OnRequest,
        Self::TransferNotify,
        Self::TransferStatus,
        Self::OnShare,
        Self::PatientStatusOnNotify,
        Self::SessionV05,
        Self::CertsV05,
        Self::OnDiscoverV05,
        Self::OnInitV05,
        Self::OnConfirmV05,
        Self::PatientStatusOnNotifyV05,
    ];

    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Session => "/api/hiecm/gateway/v3/sessions",
            Self::Certs => "/api/hiecm/gateway/v3/certs",
            Self::BridgeUrl => "/api/hiecm/gateway/v3/bridge/url",
            Self::BridgeServices => "/api/hiecm/gateway/v3/bridge-services",
            Self::BridgeService => "/api/hiecm/gateway/v3/bridge-service/serviceId/",
            Self::LinkFacility => "/v1/bridges/MutipleHRPAddUpdateServices",
            Self::GenerateToken => "/api/hiecm/v3/token/generate-token",
            Self::LinkCareContexts => "/api/hiecm/hip/v3/link/carecontext",
            Self::ContextNotify => "/api/hiecm/hip/v3/link/context/notify",
            Self::SmsNotify => "/api/hiecm/hip/v3/link/patient/links/sms/notify2",
            Self::OnDiscover => "/api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover",
            Self::OnInit => "/api/hiecm/user-initiated-linking/v3/link/care-context/on-init",
            Self::OnConfirm => "/api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm",
            Self::ConsentOnNotify => "/api/hiecm/consent/v3/request/hip/on-notify",
            Self::OnRequest => "/api/hiecm/data-flow/v3/health-information/hip/on-request",
            Self::TransferNotify => "/api/hiecm/data-flow/v3/health-information/notify",
            Self::TransferStatus => "/api/hiecm/data-flow/v3/health-information/request/status/",
            Self::OnShare => "/api/hiecm/patient-share/v3/on-share",
            Self::PatientStatusOnNotify => "/api/hiecm/patients/v3/status/on-notify",
            Self::SessionV05 => "/gateway/v0.5/sessions",
            Self::CertsV05 => "/gateway/v0.5/certs",
            Self::OnDiscoverV05 => "/gateway/v0.5/care-contexts/on-discover",
            Self::OnInitV05 => "/gateway/v0.5/links/link/on-init",
            Self::OnConfirmV05 => "/gateway/v0.5/links/link/on-confirm",
            Self::PatientStatusOnNotifyV05 => "/gateway/v0.5/patients/status/on-notify",
        }
    }

    /// The interface that it belongs to.
    #[must_use]
    pub const fn version(self) -> Version {
        match self {
            Self::SessionV05
            | Self::CertsV05
            | Self::OnDiscoverV05
            | Self::OnInitV05
            | Self::OnConfirmV05
            | Self::PatientStatusOnNotifyV05 => Version::V05,
            _ => Version::V3,
        }
    }

    /// What it is in V3: itself, or what became of it.
    #[must_use]
    pub const fn in_v3(self) -> Self {
        match self {
            Self::SessionV05 => Self::Session,
            Self::CertsV05 => Self::Certs,
            Self::OnDiscoverV05 => Self::OnDiscover,
            Self::OnInitV05 => Self::OnInit,
            Self::OnConfirmV05 => Self::OnConfirm,
            Self::PatientStatusOnNotifyV05 => Self::PatientStatusOnNotify,
            other => other,
        }
    }

    /// The operation of a stored path; an id at its end is allowed where the operation has one.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| {
            if operation.facts().path_id {
                path.strip_prefix(operation.path()).is_some_and(|id| !id.is_empty())
            } else {
                path == operation.path()
            }
        })
    }

    /// The callback that brings the result, if one does.
    #[must_use]
    pub const fn callback(self) -> Option<Callback> {
        match self {
            Self::GenerateToken => Some(Callback::OnGenerateToken),
            Self::LinkCareContexts => Some(Callback::OnCareContext),
            Self::ContextNotify => Some(Callback::OnContextNotify),
            Self::SmsNotify => Some(Callback::OnSmsNotify),
            _ => None,
        }
    }

    /// Whether it answers a callback: then its body names that callback's `REQUEST-ID` in `response.requestId`.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(
            self.in_v3(),
            Self::OnDiscover
                | Self::OnInit
                | Self::OnConfirm
                | Self::ConsentOnNotify
                | Self::OnRequest
                | Self::OnShare
                | Self::PatientStatusOnNotify
        )
    }

    /// All that hangs on it.
    #[must_use]
    pub fn facts(self) -> OperationFacts {
        OperationFacts {
            method: match self {
                Self::BridgeUrl => Method::PATCH,
                Self::Certs
                | Self::CertsV05
                | Self::BridgeServices
                | Self::BridgeService
                | Self::TransferStatus => Method::GET,
                _ => Method::POST,
            },
            path: self.path(),
            path_id: matches!(self, Self::BridgeService | Self::TransferStatus),
            service: match self {
                Self::GenerateToken | Self::LinkCareContexts | Self::ContextNotify => ServiceHeader::Hip,
                _ => ServiceHeader::Optional,
            },
            link_token: self == Self::LinkCareContexts,
            callback: self.callback(),
            deduplicated: !matches!(self, Self::GenerateToken | Self::SmsNotify | Self::ContextNotify),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A callback of ABDM to an HIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Callback {
    /// Result of [`Operation::GenerateToken`].
    OnGenerateToken,
    /// Result of [`Operation::LinkCareContexts`].
    OnCareContext,
    /// Result of [`Operation::ContextNotify`].
    OnContextNotify,
    /// Result of [`Operation::SmsNotify`].
    OnSmsNotify,
    /// A patient looks for records.
    Discover,
    /// A patient chooses care contexts to link.
    LinkInit,
    /// A patient types the OTP.
    LinkConfirm,
    /// A consent was granted or has ended.
    ConsentNotify,
    /// An HIU asks for records.
    HealthInformationRequest,
    /// A patient shares their profile at a counter.
    ProfileShare,
    /// A patient's ABHA was deactivated, deleted or taken up again. No page of V3 names this path: it is that of
    /// integrators in the field.
    PatientStatus,
    /// [`Callback::Discover`] of v0.5.
    DiscoverV05,
    /// [`Callback::LinkInit`] of v0.5.
    LinkInitV05,
    /// [`Callback::LinkConfirm`] of v0.5.
    LinkConfirmV05,
    /// [`Callback::PatientStatus`] of v0.5, which is where ABDM documents it.
    PatientStatusV05,
}

impl Callback {
    /// Every callback.
    pub const ALL: [Self; 15] = [
        Self::OnGenerateToken,
        Self::OnCareContext,
        Self::OnContextNotify,
        Self::OnSmsNotify,
        Self::Discover,
        Self::LinkInit,
        Self::LinkConfirm,
        Self::ConsentNotify,
        Self::HealthInformationRequest,
        Self::ProfileShare,
        Self::PatientStatus,
        Self::DiscoverV05,
        Self::LinkInitV05,
        Self::LinkConfirmV05,
        Self::PatientStatusV05,
    ];

    /// Its path, as real traffic has it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::OnGenerateToken => "/api/v3/hip/token/on-generate-token",
            Self::OnCareContext => "/api/v3/link/on_carecontext",
            Self::OnContextNotify => "/api/v3/links/context/on-notify",
            Self::OnSmsNotify => "/api/v3/patients/sms/on-notify",
            Self::Discover => "/api/v3/hip/patient/care-context/discover",
            Self::LinkInit => "/api/v3/hip/link/care-context/init",
            Self::LinkConfirm => "/api/v3/hip/link/care-context/confirm",
            Self::ConsentNotify => "/api/v3/consent/request/hip/notify",
            Self::HealthInformationRequest => "/api/v3/hip/health-information/request",
            Self::ProfileShare => "/api/v3/hip/patient/share",
            Self::PatientStatus => "/api/v3/patients/status/notify",
            Self::DiscoverV05 => "/v0.5/care-contexts/discover",
            Self::LinkInitV05 => "/v0.5/links/link/init",
            Self::LinkConfirmV05 => "/v0.5/links/link/confirm",
            Self::PatientStatusV05 => "/v0.5/patients/status/notify",
        }
    }

    /// The interface that it belongs to. A v0.5 callback is answered in v0.5, and its token is signed with v0.5's keys.
    #[must_use]
    pub const fn version(self) -> Version {
        match self {
            Self::DiscoverV05 | Self::LinkInitV05 | Self::LinkConfirmV05 | Self::PatientStatusV05 => {
                Version::V05
            }
            _ => Version::V3,
        }
    }

    /// What it is in V3: itself, or what became of it.
    #[must_use]
    pub const fn in_v3(self) -> Self {
        match self {
            Self::DiscoverV05 => Self::Discover,
            Self::LinkInitV05 => Self::LinkInit,
            Self::LinkConfirmV05 => Self::LinkConfirm,
            Self::PatientStatusV05 => Self::PatientStatus,
            other => other,
        }
    }

    /// Its path as some of ABDM's pages print it.
    #[must_use]
    pub fn path_without_api(self) -> &'static str {
        without_api(self.path())
    }

    /// The callback of a path, in either spelling.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let path = without_api(path);
        Self::ALL.into_iter().find(|callback| callback.path_without_api() == path)
    }

    /// The call that it is the result of. It is joined by `response.requestId`; the others are news or questions.
    #[must_use]
    pub fn result_of(self) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.callback() == Some(self))
    }

    /// The reply that it asks for.
    #[must_use]
    pub const fn reply(self) -> Option<Operation> {
        match self {
            Self::OnGenerateToken | Self::OnCareContext | Self::OnContextNotify | Self::OnSmsNotify => None,
            Self::Discover => Some(Operation::OnDiscover),
            Self::LinkInit => Some(Operation::OnInit),
            Self::LinkConfirm => Some(Operation::OnConfirm),
            Self::ConsentNotify => Some(Operation::ConsentOnNotify),
            Self::HealthInformationRequest => Some(Operation::OnRequest),
            Self::ProfileShare => Some(Operation::OnShare),
            Self::DiscoverV05 => Some(Operation::OnDiscoverV05),
            Self::LinkInitV05 => Some(Operation::OnInitV05),
            Self::LinkConfirmV05 => Some(Operation::OnConfirmV05),
            Self::PatientStatus => Some(Operation::PatientStatusOnNotify),
            Self::PatientStatusV05 => Some(Operation::PatientStatusOnNotifyV05),
        }
    }

    /// The status with which it is acknowledged, body empty.
    #[must_use]
    pub const fn acknowledged_with(self) -> u16 {
        match self {
            Self::Discover
            | Self::DiscoverV05
            | Self::LinkInitV05
            | Self::LinkConfirmV05
            | Self::PatientStatusV05 => 202,
            _ => 200,
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A path without a leading `/api`.
#[must_use]
pub fn without_api(path: &str) -> &str {
    match path.strip_prefix("/api") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_abdm_does_not_know_again_is_exactly_token_sms_and_context_notify() {
        let repeated: Vec<_> = Operation::ALL.into_iter().filter(|op| !op.facts().deduplicated).collect();
        assert_eq!(repeated, [Operation::GenerateToken, Operation::ContextNotify, Operation::SmsNotify]);
    }

    #[test]
    fn every_operation_and_callback_is_found_by_its_path_and_only_by_it() {
        for operation in Operation::ALL {
            let id = if operation.facts().path_id { "x" } else { "" };
            assert_eq!(Operation::from_path(&format!("{operation}{id}")), Some(operation));
        }
        assert_eq!(Operation::from_path("/api/hiecm/gateway/v3/bridge-service/serviceId/"), None);
        assert_eq!(Operation::from_path("/api/hiecm/gateway/v3/sessions/"), None);
        for callback in Callback::ALL {
            assert_eq!(Callback::from_path(callback.path()), Some(callback));
            assert_eq!(Callback::from_path(callback.path_without_api()), Some(callback));
            let version = if callback.version() == Version::V3 { "/v3/" } else { "/v0.5/" };
            assert!(callback.path_without_api().starts_with(version));
        }
        assert_eq!(Callback::from_path("/api/api/v3/hip/patient/share"), None);
        assert_eq!(Callback::from_path("/apiv3/hip/patient/share"), None);
    }

    #[test]
    fn a_callback_is_a_result_or_asks_for_a_reply() {
        for callback in Callback::ALL {
            assert!(callback.result_of().is_some() != callback.reply().is_some(), "{callback}");
            assert!(callback.reply().is_none_or(Operation::is_reply));
        }
    }

    #[test]
    fn a_callback_is_answered_in_its_own_version_by_what_became_of_it() {
        for callback in Callback::ALL {
            let reply = callback.reply();
            assert!(reply.is_none_or(|reply| reply.version() == callback.version()), "{callback}");
            assert_eq!(reply.map(Operation::in_v3), callback.in_v3().reply());
        }
        for operation in Operation::ALL {
            let under_gateway = operation.path().starts_with("/gateway/v0.5/");
            assert_eq!(under_gateway, operation.version() == Version::V05, "{operation}");
        }
    }

    #[test]
    fn only_linking_needs_a_link_token_and_three_calls_need_the_hip_id() {
        let with = |test: fn(&OperationFacts) -> bool| {
            Operation::ALL.into_iter().filter(move |operation| test(&operation.facts())).collect::<Vec<_>>()
        };
        assert_eq!(with(|facts| facts.link_token), [Operation::LinkCareContexts]);
        assert_eq!(
            with(|facts| facts.service == ServiceHeader::Hip),
            [Operation::GenerateToken, Operation::LinkCareContexts, Operation::ContextNotify]
        );
        assert_eq!(with(|facts| facts.method == Method::PATCH), [Operation::BridgeUrl]);
    }
}
