//! What a sandbox is started with. Every window and wait of ABDM is a field of [`Timing`], so that a test or a
//! demonstration can shorten it.

use std::time::Duration;

/// How a sandbox behaves and what it knows at the start.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The address under which others reach this sandbox, if it is not the one it listens on. `dataPushUrl` is
    /// made from it.
    pub public_url: Option<String>,
    /// Value of `X-CM-ID`, consent manager id and suffix of ABHA addresses.
    pub cm_id: String,
    /// `iss` of the tokens it signs.
    pub issuer: String,
    /// Client id of the seeded bridge.
    pub client_id: String,
    /// Client secret of the seeded bridge.
    pub client_secret: String,
    /// Callback URL of the seeded bridge; absent until the bridge registers one.
    pub bridge_url: Option<String>,
    /// Whether the sample people are there at the start.
    pub seed_people: bool,
    /// Windows, limits of time and delays.
    pub timing: Timing,
    /// Choices where the published material leaves one.
    pub rules: Rules,
    /// Seed of all randomness but keys and ids.
    pub seed: u64,
    /// Entries that the journal keeps; older ones go.
    pub journal_entries: usize,
    /// Bytes of one body that the journal keeps.
    pub journal_body: usize,
    /// Bytes of decrypted records kept in all; of later ones only length and SHA-256 stay.
    pub kept_records: usize,
    /// Largest body of a call, and of a pushed page.
    pub body_limit: usize,
    /// Calls of one client that are let through in a second; one more is 429 with ABDM-2429. Without end if absent:
    /// ABDM publishes no number.
    pub calls_a_second: Option<u32>,
    /// Callbacks under way at a time.
    pub parallel_callbacks: usize,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            cm_id: "sbx".into(),
            issuer: "https://dev.abdm.gov.in/auth/realms/central-registry".into(),
            client_id: "SBX_000000".into(),
            client_secret: "00000000-0000-0000-0000-000000000000".into(),
            bridge_url: None,
            seed_people: true,
            timing: Timing::default(),
            rules: Rules::default(),
            seed: 0,
            journal_entries: 20_000,
            journal_body: 16 * 1024,
            kept_records: 256 * 1024 * 1024,
            body_limit: 512 * 1024 * 1024,
            calls_a_second: None,
            parallel_callbacks: 256,
        }
    }
}

/// Choices where the published material is silent or at odds with itself. The defaults are the stricter ones.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each its own rule")]
pub struct Rules {
    /// A refused `generate-token` counts for the three a day as an accepted one does.
    pub count_refused_token_requests: bool,
    /// "Already linked" is said at once (ABDM-9999) rather than on the callback (ABDM-1056). Both were seen.
    pub refuse_relink_at_once: bool,
    /// A pushed page must carry the sender's session token.
    pub push_needs_token: bool,
    /// Linking makes the patient's app pull what was linked, by a self requested consent.
    pub pull_after_link: bool,
    /// `GRANTED` notifications carry `hiu` and `requester`; observed ones do not.
    pub name_hiu_to_hip: bool,
    /// Answer of a wrong session token is 500 with 900900 instead of 401 with 900901. Both were seen.
    pub bad_token_is_900900: bool,
    /// Received records are checked against the NRCeS profiles.
    pub validate_records: bool,
    /// Members that no schema knows are noted as violations. They are never refused.
    pub note_unknown_members: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            count_refused_token_requests: false,
            refuse_relink_at_once: true,
            push_needs_token: true,
            pull_after_link: false,
            name_hiu_to_hip: false,
            bad_token_is_900900: false,
            validate_records: true,
            note_unknown_members: true,
        }
    }
}

