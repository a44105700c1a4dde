//! Faults on request, drawn from a seed: what goes wrong on calls, callbacks and pushes.

use std::time::Duration;

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long an unanswered call or push hangs if the plan does not say.
const HANG: Duration = Duration::from_mins(1);

/// What shall go wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Seed of the draws; the one of before goes on if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// On calls to the gateway.
    #[serde(default)]
    pub calls: Vec<Fault<CallFault>>,
    /// On callbacks to bridges.
    #[serde(default)]
    pub callbacks: Vec<Fault<CallbackFault>>,
    /// On records pushed to the HIU.
    #[serde(default)]
    pub push: Vec<Fault<PushFault>>,
    /// How far the gateway's clock is ahead (negative: behind), as text: `-10m`.
    #[serde(
        default,
        serialize_with = "jiff::fmt::serde::duration::friendly::compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub clock_skew: Option<SignedDuration>,
}

/// One fault and where it strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault<K> {
    /// End of the path; `*` or absent for all.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Probability, 1 if absent.
    #[serde(default = "always")]
    pub share: f64,
    /// Uses left; without end if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: K,
    /// Whether a call takes effect all the same.
    #[serde(default)]
    pub when: When,
    /// How long, for faults that take time: `5s`.
    #[serde(
        default,
        serialize_with = "jiff::fmt::serde::duration::friendly::compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub by: Option<SignedDuration>,
    /// Where a redirect leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

fn always() -> f64 {
    1.0
}

impl<K> Fault<K> {
    /// A fault that always strikes, everywhere.
    pub fn always(fault: K) -> Self {
        Self { path: None, share: 1.0, times: None, fault, when: When::Before, by: None, to: None }
    }

    /// Only where the path ends so.
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// After the effect instead of before it.
    #[must_use]
    pub fn after(mut self) -> Self {
        self.when = When::After;
        self
    }

    /// With this probability.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// For so long.
    #[must_use]
    pub fn by(mut self, by: Duration) -> Self {
        self.by = SignedDuration::try_from(by).ok();
        self
    }

    pub(crate) fn wait(&self) -> Duration {
        self.by.and_then(|by| Duration::try_from(by).ok()).unwrap_or(HANG)
    }

    fn fits(&self, path: &str) -> bool {
        self.times != Some(0) && self.path.as_deref().is_none_or(|end| end == "*" || path.ends_with(end))
    }
}

/// When a fault on a call strikes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing takes effect.
    #[default]
    Before,
    /// It took effect, and the caller cannot know.
    After,
}

/// What can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum CallFault {
    /// 401 with 900901.
    #[serde(rename = "401")]
    Unauthorized,
    /// 429 with ABDM-1022.
    #[serde(rename = "429")]
    TooMany,
    /// 500 as the framework says it.
    #[serde(rename = "500")]
    Broken,
    /// 502 in HTML.
    #[serde(rename = "502")]
    BadGateway,
    /// 503 with ABDM-1024.
    #[serde(rename = "503")]
    Unavailable,
    /// 500 of the API manager's breaker.
    #[serde(rename = "303001")]
    Suspended,
    /// 500 of the API manager: unclassified authentication failure.
    #[serde(rename = "900900")]
    Unclassified,
    /// No answer, and then the connection is closed.
    #[serde(rename = "timeout")]
    Timeout,
    /// The connection is closed at once.
    #[serde(rename = "close")]
    Close,
    /// The right answer, late.
    #[serde(rename = "slow")]
    Slow,
    /// The address of a token request is blocked for 24 hours.
    #[serde(rename = "blocked")]
    Blocked,
    /// 400 without a body.
    #[serde(rename = "empty400")]
    Empty400,
}

impl CallFault {
    /// Whether the caller sees something else than the gateway's answer.
    pub(crate) fn replaces_the_answer(self) -> bool {
        !matches!(self, Self::Blocked | Self::Slow)
    }
}

