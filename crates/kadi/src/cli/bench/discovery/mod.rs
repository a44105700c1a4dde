//! `kadi bench discovery`: how long it takes to find who asks among the patients of one facility.

mod people;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{SharedClock, SystemClock};
use abdm::id::FacilityId;
use anyhow::{Context as _, ensure};
use clap::Args;
use domain::discovery::{Found, Settings, decide};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use store::{Options, Store, random_key};
use tokio::task::JoinSet;

use crate::cli::{output, runtime};
use people::{Kind, SHARING};

/// 99 of 100 must be found in so much time.
const WITHIN: Duration = Duration::from_millis(5);
/// How much longer it may take than among [`FEW`].
const GROWTH: f64 = 1.5;
const FEW: u32 = 10_000;
/// Patients stored in one transaction, and transactions at a time.
const BATCH: u32 = 2000;
const WRITERS: usize = 4;
/// Of a hundred who ask, how many are known by what.
const MIX: [(Kind, u32); 5] =
    [(Kind::Address, 30), (Kind::Number, 10), (Kind::Family, 45), (Kind::Shared, 5), (Kind::Nobody, 10)];

/// Measure how long it takes to find who asks among the patients of one facility
///
/// What is timed is the matching itself: look-up, unsealing, decision. Patients are made up; it is measured among 10,000 of
/// them first and then among all. Exit code 1 if one in a hundred took longer than 5 ms, or 1.5 times as long as among 10,000,
/// or anybody was not found or taken for somebody else.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi bench discovery --size 1000000\n  kadi bench discovery --size 1000000 --store postgres://postgres@127.0.0.1/empty"
)]
pub struct DiscoveryArgs {
    /// How many patients the facility has
    #[arg(long, value_name = "PATIENTS", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..=50_000_000))]
    size: u32,
    /// How many ask
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    requests: u32,
    /// Who asks: the same number gives the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// `sqlite`, in a temporary folder, or the URL of an empty PostgreSQL database
    #[arg(long, value_name = "URL", default_value = "sqlite")]
    store: String,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    store: &'static str,
    fill_seconds: f64,
    runs: Vec<Run>,
    /// p99 among all by p99 among few.
    growth: Option<f64>,
    failures: usize,
}

/// Requests among so many patients.
#[derive(Debug, Serialize)]
struct Run {
    patients: u32,
    requests: u32,
    wrong: usize,
    all: Times,
    kinds: Vec<(&'static str, Times)>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Times {
    requests: usize,
    median_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Runs the bench.
pub fn run(args: &DiscoveryArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let folder = tempfile::Builder::new().prefix("kadi-discovery-").tempdir()?;
        let on_sqlite = args.store == "sqlite";
        let url = if on_sqlite {
            format!("sqlite://{}/kadi.db", folder.path().display())
        } else {
            args.store.clone()
        };
        let options = Options::new(url, random_key()?, Arc::clone(&clock));
        let store = Store::open(options).await.context("--store")?;
        let facility: FacilityId = "IN2810014366".parse()?;
        let bench = Bench { clock, store, facility, writers: if on_sqlite { 1 } else { WRITERS } };
        let (runs, fill_seconds) = bench.measure(args).await?;
        bench.store.close().await;
        report(if on_sqlite { "sqlite" } else { "postgres" }, runs, fill_seconds)
    })
}

struct Bench {
    clock: SharedClock,
    store: Store,
    facility: FacilityId,
    writers: usize,
}

impl Bench {
    async fn measure(&self, args: &DiscoveryArgs) -> anyhow::Result<(Vec<Run>, f64)> {
        let mut runs = Vec::new();
        let mut filled = 0;
        let mut seconds = 0.0;
        for size in [FEW, args.size].into_iter().filter(|size| *size <= args.size) {
            if size == filled {
                continue;
            }
            output::problem(format_args!("· patients {filled} to {size} are stored"));
            let start = self.clock.elapsed();
            self.fill(filled, size).await?;
            seconds += self.clock.elapsed().saturating_sub(start).as_secs_f64();
            filled = size;
            output::problem(format_args!("· {} ask among {size}", args.requests));
            // What a running bridge has in memory already.
            self.ask_all(size, args.requests / 10, args.seed + 1).await?;
            runs.push(self.ask_all(size, args.requests, args.seed).await?);
        }
        Ok((runs, seconds))
    }

