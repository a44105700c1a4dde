//! `kadi bench backfill`: years of visits are linked with a local ABDM that takes so many calls a second and no more,
//! blocks some patients for a day, and loses some callbacks.
//!
//! The bridge runs in this process on a store of its own, on a clock that leaps ahead when nothing is left to do but wait:
//! a window of seven minutes and a block of a day are kept in full and take no time. The local ABDM's ledger and its list
//! of broken rules are the judges.

mod hospital;
mod leap;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::sandbox::{CallFault, CallbackFault, EffectKind, Fault, Handle, Plan, Sandbox, SandboxConfig};
use abdm::clock::{Clock as _, SharedClock};
use anyhow::Context as _;
use clap::Args;
use domain::facility::Facility;
use jiff::Timestamp;
use serde::Serialize;
use store::{BackfillProgress, Store, Wanted};
use tempfile::TempDir;

use self::leap::LeapClock;
use crate::backfill::list;
use crate::backfill::report;
use crate::bridge::{Running, start};
use crate::cli::{output, runtime};
use crate::config::Config;

use super::cast;
use super::serving::{self, Settings};

const TOKEN: &str = "/generate-token";
const ON_TOKEN: &str = "/on-generate-token";
const ON_LINK: &str = "/on_carecontext";

/// How often to look how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// When nothing has changed for so long, the clock leaps.
const STILL: Duration = Duration::from_millis(1500);
/// A leap if nothing says how far: past an overdue callback it takes some of these.
const STEP: Duration = Duration::from_mins(2);
/// When nothing has changed for so much of the leaping clock's time, it has failed.
const STUCK: Duration = Duration::from_hours(72);
const DRAIN: Duration = Duration::from_secs(10);

/// Measure how long linking years of visits takes, and that ABDM's limits hold meanwhile
///
/// Exit code 1 if a visit was not linked, or ABDM's quota of link tokens or another of its rules was broken.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bench backfill --size 100000 --quota 400")]
pub struct BackfillArgs {
    /// How many visits
    #[arg(long, value_name = "VISITS", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    size: u32,
    /// Calls a second that ABDM takes; one more is answered 429
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    quota: u32,
    /// Patients whom ABDM blocks for a day when a link token is first asked for, all over the run
    #[arg(long, value_name = "N", default_value_t = 50)]
    blocks: u32,
    /// Seed of visits and faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The store: `sqlite`, in a temporary folder, or postgres://... of an empty database
    #[arg(long, value_name = "URL", default_value = "sqlite")]
    store: String,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    visits: u64,
    patients: usize,
    linked: u64,
    linked_at_abdm: usize,
    seconds: f64,
    visits_a_second: f64,
    clock_leapt_hours: f64,
    token_requests: u64,
    link_calls: u64,
    too_many_answers: u64,
    blocked_patients: u64,
    lost_callbacks: u64,
    most_tokens_of_a_patient: u32,
    rules_broken: u64,
    failures: usize,
}

/// Runs the bench.
pub fn run(args: &BackfillArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let clock = LeapClock::new();
        let stage = Stage::set(args, &clock).await?;
        output::problem(format_args!(
            "· {} visits of {} patients are stored",
            args.size,
            stage.patients.len()
        ));
        let facility = cast::facility()?;
        hospital::fill(stage.store(), &facility, &stage.patients).await?;
        output::problem(format_args!("· they are linked; ABDM takes {} calls a second", args.quota));
        let begun = clock.real();
        list(stage.store(), &facility.id, Wanted::default()).await?;
        let end = stage.follow(&facility, &clock).await?;
        let took = clock.real().saturating_sub(begun);
        let code = stage.report(args, &facility, (end, took, clock.ahead())).await?;
        stage.strike().await;
        Ok(code)
    })
}

/// Everything that runs.
struct Stage {
    abdm: Handle,
    bridge: Running,
    patients: Vec<u32>,
    blocks: u32,
    lost: u32,
    _folder: TempDir,
}

impl Stage {
    async fn set(args: &BackfillArgs, clock: &LeapClock) -> anyhow::Result<Self> {
        let shared: SharedClock = Arc::new(clock.clone());
        let settings = SandboxConfig {
            seed_people: false,
            calls_a_second: Some(args.quota),
            seed: args.seed,
            journal_entries: 1000,
            journal_body: 1024,
            ..SandboxConfig::default()
        };
        let abdm = Sandbox::start(settings, Arc::clone(&shared)).await?;
        let folder = tempfile::Builder::new().prefix("kadi-backfill-").tempdir()?;
        let own = format!("sqlite://{}/kadi.db", folder.path().display());
        let store = if args.store == "sqlite" { &own } else { &args.store };
        let more = "[server]\npublic = \"127.0.0.1:0\"\nprivate = \"127.0.0.1:0\"\n";
        let settings = Settings { store, lease: "30s", abdm: abdm.base_url(), more };
        let config = serving::configure(folder.path(), settings)?;
        let bridge = start(&Config::load_with(Some(&config), [])?, shared).await?;
        abdm.state().set_bridge_url("SBX_000000", &format!("http://{}", bridge.public));

        let patients = hospital::visits_of_patients(args.size, args.seed);
        abdm.state()
            .put_people((0..patients.len()).map(|number| cast::person(&hospital::address(number), None)));
        let count = u32::try_from(patients.len())?;
        // Spread over the first half of the run, so that there is time for each to happen.
        let share = |times: u32| (2.0 * f64::from(times) / f64::from(count)).min(1.0);
        let (blocks, lost) = (args.blocks.min(count / 4), (count / 1000).max(1));
        abdm.state().set_faults(Plan {
            seed: Some(args.seed),
            calls: vec![Fault::always(CallFault::Blocked).on(TOKEN).share(share(blocks)).times(blocks)],
            callbacks: vec![
                Fault::always(CallbackFault::Lost).on(ON_TOKEN).share(share(lost)).times(lost),
                Fault::always(CallbackFault::Lost).on(ON_LINK).share(share(lost)).times(lost),
            ],
            ..Plan::default()
        });
        Ok(Self { abdm, bridge, patients, blocks, lost: 2 * lost, _folder: folder })
    }