/// Windows, limits and delays, as observed or documented at ABDM.
#[derive(Debug, Clone)]
pub struct Timing {
    /// From the arrival of a call to its answer.
    pub answer_delay: Duration,
    /// From the acceptance of a call to its callback.
    pub callback_delay: Duration,
    /// From the making of a callback's token to its first use: up to nine minutes were seen.
    pub token_age: Duration,
    /// Until a refused callback is delivered again, with the same token (963 s and 965 s were seen).
    pub refused_repeat: Duration,
    /// How often a refused callback is delivered again. Unknown at ABDM.
    pub refused_repeats: u32,
    /// Until an unacknowledged consent notification is sent again with a fresh `REQUEST-ID`.
    pub redeliver: Duration,
    /// How often it is. Unknown at ABDM.
    pub redeliveries: u32,
    /// After an accepted `generate-token`, another for the same HIP and address is refused (refused up to 362 s,
    /// accepted from 374 s).
    pub token_window: Duration,
    /// Token requests of an address in `day`; one more blocks it.
    pub tokens_a_day: usize,
    /// The span of `tokens_a_day`.
    pub day: Duration,
    /// Life of that block.
    pub block: Duration,
    /// A context notify sooner than this after the link is refused on the callback (refused at 0.6 s, accepted at
    /// 5 s).
    pub notify_after_link: Duration,
    /// How long an equal context notify or SMS, whose first one was not answered, counts as a second effect.
    pub unanswered: Duration,
    /// How long an HIP may take to acknowledge a consent notification before it is cut off from data requests.
    pub consent_acknowledgement: Duration,
    /// From a health information request to push and notify.
    pub transfer: Duration,
    /// Life of a discovery's transaction. Unknown at ABDM.
    pub discovery: Duration,
    /// How long the patient's app waits for a queue token.
    pub share: Duration,
    /// Life of a session token. Not scaled.
    pub session: Duration,
    /// Life of a link token. Not scaled.
    pub link_token: Duration,
    /// Allowed distance of `TIMESTAMP` from the gateway's clock. Unknown at ABDM. Not scaled.
    pub skew: Duration,
    /// How long a callback's receiver may take to answer, in real time. Not scaled.
    pub callback_timeout: Duration,
    /// Life of the HIU's key in a data request. Not scaled.
    pub hiu_key: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        let seconds = Duration::from_secs;
        Self {
            answer_delay: Duration::ZERO,
            callback_delay: Duration::ZERO,
            token_age: seconds(9 * MINUTE),
            refused_repeat: seconds(964),
            refused_repeats: 3,
            redeliver: seconds(2 * MINUTE),
            redeliveries: 5,
            token_window: seconds(373),
            tokens_a_day: 3,
            day: seconds(DAY),
            block: seconds(DAY),
            notify_after_link: seconds(5),
            unanswered: seconds(10 * MINUTE),
            consent_acknowledgement: seconds(MINUTE),
            transfer: seconds(20 * MINUTE),
            discovery: seconds(10 * MINUTE),
            share: seconds(30),
            session: seconds(1200),
            link_token: seconds(15_768_000),
            skew: seconds(5 * MINUTE),
            callback_timeout: seconds(30),
            hiu_key: seconds(DAY),
        }
    }
}

impl Timing {
    /// Every window and delay of ABDM's divided by `factor`; lives of tokens and keys, allowed skew and the
    /// time-out of callbacks stay.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale =
            |whole: Duration| Duration::try_from_secs_f64(whole.as_secs_f64() / factor).unwrap_or(whole);
        Self {
            answer_delay: scale(self.answer_delay),
            callback_delay: scale(self.callback_delay),
            refused_repeat: scale(self.refused_repeat),
            redeliver: scale(self.redeliver),
            token_window: scale(self.token_window),
            day: scale(self.day),
            block: scale(self.block),
            notify_after_link: scale(self.notify_after_link),
            unanswered: scale(self.unanswered),
            consent_acknowledgement: scale(self.consent_acknowledgement),
            transfer: scale(self.transfer),
            discovery: scale(self.discovery),
            share: scale(self.share),
            ..self
        }
    }
}
