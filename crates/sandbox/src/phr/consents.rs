//! Granting, denying, revoking; and letting a consent run out.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::judge::patterns::HI_TYPES;
use crate::steer::SteerError;
use crate::world::consents::{Consent, ConsentStatus, ContextRef};
use crate::world::{Subject, World};

pub(crate) const NOTIFY: &str = "/api/v3/consent/request/hip/notify";

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a patient grants.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsentWanted {
    /// The patient.
    pub abha_address: String,
    /// Only these HIPs; all with linked care contexts if absent.
    #[serde(default)]
    pub hip_ids: Option<Vec<String>>,
    /// Only these care contexts; all linked ones if absent.
    #[serde(default)]
    pub care_contexts: Option<Vec<String>>,
    /// Only these types; all eight if absent.
    #[serde(default)]
    pub hi_types: Option<Vec<String>>,
    /// Records from; ten years ago if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Records to; now if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// End of the consent; in 30 days if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub data_erase_at: Option<Timestamp>,
    /// Purpose code; `PATRQT` if absent.
    #[serde(default)]
    pub purpose: Option<String>,
    /// How often the HIU may ask.
    #[serde(default)]
    pub frequency: Option<Frequency>,
    /// Who may see the records.
    #[serde(default)]
    pub hiu: Option<HiuNamed>,
    /// `DENIED` denies instead: HIPs hear nothing of it.
    #[serde(default)]
    pub status: Option<ConsentStatus>,
}

/// `permission.frequency`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Frequency {
    /// `HOUR`, `DAY`, `WEEK`, `MONTH` or `YEAR`.
    pub unit: String,
    /// How many of the unit.
    pub value: u32,
    /// How often.
    #[serde(default)]
    pub repeats: Option<u32>,
}

/// An HIU by id and name.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct HiuNamed {
    /// Service id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// What came of a grant.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// The consent request.
    pub request_id: String,
    /// One artefact for each HIP.
    pub artefacts: Vec<Consent>,
}

/// How a consent is notified again or ended.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renotify {
    /// Carry `consentDetail`; only `GRANTED` does if absent.
    #[serde(default)]
    pub detail: Option<bool>,
}

impl Sandbox {
    /// The patient grants (or denies) a consent; every HIP concerned is notified of its artefact.
    ///
    /// # Errors
    ///
    /// 404 for an unknown person, 409 if nothing is linked that fits.
    pub fn grant(&self, wanted: &ConsentWanted) -> Result<Granted, SteerError> {
        self.read(|world| world.registry.person(&wanted.abha_address).cloned())
            .ok_or_else(|| SteerError::not_found("no such person"))?;
        let request_id = Uuid::new_v4().to_string();
        let denied = wanted.status == Some(ConsentStatus::Denied);
        let artefacts: Vec<Consent> = self
            .read(|world| chosen(world, wanted))
            .into_iter()
            .map(|(hip_id, contexts)| self.artefact(wanted, &request_id, hip_id, contexts))
            .collect();
        if artefacts.is_empty() {
            return Err(SteerError::conflict("nothing-linked", "no linked care context fits"));
        }
        self.change(|world| {
            for consent in &artefacts {
                world.consents.insert(consent.consent_id.clone(), consent.clone());
            }
        });
        if !denied {
            for consent in &artefacts {
                self.notify_consent(consent, true);
            }
        }
        Ok(Granted { request_id, artefacts })
    }

    fn artefact(
        &self,
        wanted: &ConsentWanted,
        request_id: &str,
        hip_id: String,
        care_contexts: Vec<ContextRef>,
    ) -> Consent {
        let now = self.now();
        let shifted = |by: SignedDuration| now.saturating_add(by).unwrap_or(now);
        let (hiu_id, hiu_name) =
            wanted.hiu.as_ref().map_or(("PHR-APP".to_owned(), "Sandbox PHR".to_owned()), |hiu| {
                (hiu.id.clone(), hiu.name.clone())
            });
        Consent {
            consent_id: Uuid::new_v4().to_string(),
            request_id: request_id.to_owned(),
            abha_address: wanted.abha_address.clone(),
            hip_id,
            hiu_id,
            hiu_name,
            status: wanted.status.unwrap_or(ConsentStatus::Granted),
            care_contexts,
            hi_types: wanted.hi_types.clone().unwrap_or_else(|| HI_TYPES.map(str::to_owned).to_vec()),
            purpose: wanted.purpose.clone().unwrap_or_else(|| "PATRQT".into()),
            from: wanted.from.unwrap_or_else(|| shifted(-DAY * 3653)),
            to: wanted.to.unwrap_or(now),
            data_erase_at: wanted.data_erase_at.unwrap_or_else(|| shifted(DAY * 30)),
            created_at: now,
            acknowledgements: Vec::new(),
            frequency: wanted.frequency.as_ref().map_or_else(
                || json!({"unit": "HOUR", "value": 1, "repeats": 0}),
                |frequency| json!({"unit": frequency.unit, "value": frequency.value, "repeats": frequency.repeats}),
            ),
            told: None,
            waiting: Vec::new(),
        }
    }

