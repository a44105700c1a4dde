//! Link tokens asked for, care contexts linked, notices and SMS sent: what ABDM keeps of hospital-initiated
//! linking.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Rules, Timing};
use crate::judge::patient::Entry;

/// Who linked a care context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum LinkedBy {
    /// The hospital, with a link token.
    Hip,
    /// The patient, with an OTP.
    Patient,
}

/// A care context that is linked to an ABHA address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkedContext {
    /// The HIP's service id.
    pub hip_id: String,
    /// The patient's ABHA address.
    pub abha_address: String,
    /// The HIP's own reference of the patient.
    pub patient_reference: String,
    /// How the HIP shows the patient.
    pub display: String,
    /// The HIP's reference of the care context.
    pub care_context_reference: String,
    /// How the HIP shows it.
    pub care_context_display: String,
    /// Types that it was linked with.
    pub hi_types: BTreeSet<String>,
    /// When it was first linked.
    #[schema(value_type = String, format = DateTime)]
    pub linked_at: Timestamp,
    /// By whom.
    pub by: LinkedBy,
    /// Accepted context notices.
    #[schema(value_type = Vec<String>)]
    pub notified_at: Vec<Timestamp>,
}

/// Token requests of one HIP for one address.
#[derive(Debug, Default)]
struct TokenBook {
    last_accepted: Option<Timestamp>,
    asked: VecDeque<Timestamp>,
}

/// What ABDM does with a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenVerdict {
    Granted,
    /// Inside the window after the last accepted one.
    TooSoon,
    /// The address is blocked; `now` says whether this very request did it.
    Blocked {
        now: bool,
    },
}

/// A notice that was accepted, for telling repeats.
#[derive(Debug, Clone)]
struct Sent {
    at: Timestamp,
    date: String,
    /// Its result has reached the HIP.
    answered: bool,
    succeeded: bool,
}

/// What is known of hospital-initiated linking.
#[derive(Debug, Default)]
pub(crate) struct Links {
    tokens: HashMap<(String, String), TokenBook>,
    blocked: HashMap<String, Timestamp>,
    /// By address in lower case, HIP and reference.
    linked: HashMap<String, BTreeMap<String, BTreeMap<String, LinkedContext>>>,
    /// Care contexts linked in all.
    count: usize,
    sent: HashMap<String, Sent>,
}

impl Links {
    /// Judges a token request of a known HIP for a known address.
    pub(crate) fn ask_token(
        &mut self,
        (hip, address): (&str, &str),
        timing: &Timing,
        rules: &Rules,
        now: Timestamp,
    ) -> TokenVerdict {
        let address = address.to_lowercase();
        let book = self.tokens.entry((hip.to_owned(), address.clone())).or_default();
        let within = |then: Timestamp, window| now.duration_since(then).unsigned_abs() < window;
        book.asked.retain(|then| within(*then, timing.day));
        let too_soon = book.last_accepted.is_some_and(|then| within(then, timing.token_window));
        if too_soon && !rules.count_refused_token_requests {
            return TokenVerdict::TooSoon;
        }
        if self.blocked.get(&address).is_some_and(|until| now < *until) {
            book.last_accepted = Some(now);
            return TokenVerdict::Blocked { now: false };
        }
        book.asked.push_back(now);
        if book.asked.len() > timing.tokens_a_day {
            self.blocked.insert(address, now.saturating_add(timing.block).unwrap_or(now));
            book.last_accepted = Some(now);
            return TokenVerdict::Blocked { now: true };
        }
        if too_soon {
            return TokenVerdict::TooSoon;
        }
        book.last_accepted = Some(now);
        TokenVerdict::Granted
    }

    /// Blocks an address by hand.
    pub(crate) fn block(&mut self, address: &str, until: Timestamp) {
        self.blocked.insert(address.to_lowercase(), until);
    }

