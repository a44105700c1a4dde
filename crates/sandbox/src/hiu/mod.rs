//! The HIU: asks for records under a consent, and takes what is pushed.

pub(crate) mod page;
pub(crate) mod push;

use std::sync::Arc;
use std::time::Duration;

use fidelius::{KeyPair, Nonce};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::judge::patterns::written;
use crate::steer::SteerError;
use crate::world::Subject;
use crate::world::consents::{Consent, ConsentStatus, Standing};
use crate::world::transfers::{Transfer, TransferState};

pub(crate) const REQUEST: &str = "/api/v3/hip/health-information/request";

/// Key pair and nonce of one request.
#[derive(Debug)]
pub(crate) struct HiuKeys {
    pub(crate) pair: KeyPair,
    pub(crate) nonce: Nonce,
}

/// What the HIU itself adds to a request.
struct Own<'a> {
    keys: &'a HiuKeys,
    transaction: &'a str,
    url: &'a str,
}

/// How a public key is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyForm {
    /// 65 bytes.
    #[default]
    Raw,
    /// SubjectPublicKeyInfo with explicit parameters.
    X509,
}

/// What records the HIU shall ask for. All but the consent has a default; the rest is there to send what a HIP must
/// refuse.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordsWanted {
    /// The artefact.
    pub consent_id: String,
    /// Start of the range; the artefact's if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// End of the range; the artefact's if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// How the HIU writes its key.
    #[serde(default)]
    pub key_form: KeyForm,
    /// `dhPublicKey.expiry` as it is sent.
    #[serde(default)]
    pub key_expiry: Option<String>,
    /// `nonce` as it is sent.
    #[serde(default)]
    pub nonce: Option<String>,
    /// `keyValue` as it is sent.
    #[serde(default)]
    pub public_key: Option<String>,
    /// `curve` as it is sent.
    #[serde(default)]
    pub curve: Option<String>,
    /// `dataPushUrl` as it is sent.
    #[serde(default)]
    pub data_push_url: Option<String>,
    /// The transaction, to repeat one.
    #[serde(default)]
    pub transaction_id: Option<String>,
    /// The HIP to ask, if it is not the artefact's.
    #[serde(default)]
    pub hip_id: Option<String>,
    /// The HIU, as `hiRequest.hiu.id`: no page of ABDM's has it there.
    #[serde(default)]
    pub hiu_id: Option<String>,
    /// Send at once, whatever the consent manager would check: a consent that ended, is unknown or was not
    /// acknowledged.
    #[serde(default)]
    pub unchecked: bool,
}

impl RecordsWanted {
    /// All that an artefact grants.
    #[must_use]
    pub fn under(consent_id: &str) -> Self {
        Self { consent_id: consent_id.to_owned(), ..Self::default() }
    }
}

impl Sandbox {
    /// Lets the HIU ask for records. The request goes out once the HIP has acknowledged the consent.
    ///
    /// # Errors
    ///
    /// 404 for an unknown artefact, 409 for one that has ended; neither with `unchecked`.
    pub fn request_records(&self, wanted: &RecordsWanted) -> Result<Transfer, SteerError> {
        let consent = self.read(|world| world.consents.get(&wanted.consent_id).cloned());
        let now = self.now();
        let standing = match &consent {
            _ if wanted.unchecked => Standing::Acknowledged,
            None => return Err(SteerError::not_found("no such consent artefact")),
            Some(consent) if consent.status != ConsentStatus::Granted || consent.data_erase_at <= now => {
                return Err(SteerError::conflict(
                    "ABDM-1112",
                    "Invalid or already expired consent artefact id",
                ));
            }
            Some(consent) => consent.standing(self.timing(), now),
        };
        let transfer = self.prepare(wanted, consent.as_ref())?;
        let id = transfer.transaction_id.clone();
        self.change(|world| world.transfers.insert(id.clone(), transfer));
        match standing {
            Standing::Acknowledged => send_request(self, &id),
            Standing::CutOff => self.cut_off(&id),
            Standing::Waiting(until) => self.hold(&id, &wanted.consent_id, until),
        }
        self.transfer(&id, true)
    }

    fn prepare(&self, wanted: &RecordsWanted, consent: Option<&Consent>) -> Result<Transfer, SteerError> {
        let keys = HiuKeys::new().map_err(|_| SteerError::conflict("keys", "no key pair could be made"))?;
        let id = wanted.transaction_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let token = Uuid::new_v4().simple().to_string();
        self.change(|world| world.push_tokens.insert(token.clone(), id.clone()));
        let url =
            wanted.data_push_url.clone().unwrap_or_else(|| format!("{}/hiu/push/{token}", self.base_url()));
        let hip_id = wanted.hip_id.clone().or_else(|| consent.map(|consent| consent.hip_id.clone()));
        Ok(Transfer {
            request: self.request_body(wanted, consent, &Own { keys: &keys, transaction: &id, url: &url }),
            transaction_id: id,
            consent_id: wanted.consent_id.clone(),
            hip_id: hip_id.ok_or_else(|| SteerError::bad("an unknown consent needs a hipId"))?,
            state: TransferState::WaitingForAcknowledgement,
            error: None,
            requested_at: None,
            delivered_at: None,
            closed_at: None,
            page_count: None,
            pages: Vec::new(),
            entries: Vec::new(),
            notified: None,
            problems: Vec::new(),
            care_contexts: consent
                .map(|consent| {
                    consent
                        .care_contexts
                        .iter()
                        .map(|context| context.care_context_reference.clone())
                        .collect()
                })
                .unwrap_or_default(),
            hi_types: consent.map(|consent| consent.hi_types.iter().cloned().collect()).unwrap_or_default(),
            keys: Some(Arc::new(keys)),
            answered: false,
        })
    }