    /// Tells the HIP of the artefact's present status.
    fn notify_consent(&self, consent: &Consent, with_detail: bool) {
        let status = consent.status.as_str();
        let mut notification = json!({"status": status, "consentId": consent.consent_id});
        if let (true, Some(members)) = (with_detail, notification.as_object_mut()) {
            let name = self.read(|world| {
                world.registry.services.get(&consent.hip_id).map(|service| service.name.clone())
            });
            let detail = consent.detail(&self.config().cm_id, name.as_deref(), &self.config().rules);
            let signature = self.keys().consent_signature(&detail.to_string());
            members.insert("consentDetail".into(), detail);
            members.insert("signature".into(), Value::from(signature));
            members.insert("grantAcknowledgement".into(), Value::from(false));
        }
        let subject = Subject::Consent { consent_id: consent.consent_id.clone(), status };
        let body = json!({"notification": notification});
        self.queue_callback(Callback::new(&consent.hip_id, NOTIFY, subject, body));
    }

    /// The key of the signatures under artefacts, in PEM. At ABDM nobody is given it.
    #[must_use]
    pub fn consent_key(&self) -> String {
        self.keys().consent_key()
    }

    /// One artefact.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn consent(&self, consent_id: &str) -> Result<Consent, SteerError> {
        let found = self.read(|world| world.consents.get(consent_id).cloned());
        found.ok_or_else(|| SteerError::not_found("no such consent artefact"))
    }

    /// Artefacts, of one person or all.
    #[must_use]
    pub fn consents(&self, abha_address: Option<&str>) -> Vec<Consent> {
        let of = |consent: &&Consent| {
            abha_address.is_none_or(|address| consent.abha_address.eq_ignore_ascii_case(address))
        };
        self.read(|world| world.consents.values().filter(of).cloned().collect())
    }

    /// The patient takes a consent back.
    ///
    /// # Errors
    ///
    /// 404 if there is none, 409 if it has ended.
    pub fn revoke(&self, consent_id: &str, how: Renotify) -> Result<Consent, SteerError> {
        self.end(consent_id, ConsentStatus::Revoked, how)
    }

    /// A consent's time runs out.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::revoke`].
    pub fn expire(&self, consent_id: &str, how: Renotify) -> Result<Consent, SteerError> {
        self.end(consent_id, ConsentStatus::Expired, how)
    }

    fn end(&self, consent_id: &str, status: ConsentStatus, how: Renotify) -> Result<Consent, SteerError> {
        let ended = self.change(|world| {
            let consent = world.consents.get_mut(consent_id)?;
            let live = consent.status == ConsentStatus::Granted;
            if live {
                consent.status = status;
            }
            Some(live.then(|| consent.clone()))
        });
        match ended {
            None => Err(SteerError::not_found("no such consent artefact")),
            Some(None) => {
                Err(SteerError::conflict("ABDM-1112", "Invalid or already expired consent artefact id"))
            }
            Some(Some(consent)) => {
                self.notify_consent(&consent, how.detail.unwrap_or(false));
                Ok(consent)
            }
        }
    }

    /// Sends the notification of an artefact's present status once more, with a fresh `REQUEST-ID`.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn notify_again(&self, consent_id: &str, how: Renotify) -> Result<Consent, SteerError> {
        let consent = self.consent(consent_id)?;
        self.notify_consent(&consent, how.detail.unwrap_or(consent.status == ConsentStatus::Granted));
        Ok(consent)
    }

    /// Waits until the HIP has acknowledged a status, for at most `wait` of real time.
    pub async fn acknowledged(&self, consent_id: &str, status: ConsentStatus, wait: Duration) -> bool {
        let acknowledged = |world: &World| {
            let consent = world.consents.get(consent_id)?;
            consent.is_acknowledged(status.as_str()).then_some(())
        };
        self.await_change(wait, acknowledged).await.is_some()
    }
}

/// Linked care contexts that fit, by HIP.
fn chosen(world: &World, wanted: &ConsentWanted) -> BTreeMap<String, Vec<ContextRef>> {
    let mut chosen: BTreeMap<String, Vec<ContextRef>> = BTreeMap::new();
    for context in world.links.of(&wanted.abha_address) {
        let hip_fits = wanted.hip_ids.as_ref().is_none_or(|hips| hips.contains(&context.hip_id));
        let named = |contexts: &Vec<String>| contexts.contains(&context.care_context_reference);
        if hip_fits && wanted.care_contexts.as_ref().is_none_or(named) {
            chosen.entry(context.hip_id.clone()).or_default().push(ContextRef {
                patient_reference: context.patient_reference.clone(),
                care_context_reference: context.care_context_reference.clone(),
            });
        }
    }
    chosen
}
