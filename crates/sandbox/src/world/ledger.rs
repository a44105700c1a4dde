//! The proof: every effect counted by its body ids, and every rule that a client broke.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Violations kept; what comes after is only counted.
const KEPT_VIOLATIONS: usize = 10_000;

/// What kind of thing took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum EffectKind {
    /// A token request: `hipId|address`.
    TokenRequest,
    /// A care context linked with one HI type: `hipId|address|careContext|hiType`.
    Link,
    /// A context notify: `hipId|address|careContext|hiTypes`.
    ContextNotify,
    /// An SMS: `hipId|mobile`.
    Sms,
    /// A discovery answered: `transactionId`.
    OnDiscover,
    /// An init answered: `transactionId`.
    OnInit,
    /// A confirmation answered: `linkRefNumber`.
    OnConfirm,
    /// A consent notification acknowledged: `consentId|status`.
    ConsentAck,
    /// A health information request answered: `transactionId`.
    OnRequest,
    /// A page of records: `transactionId|pageNumber`.
    Page,
    /// A transfer closed: `transactionId`.
    Notify,
    /// A profile share answered: its request id.
    OnShare,
    /// A notice of an ABHA's status acknowledged: the notice's id.
    StatusAck,
}

impl EffectKind {
    const ALL: [Self; 13] = [
        Self::TokenRequest,
        Self::Link,
        Self::ContextNotify,
        Self::Sms,
        Self::OnDiscover,
        Self::OnInit,
        Self::OnConfirm,
        Self::ConsentAck,
        Self::OnRequest,
        Self::Page,
        Self::Notify,
        Self::OnShare,
        Self::StatusAck,
    ];
}

impl std::str::FromStr for EffectKind {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named =
            Self::ALL.into_iter().find(|kind| serde_json::to_value(kind).is_ok_and(|name| name == text));
        named.ok_or_else(|| serde::de::Error::custom(format!("no effect is called {text:?}")))
    }
}

/// How often one thing took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// What kind of thing.
    pub kind: EffectKind,
    /// Its body ids.
    pub key: String,
    /// How often it took effect. More than once is a fault of the client, but for what has no body ids.
    pub accepted: u32,
    /// Repeats that were recognised and dropped.
    pub repeats: u32,
    /// Refused for another reason.
    pub refused: u32,
    /// When it first was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub first: Timestamp,
    /// When it last was.
    #[schema(value_type = String, format = DateTime)]
    pub last: Timestamp,
}

/// A rule that a client broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Counted from 1.
    pub n: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Short name of the rule, or the code that was answered.
    pub rule: String,
    /// What was wrong: places and names.
    pub detail: String,
    /// Path of the call.
    pub path: String,
    /// `REQUEST-ID` of the call.
    pub request_id: Option<String>,
    /// Who called.
    pub client_id: Option<String>,
}

/// How an attempt at an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Repeat,
    Refused,
}

/// Effects and violations.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    effects: BTreeMap<(EffectKind, String), Effect>,
    accepted: BTreeMap<EffectKind, u32>,
    violations: Vec<Violation>,
    count: u64,
}

impl Ledger {
    pub(crate) fn book(
        &mut self,
        kind: EffectKind,
        key: impl Into<String>,
        outcome: Outcome,
        now: Timestamp,
    ) {
        let key = key.into();
        let effect = self.effects.entry((kind, key.clone())).or_insert_with(|| Effect {
            kind,
            key,
            accepted: 0,
            repeats: 0,
            refused: 0,
            first: now,
            last: now,
        });
        effect.last = now;
        match outcome {
            Outcome::Accepted => {
                effect.accepted += 1;
                *self.accepted.entry(kind).or_default() += 1;
            }
            Outcome::Repeat => effect.repeats += 1,
            Outcome::Refused => effect.refused += 1,
        }
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.count += 1;
        tracing::debug!(rule = violation.rule, path = violation.path, "rule broken");
        if self.violations.len() < KEPT_VIOLATIONS {
            self.violations.push(Violation { n: self.count, ..violation });
        }
    }

    /// Effects of a kind (or all) whose key is `key` or begins with `key|`.
    pub(crate) fn effects(&self, kind: Option<EffectKind>, key: Option<&str>) -> Vec<Effect> {
        match kind {
            Some(kind) => self.matching(kind, key).cloned().collect(),
            None => EffectKind::ALL.iter().flat_map(|kind| self.matching(*kind, key)).cloned().collect(),
        }
    }

    fn matching<'a>(&'a self, kind: EffectKind, key: Option<&'a str>) -> impl Iterator<Item = &'a Effect> {
        let from = (kind, key.unwrap_or_default().to_owned());
        let here =
            self.effects.range(from..).take_while(move |((of, _), _)| *of == kind).map(|(_, effect)| effect);
        let begins = here.take_while(move |effect| key.is_none_or(|key| effect.key.starts_with(key)));
        begins.filter(move |effect| {
            let rest = key.and_then(|key| effect.key.strip_prefix(key)).unwrap_or_default();
            rest.is_empty() || rest.starts_with('|') || key.is_none()
        })
    }

    /// How often effects of a kind were accepted, in sum; keys as in [`Ledger::effects`].
    pub(crate) fn accepted(&self, kind: EffectKind, key: Option<&str>) -> u32 {
        match key {
            None => self.accepted.get(&kind).copied().unwrap_or_default(),
            Some(_) => self.matching(kind, key).map(|effect| effect.accepted).sum(),
        }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Violations in all, kept or not.
    pub(crate) fn violation_count(&self) -> u64 {
        self.count
    }
}