    async fn fill(&self, from: u32, to: u32) -> anyhow::Result<()> {
        let mut writing = JoinSet::new();
        for first in (from..to).step_by(usize::try_from(BATCH)?) {
            if writing.len() >= self.writers {
                writing.join_next().await.context("a writer is missing")???;
            }
            let (store, facility) = (self.store.clone(), self.facility.clone());
            writing.spawn(async move {
                let people = (first..to.min(first + BATCH)).map(people::patient);
                let people = people.collect::<anyhow::Result<Vec<_>>>()?;
                let mut tx = store.begin().await?;
                tx.insert_patients(&facility, &people).await?;
                anyhow::Ok(tx.commit().await?)
            });
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
        Ok(())
    }

    async fn ask_all(&self, size: u32, requests: u32, seed: u64) -> anyhow::Result<Run> {
        ensure!(size > SHARING, "too few patients");
        let mut random = StdRng::seed_from_u64(seed);
        let mut times: Vec<(Kind, Duration)> = Vec::new();
        let mut wrong = 0;
        for _ in 0..requests {
            let kind = kind(random.random_range(0..100));
            let (time, right) = self.ask(kind, kind.person(random.random_range(0..size), size)).await?;
            times.push((kind, time));
            wrong += usize::from(!right);
        }
        let of = |kind| times.iter().filter(|(own, _)| *own == kind).map(|(_, time)| *time).collect();
        Ok(Run {
            patients: size,
            requests,
            wrong,
            all: Times::of(times.iter().map(|(_, time)| *time).collect()),
            kinds: Kind::ALL.iter().map(|kind| (kind.as_str(), Times::of(of(*kind)))).collect(),
        })
    }

    /// How long it takes to answer, and whether the answer is right.
    async fn ask(&self, kind: Kind, person: u32) -> anyhow::Result<(Duration, bool)> {
        let asked = people::asks(kind, person)?;
        let wanted = people::patient(person)?.reference;
        let start = self.clock.elapsed();
        let mut tx = self.store.read().await?;
        let candidates = tx.discovery_candidates(&self.facility, &asked).await?;
        let found = decide(&asked, &candidates, Settings::default());
        let time = self.clock.elapsed().saturating_sub(start);
        drop(tx);
        let right = match found {
            Found::One { patient, .. } => kind != Kind::Nobody && patient == wanted,
            Found::None => kind == Kind::Nobody,
            Found::Several => false,
        };
        Ok((time, right))
    }
}

fn kind(hundredth: u32) -> Kind {
    let mut below = 0;
    for (kind, share) in MIX {
        below += share;
        if hundredth < below {
            return kind;
        }
    }
    Kind::Nobody
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let ms = |place: usize| times.get(place).map_or(0.0, Duration::as_secs_f64) * 1000.0;
        let requests = times.len();
        Self {
            requests,
            median_ms: ms(requests / 2),
            p99_ms: ms(requests * 99 / 100),
            max_ms: ms(requests.saturating_sub(1)),
        }
    }
}

fn report(store: &'static str, runs: Vec<Run>, fill_seconds: f64) -> anyhow::Result<ExitCode> {
    let slow = runs.iter().filter(|run| run.all.p99_ms > WITHIN.as_secs_f64() * 1000.0).count();
    let wrong: usize = runs.iter().map(|run| run.wrong).sum();
    let growth = match runs.as_slice() {
        [few, .., many] => Some(many.all.p99_ms / few.all.p99_ms.max(f64::MIN_POSITIVE)),
        _ => None,
    };
    let grown = growth.is_some_and(|growth| growth > GROWTH);
    let figures = Figures {
        bench: "discovery",
        store,
        fill_seconds,
        runs,
        growth,
        failures: slow + wrong + usize::from(grown),
    };
    output::result(serde_json::to_string(&figures)?);
    for run in &figures.runs {
        output::problem(format_args!("\nAmong {} patients, {} answered wrongly", run.patients, run.wrong));
        for (what, times) in run.kinds.iter().copied().chain([("all", run.all)]) {
            output::problem(format_args!(
                "{what:<20} {:>7} asked  median {:6.2} ms  p99 {:6.2} ms  longest {:6.2} ms",
                times.requests, times.median_ms, times.p99_ms, times.max_ms
            ));
        }
    }
    output::problem(format_args!(
        "\nPatients stored in {:.0} s; p99 at most {} ms allowed{}{}",
        figures.fill_seconds,
        WITHIN.as_millis(),
        if slow > 0 { ": TOO SLOW" } else { "" },
        figures.growth.map_or_else(String::new, |growth| format!(
            "; {growth:.2} times that among {FEW}, at most {GROWTH} allowed{}",
            if grown { ": TOO MUCH" } else { "" }
        )),
    ));
    Ok(if figures.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