    fn store(&self) -> &Store {
        &self.bridge.bridge.store
    }

    /// Until all is done; leaps over what is only waiting.
    async fn follow(&self, facility: &Facility, clock: &LeapClock) -> anyhow::Result<BackfillProgress> {
        let mut last = (clock.real(), clock.elapsed(), BackfillProgress::default());
        let mut told = 0;
        loop {
            let mut tx = self.store().read().await?;
            let progress = tx.backfill_progress(&facility.id, Timestamp::MAX).await?;
            let next = tx.next_backfill_due(&facility.id).await?;
            drop(tx);
            let done = progress.linked + progress.failed;
            if done >= progress.visits && progress.patients == 0 {
                return Ok(progress);
            }
            if done * 10 / progress.visits.max(1) > told {
                told = done * 10 / progress.visits.max(1);
                output::problem(format_args!(
                    "  {done} of {} after {} s",
                    progress.visits,
                    clock.real().as_secs()
                ));
            }
            if progress != last.2 {
                last = (clock.real(), clock.elapsed(), progress);
            } else if clock.elapsed().saturating_sub(last.1) > STUCK {
                output::problem("nothing has moved for three days of the bench's clock");
                return Ok(progress);
            } else if clock.real().saturating_sub(last.0) > STILL {
                clock.leap(leap_to(next, clock.now()));
                last.0 = clock.real();
            }
            clock.rest(LOOK).await;
        }
    }

    async fn report(
        &self,
        args: &BackfillArgs,
        facility: &Facility,
        (end, took, leapt): (BackfillProgress, Duration, Duration),
    ) -> anyhow::Result<ExitCode> {
        let abdm = self.abdm.state();
        let counts = abdm.figures();
        let answers = |path: &str, status: Option<&str>| -> u64 {
            let calls = counts.exchanges.iter().filter(|(name, _)| name.ends_with(path));
            calls
                .flat_map(|(_, answers)| answers)
                .filter(|(own, _)| status.is_none_or(|status| own.as_str() == status))
                .map(|(_, count)| count)
                .sum()
        };
        let tokens = abdm.effects(Some(EffectKind::TokenRequest), None);
        let most = tokens.iter().map(|effect| effect.accepted).max().unwrap_or_default();
        let summary = report::write(self.store(), &facility.id, None, None).await?;
        for (cause, left) in &summary.causes {
            output::problem(format_args!(
                "  not linked: {cause}: {} visits; {}",
                left.visits, left.explanation
            ));
        }
        for violation in abdm.violations().iter().take(20) {
            output::problem(format_args!(
                "  rule broken: {} {} {}",
                violation.rule, violation.path, violation.detail
            ));
        }
        let promises = [
            end.linked == u64::from(args.size),
            counts.linked == usize::try_from(args.size)?,
            summary.causes.is_empty(),
            most <= 3,
            counts.violations == 0,
        ];
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = end.linked as f64 / took.as_secs_f64();
        let figures = Figures {
            bench: "backfill",
            visits: end.visits,
            patients: self.patients.len(),
            linked: end.linked,
            linked_at_abdm: counts.linked,
            seconds: took.as_secs_f64(),
            visits_a_second: rate,
            clock_leapt_hours: leapt.as_secs_f64() / 3600.0,
            token_requests: answers(TOKEN, Some("202")),
            link_calls: answers("/hip/v3/link/carecontext", Some("202")),
            too_many_answers: answers("", Some("429")),
            blocked_patients: self.blocks.into(),
            lost_callbacks: self.lost.into(),
            most_tokens_of_a_patient: most,
            rules_broken: counts.violations,
            failures: promises.iter().filter(|kept| !**kept).count(),
        };
        output::result(serde_json::to_string(&figures).context("the figures can't be written")?);
        output::problem(format_args!(
            "Linked        {} of {} visits in {:.0} s ({rate:.0} a second), the clock leapt {:.0} hours over waits\n\
             Calls         {} link tokens, {} links, {} answered 429\n\
             Of a patient  at most {most} link tokens in a day, 3 allowed\n\
             Rules broken  {}",
            figures.linked,
            figures.visits,
            figures.seconds,
            figures.clock_leapt_hours,
            figures.token_requests,
            figures.link_calls,
            figures.too_many_answers,
            figures.rules_broken
        ));
        Ok(if figures.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn strike(self) {
        self.bridge.stop(DRAIN).await;
        self.abdm.shutdown().await;
    }
}

/// To when something is due, but not over what nobody has said when it comes.
fn leap_to(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
    wait.map_or(STEP, |wait| wait.max(Duration::from_secs(1)))
}