    fn request_body(&self, wanted: &RecordsWanted, consent: Option<&Consent>, own: &Own<'_>) -> Value {
        let now = self.now();
        let end = |given: &Option<String>, granted: fn(&Consent) -> Timestamp| {
            given.clone().unwrap_or_else(|| written(consent.map_or(now, granted)))
        };
        let expiry = now.saturating_add(self.timing().hiu_key).unwrap_or(now);
        let key = match wanted.key_form {
            KeyForm::Raw => own.keys.pair.public().to_raw_base64(),
            KeyForm::X509 => own.keys.pair.public().to_x509_base64(),
        };
        let mut body = json!({
            "requestId": "", "timestamp": "", "transactionId": own.transaction,
            "hiRequest": {
                "consent": {"id": wanted.consent_id},
                "dateRange": {"from": end(&wanted.from, |consent| consent.from), "to": end(&wanted.to, |consent| consent.to)},
                "dataPushUrl": own.url,
                "keyMaterial": {
                    "cryptoAlg": "ECDH", "curve": wanted.curve.as_deref().unwrap_or("Curve25519"),
                    "dhPublicKey": {
                        "expiry": wanted.key_expiry.clone().unwrap_or_else(|| written(expiry)),
                        "parameters": "Curve25519/32byte random key",
                        "keyValue": wanted.public_key.clone().unwrap_or(key),
                    },
                    "nonce": wanted.nonce.clone().unwrap_or_else(|| own.keys.nonce.to_base64()),
                },
            },
        });
        if let (Some(id), Some(request)) = (&wanted.hiu_id, body.pointer_mut("/hiRequest")) {
            request["hiu"] = json!({"id": id});
        }
        body
    }

    fn cut_off(&self, id: &str) {
        self.change(|world| {
            if let Some(transfer) = world.transfers.get_mut(id).filter(|t| t.state == TransferState::WaitingForAcknowledgement) {
                transfer.state = TransferState::ConsentNotAcknowledged;
                transfer.error = Some(json!({"code": "ABDM-8877", "message": "HIP did not acknowledge the consent notification"}));
            }
        });
    }

    /// Keeps a request back until the consent is acknowledged or its time is over.
    fn hold(&self, id: &str, consent_id: &str, until: Timestamp) {
        self.change(|world| {
            if let Some(consent) = world.consents.get_mut(consent_id) {
                consent.waiting.push(id.to_owned());
            }
        });
        let wait = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
        let (sandbox, id, waiting) = (self.clone(), id.to_owned(), self.sleep(wait));
        tokio::spawn(async move {
            waiting.await;
            sandbox.cut_off(&id);
        });
    }

    /// A transfer as it stands; with the records' text if `bundles`.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn transfer(&self, id: &str, bundles: bool) -> Result<Transfer, SteerError> {
        let found = self.read(|world| world.transfers.get(id).cloned());
        let mut transfer = found.ok_or_else(|| SteerError::not_found("no such transfer"))?;
        if !bundles {
            transfer.entries.iter_mut().for_each(|entry| entry.bundle = None);
        }
        Ok(transfer)
    }

    /// Waits until a transfer is closed, for at most `wait` of real time; gives it as it stands then.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub async fn closed_transfer(&self, id: &str, wait: Duration) -> Result<Transfer, SteerError> {
        let closed = |world: &crate::world::World| {
            world.transfers.get(id).is_none_or(|t| t.state.is_closed()).then_some(())
        };
        self.await_change(wait, closed).await;
        self.transfer(id, true)
    }
}

impl HiuKeys {
    fn new() -> Result<Self, fidelius::Error> {
        Ok(Self { pair: KeyPair::generate()?, nonce: Nonce::generate()? })
    }
}

/// Sends a request that was held back or is new, and starts its clock.
pub(crate) fn send_request(sandbox: &Sandbox, id: &str) {
    let now = sandbox.now();
    let prepared = sandbox.change(|world| {
        let transfer = world.transfers.get_mut(id)?;
        if transfer.state != TransferState::WaitingForAcknowledgement {
            return None;
        }
        transfer.state = TransferState::Requested;
        transfer.requested_at = Some(now);
        Some((transfer.hip_id.clone(), transfer.request.clone()))
    });
    let Some((hip_id, body)) = prepared else { return };
    sandbox.queue_callback(Callback::new(
        &hip_id,
        REQUEST,
        Subject::Request { transaction_id: id.to_owned() },
        body,
    ));
    let (sandbox, id, waiting) = (sandbox.clone(), id.to_owned(), sandbox.sleep(sandbox.timing().transfer));
    tokio::spawn(async move {
        waiting.await;
        if !sandbox.ended().is_cancelled() {
            overdue(&sandbox, &id);
        }
    });
}

/// Closes a transfer that is not closed. The HIP is to blame only if it had the request for all that time.
fn overdue(sandbox: &Sandbox, id: &str) {
    let now = sandbox.now();
    let limit = SignedDuration::try_from(sandbox.timing().transfer).unwrap_or_default();
    let blamed = sandbox.change(|world| {
        let transfer = world.transfers.get_mut(id).filter(|transfer| !transfer.state.is_closed())?;
        transfer.state = TransferState::Overdue;
        transfer.delivered_at.filter(|delivered| now.duration_since(*delivered) >= limit)
    });
    if blamed.is_some() {
        sandbox.violation(
            "transfer-limit",
            format!("transfer {id} was not closed within the limit"),
            REQUEST,
        );
    }
}
