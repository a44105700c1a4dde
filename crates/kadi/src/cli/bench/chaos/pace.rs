//! How fast time goes in the run, and how much goes wrong.
//!
//! ABDM's windows are a fortieth of what they are, and the bridge is configured to match; the rules of a day stay those of
//! a day, so an address gets three token requests in the whole run.

use std::time::Duration;

use ::sandbox::{CallFault, CallbackFault, Fault, Plan, PushFault, SandboxConfig, Timing};

/// How many times shorter ABDM's windows are.
const SCALE: f64 = 40.0;
/// Of calls, of callbacks and of pushes, this part is spoilt.
const SPOILT: f64 = 0.3;
/// How long a call hangs that is never answered: longer than the bridge waits.
const HANG: Duration = Duration::from_secs(3);
/// How late a slow answer is: not too late.
const SLOW: Duration = Duration::from_millis(500);

/// What the bridge's configuration adds. The windows are ABDM's of [`sandbox`], with the same margin as by default.
pub const BRIDGE: &str = r#"timeout = "2s"
token_window = "10500ms"
callback_overdue = "12s"
[retry]
first = "100ms"
max = "2s"
[transfer]
push_timeout = "2s"
deadline = "110s"
"#;

/// What a killed bridge had begun belongs to it for so long.
pub const LEASE: &str = "3s";

/// The local ABDM.
pub fn sandbox(seed: u64) -> SandboxConfig {
    let usual = Timing::default();
    let timing = Timing {
        // A bridge that is killed all the time needs these in full.
        consent_acknowledgement: usual.consent_acknowledgement,
        transfer: Duration::from_mins(2),
        // The rules of a day hold for the run.
        day: usual.day,
        block: usual.block,
        // Refused callbacks and unacknowledged consents come again until they are taken.
        refused_repeat: Duration::from_secs(5),
        refused_repeats: 100,
        redeliver: Duration::from_secs(3),
        redeliveries: 100,
        notify_after_link: Duration::from_secs(2),
        ..usual.scaled(SCALE)
    };
    SandboxConfig {
        seed_people: false,
        timing,
        seed,
        journal_entries: 5_000,
        journal_body: 2 * 1024,
        // Records are compared by SHA-256.
        kept_records: 0,
        ..SandboxConfig::default()
    }
}

/// What goes wrong.
pub fn faults(seed: u64) -> Plan {
    Plan {
        seed: Some(seed),
        calls: spread(calls()),
        callbacks: spread(callbacks()),
        push: spread(pushes()),
        clock_skew: None,
    }
}

/// Faults are drawn one after the other: this share for each makes [`SPOILT`] together.
fn spread<K>(faults: Vec<Fault<K>>) -> Vec<Fault<K>> {
    let kinds = u32::try_from(faults.len()).unwrap_or(1);
    let share = 1.0 - (1.0 - SPOILT).powf(1.0 / f64::from(kinds));
    faults.into_iter().map(|fault| fault.share(share)).collect()
}

fn calls() -> Vec<Fault<CallFault>> {
    use CallFault::{
        BadGateway, Broken, Close, Slow, Suspended, Timeout, TooMany, Unauthorized, Unavailable, Unclassified,
    };
    let before =
        [Unauthorized, TooMany, Broken, BadGateway, Unavailable, Suspended, Unclassified, Timeout, Close];
    let after = [Broken, BadGateway, Timeout, Close, Slow];
    let wait = |fault: CallFault| if fault == Slow { SLOW } else { HANG };
    let before = before.into_iter().map(|fault| Fault::always(fault).by(wait(fault)));
    before.chain(after.into_iter().map(|fault| Fault::always(fault).by(wait(fault)).after())).collect()
}

fn callbacks() -> Vec<Fault<CallbackFault>> {
    use CallbackFault::{Duplicate, Early, Late, Lost, Redeliver, Reorder};
    let all = [Late, Duplicate, Redeliver, Lost, Reorder, Early];
    all.into_iter().map(|fault| Fault::always(fault).by(HANG)).collect()
}

fn pushes() -> Vec<Fault<PushFault>> {
    use PushFault::{Broken, Close, Timeout, TooMany, Unauthorized};
    let all = [Broken, TooMany, Unauthorized, Timeout, Close];
    all.into_iter().map(|fault| Fault::always(fault).by(HANG)).collect()
}