    /// Care context and HI type of each pair in `entries` that is not linked yet.
    pub(crate) fn unlinked<'a>(
        &self,
        hip: &str,
        address: &str,
        entries: &'a [Entry],
    ) -> Vec<(&'a str, &'a str)> {
        let linked = self.contexts(hip, address);
        let is_linked = |reference: &str, hi_type: &str| {
            linked
                .and_then(|contexts| contexts.get(reference))
                .is_some_and(|context| context.hi_types.contains(hi_type))
        };
        entries
            .iter()
            .flat_map(|entry| {
                entry.care_contexts.iter().map(|(reference, _)| (reference.as_str(), entry.hi_type.as_str()))
            })
            .filter(|(reference, hi_type)| !is_linked(reference, hi_type))
            .collect()
    }

    /// Links all of `entries`; types add up.
    pub(crate) fn link(
        &mut self,
        (hip, address): (&str, &str),
        entries: &[Entry],
        by: LinkedBy,
        now: Timestamp,
    ) {
        let hips = self.linked.entry(address.to_lowercase()).or_default();
        let contexts = hips.entry(hip.to_owned()).or_default();
        let before = contexts.len();
        for entry in entries {
            for (reference, display) in &entry.care_contexts {
                let context = contexts.entry(reference.clone()).or_insert_with(|| LinkedContext {
                    hip_id: hip.to_owned(),
                    abha_address: address.to_owned(),
                    patient_reference: entry.reference.clone(),
                    display: entry.display.clone(),
                    care_context_reference: reference.clone(),
                    care_context_display: display.clone(),
                    hi_types: BTreeSet::new(),
                    linked_at: now,
                    by,
                    notified_at: Vec::new(),
                });
                context.hi_types.insert(entry.hi_type.clone());
            }
        }
        self.count += contexts.len() - before;
    }

    /// Takes a care context as linked, as it is.
    pub(crate) fn put(&mut self, context: LinkedContext) {
        let hips = self.linked.entry(context.abha_address.to_lowercase()).or_default();
        let contexts = hips.entry(context.hip_id.clone()).or_default();
        let known = contexts.insert(context.care_context_reference.clone(), context).is_some();
        self.count += usize::from(!known);
    }

    /// Everything linked to an address, by HIP and reference.
    pub(crate) fn of(&self, address: &str) -> impl Iterator<Item = &LinkedContext> {
        let hips = self.linked.get(&address.to_lowercase());
        hips.into_iter().flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }

    /// One HIP's linked care contexts of an address.
    pub(crate) fn contexts(&self, hip: &str, address: &str) -> Option<&BTreeMap<String, LinkedContext>> {
        self.linked.get(&address.to_lowercase())?.get(hip)
    }

    /// Care contexts linked in all.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Notes that a notice with this key was accepted. Gives true if it is a second effect: the first one with
    /// this key is still unanswered and inside `window`, or it succeeded and carried the same date.
    pub(crate) fn send(&mut self, key: &str, date: &str, timing: &Timing, now: Timestamp) -> bool {
        let twice = self.sent.get(key).is_some_and(|before| {
            let inside = now.duration_since(before.at).unsigned_abs() < timing.unanswered;
            inside && (!before.answered || (before.succeeded && before.date == date))
        });
        self.sent.insert(key.into(), Sent { at: now, date: date.into(), answered: false, succeeded: false });
        twice
    }

    /// Notes that the result of a notice has been decided or has reached the HIP.
    pub(crate) fn sent_result(&mut self, key: &str, succeeded: bool, answered: bool) {
        if let Some(sent) = self.sent.get_mut(key) {
            sent.succeeded = succeeded;
            sent.answered |= answered;
        }
    }

    /// Adds an accepted context notice to its care context.
    pub(crate) fn noticed(&mut self, hip: &str, address: &str, reference: &str, now: Timestamp) {
        let contexts = self.linked.get_mut(&address.to_lowercase()).and_then(|hips| hips.get_mut(hip));
        if let Some(context) = contexts.and_then(|contexts| contexts.get_mut(reference)) {
            context.notified_at.push(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const WHO: (&str, &str) = ("IN2810014366", "ramesh.k_85@sbx");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn ask(links: &mut Links, seconds: i64) -> TokenVerdict {
        links.ask_token(WHO, &Timing::default(), &Rules::default(), at(seconds))
    }

    #[test]
    fn a_second_token_is_refused_up_to_362_seconds_and_granted_from_374() {
        for (gap, expected) in
            [(1, TokenVerdict::TooSoon), (362, TokenVerdict::TooSoon), (374, TokenVerdict::Granted)]
        {
            let mut links = Links::default();
            assert_eq!(ask(&mut links, 0), TokenVerdict::Granted);
            assert_eq!(ask(&mut links, gap), expected, "after {gap} s");
        }
    }

    #[test]
    fn the_window_counts_from_the_last_accepted_request_not_from_a_refused_one() {
        let mut links = Links::default();
        ask(&mut links, 0);
        assert_eq!(ask(&mut links, 300), TokenVerdict::TooSoon);
        assert_eq!(ask(&mut links, 400), TokenVerdict::Granted);
    }

    #[test]
    fn the_fourth_token_of_a_day_blocks_the_address_for_a_day_and_nobody_else() {
        let mut links = Links::default();
        for n in 0..3 {
            assert_eq!(ask(&mut links, n * 400), TokenVerdict::Granted);
        }
        assert_eq!(ask(&mut links, 1200), TokenVerdict::Blocked { now: true });
        assert_eq!(ask(&mut links, 40_000), TokenVerdict::Blocked { now: false });
        let other = links.ask_token(
            ("IN2810014366", "asha.rao@sbx"),
            &Timing::default(),
            &Rules::default(),
            at(1201),
        );
        assert_eq!(other, TokenVerdict::Granted);
        assert_eq!(
            ask(&mut links, 1200 + 86_400 + 1),
            TokenVerdict::Granted,
            "the block ends after 24 hours"
        );
    }

    #[test]
    fn an_equal_notice_is_a_second_effect_only_while_the_first_may_still_be_answered_or_has_succeeded() {
        let timing = Timing::default();
        let mut links = Links::default();
        assert!(!links.send("k", "d", &timing, at(0)));
        assert!(links.send("k", "d", &timing, at(30)), "the first is unanswered");
        links.sent_result("k", false, true);
        assert!(!links.send("k", "d", &timing, at(60)), "the first was refused");
        links.sent_result("k", true, true);
        assert!(!links.send("k", "other", &timing, at(90)), "another date is another notice");
        links.sent_result("k", true, true);
        assert!(links.send("k", "other", &timing, at(100)));
        assert!(!links.send("k", "other", &Timing { unanswered: Duration::ZERO, ..timing }, at(110)));
    }
}