/// What can go wrong with a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CallbackFault {
    /// Later.
    Late,
    /// Twice, with the same `REQUEST-ID`.
    Duplicate,
    /// Twice, with a fresh `REQUEST-ID`.
    Redeliver,
    /// Never.
    Lost,
    /// Later by a random time.
    Reorder,
    /// Before its call is answered.
    Early,
}

/// What can go wrong at the HIU's end of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum PushFault {
    /// 400.
    #[serde(rename = "400")]
    Bad,
    /// 401.
    #[serde(rename = "401")]
    Unauthorized,
    /// 429.
    #[serde(rename = "429")]
    TooMany,
    /// 500.
    #[serde(rename = "500")]
    Broken,
    /// Accepted, but late.
    #[serde(rename = "slow")]
    Slow,
    /// No answer, and then the connection is closed.
    #[serde(rename = "timeout")]
    Timeout,
    /// The connection is closed at once.
    #[serde(rename = "close")]
    Close,
    /// 307 to another address.
    #[serde(rename = "redirect")]
    Redirect,
}

/// A plan in use.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: Plan,
    random: StdRng,
}

impl Faults {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { random: StdRng::seed_from_u64(plan.seed.unwrap_or(0)), plan }
    }

    /// Puts another plan in place.
    pub(crate) fn set(&mut self, plan: Plan) {
        if let Some(seed) = plan.seed {
            self.random = StdRng::seed_from_u64(seed);
        }
        self.plan = plan;
    }

    /// The plan, with the uses that are left.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn skew(&self) -> SignedDuration {
        self.plan.clock_skew.unwrap_or_default()
    }

    pub(crate) fn call(&mut self, path: &str) -> Option<Fault<CallFault>> {
        draw(&mut self.plan.calls, path, &mut self.random)
    }

    pub(crate) fn callback(&mut self, path: &str) -> Option<Fault<CallbackFault>> {
        draw(&mut self.plan.callbacks, path, &mut self.random)
    }

    pub(crate) fn push(&mut self, path: &str) -> Option<Fault<PushFault>> {
        draw(&mut self.plan.push, path, &mut self.random)
    }

    /// A random part of `whole`.
    pub(crate) fn part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.random.random_range(0.0..=1.0))
    }
}

fn draw<K: Clone>(faults: &mut [Fault<K>], path: &str, random: &mut StdRng) -> Option<Fault<K>> {
    for fault in faults.iter_mut().filter(|fault| fault.fits(path)) {
        if random.random_bool(fault.share.clamp(0.0, 1.0)) {
            if let Some(times) = fault.times.as_mut() {
                *times -= 1;
            }
            return Some(fault.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        serde_json::from_str(
            r#"{"seed":7,"calls":[{"match":"link/carecontext","share":0.5,"fault":"429"},{"fault":"500","times":1}],
                "callbacks":[{"fault":"late","by":"5s"}],"clockSkew":"-10m"}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let draws = || {
            let mut faults = Faults::new(plan());
            (0..50)
                .map(|_| faults.call("/hip/v3/link/carecontext").map(|fault| fault.fault))
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(), draws());
        assert!(draws().contains(&Some(CallFault::TooMany)) && draws().contains(&None));
    }

    #[test]
    fn a_fault_strikes_only_where_it_fits_and_so_often_as_it_says() {
        let mut faults = Faults::new(plan());
        assert_eq!(faults.call("/sessions").map(|fault| fault.fault), Some(CallFault::Broken));
        assert!(faults.call("/sessions").is_none());
    }

    #[test]
    fn durations_are_read_and_written_as_text() {
        assert_eq!(plan().clock_skew, Some(SignedDuration::from_mins(-10)));
        assert_eq!(plan().callbacks[0].wait(), Duration::from_secs(5));
        assert_eq!(serde_json::to_value(plan()).unwrap()["callbacks"][0]["by"], "5s");
    }
}
