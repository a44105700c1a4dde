//! `kadi bench chaos`: real bridge processes under load, killed at random, against an ABDM that fails at random.
//!
//! A hospital puts patients and visits in by the API, patients grant and take back consents, an HIU asks for records.
//! Meanwhile the local ABDM spoils 30 % of calls, callbacks and pushes, and bridge processes get SIGKILL at random
//! moments. Then the faults end, what is under way may finish, and everything is judged: by ABDM's ledger of effects,
//! by the rules that it saw broken, by what its HIU holds, and by the bridge's own store.
//!
//! Seeded are the faults, the kills and the hospital's doings; how they meet each other is up to the machine.

pub(super) mod balancer;
mod fleet;
mod hmis;
mod judge;
mod life;
mod pace;
mod people;
mod report;
mod settle;
mod truth;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::sandbox::{Handle, Plan, Sandbox};
use abdm::clock::{SharedClock, SystemClock};
use anyhow::{Context as _, ensure};
use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::{output, runtime};
use super::serving::{self, Settings};
use fleet::Fleet;
use hmis::Hmis;
use report::Figures;
use truth::Truth;

/// Kill bridge processes at random under load, against a failing ABDM, and judge what is left
///
/// On PostgreSQL the line between a bridge and its database is cut now and then, too.
///
/// ABDM's windows and waits are scaled down so that everything can finish within the run. Exit code 1, and a list, if
/// anything was lost, happened twice, broke a rule of ABDM's, or left without consent.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi bench chaos --seconds 120 --seed 7\n  kadi bench chaos --store postgres://postgres@127.0.0.1/empty --instances 2"
)]
pub struct ChaosArgs {
    /// How long the faults and kills last; settling comes after
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many patients live at a time
    #[arg(long, value_name = "PATIENTS", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    size: u32,
    /// Seed of faults, kills and doings
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// `sqlite`, in a temporary folder, or the URL of an empty PostgreSQL database
    #[arg(long, value_name = "URL", default_value = "sqlite")]
    store: String,
    /// How many bridge processes share the store; more than one needs PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    instances: u32,
}

/// What everyone in the run holds on to.
pub struct World {
    clock: SharedClock,
    abdm: Sandbox,
    hmis: Hmis,
    truth: Mutex<Truth>,
    /// The chaos is over: begin nothing new.
    over: CancellationToken,
}

impl World {
    fn truth<T>(&self, change: impl FnOnce(&mut Truth) -> T) -> T {
        change(&mut self.truth.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stage that is set once: folder, ABDM, configuration.
struct Stage {
    folder: TempDir,
    handle: Handle,
    config: PathBuf,
}

/// Runs the bench.
pub fn run(args: &ChaosArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.instances == 1 || args.store != "sqlite",
        "an SQLite store belongs to one process: for more instances name a PostgreSQL database with --store"
    );
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let stage = Stage::set(args, &clock).await?;
        let (figures, failures) = play(args, &stage, &clock).await?;
        output::result(serde_json::to_string(&figures)?);
        report::show(&figures, &failures);
        let Stage { folder, handle, .. } = stage;
        handle.shutdown().await;
        if failures.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        output::problem(format_args!("The bridges' logs and store are left in {}", folder.keep().display()));
        Ok(ExitCode::FAILURE)
    })
}

impl Stage {
    async fn set(args: &ChaosArgs, clock: &SharedClock) -> anyhow::Result<Self> {
        let handle = Sandbox::start(pace::sandbox(args.seed), clock.clone()).await?;
        let folder = tempfile::Builder::new().prefix("kadi-chaos-").tempdir()?;
        let store = if args.store == "sqlite" {
            format!("sqlite://{}/kadi.db", folder.path().display())
        } else {
            args.store.clone()
        };
        let abdm = handle.base_url();
        let settings = Settings { store: &store, lease: pace::LEASE, abdm, more: pace::BRIDGE };
        let config = serving::configure(folder.path(), settings)?;
        Ok(Self { folder, handle, config })
    }
}

async fn play(
    args: &ChaosArgs,
    stage: &Stage,
    clock: &SharedClock,
) -> anyhow::Result<(Figures, Vec<String>)> {
    let key = admin_key(stage.config.clone()).await.context("--store")?;
    let database = (args.store != "sqlite").then_some(args.store.as_str());
    let fleet = Fleet::new(&stage.config, args.instances, database, clock.clone()).await?;
    let abdm = stage.handle.state().clone();
    abdm.set_bridge_url("SBX_000000", &format!("http://{}", fleet.public.address));
    let world = Arc::new(World {
        clock: clock.clone(),
        hmis: Hmis::new(fleet.private.address, key, clock.clone())?,
        abdm,
        truth: Mutex::default(),
        over: CancellationToken::new(),
    });
    fleet.start_all().await?;
    for facility in people::FACILITIES {
        world.hmis.put_facility(&facility).await?;
    }
    let lives = begin_lives(&world, args);
    world.abdm.set_faults(pace::faults(args.seed));
    report::step(&format!("{} patients live under faults and kills for {} s", args.size, args.seconds));
    fleet.rampage(StdRng::seed_from_u64(args.seed), Duration::from_secs(args.seconds)).await?;
    world.over.cancel();
    world.abdm.set_faults(Plan::default());
    fleet.start_all().await?;
    report::step("no more faults: what is under way may finish");
    let settled = clock.elapsed();
    let mut failures = settle::settle(&world, lives).await?;
    let settle_time = clock.elapsed().saturating_sub(settled);
    fleet.end().await;
    report::step("judging");
    let logs = fleet.logs(stage.folder.path())?;
    let judgement = judge::judge(&world, &stage.config, &logs).await?;
    failures.extend(judgement.failures.iter().cloned());
    let figures = Figures::new(args, &world, &fleet, &judgement, settle_time);
    Ok((figures, failures))
}

fn begin_lives(world: &Arc<World>, args: &ChaosArgs) -> JoinSet<anyhow::Result<()>> {
    let mut lives = JoinSet::new();
    for number in 0..args.size {
        let chance = StdRng::seed_from_u64(args.seed.wrapping_mul(1_000_003).wrapping_add(number.into()));
        lives.spawn(life::live(Arc::clone(world), people::person(number), chance));
    }
    lives
}

async fn admin_key(config: PathBuf) -> anyhow::Result<String> {
    tokio::task::spawn_blocking(move || serving::admin_key(Path::new(&config))).await?
}
