//! `kadi bench terminology`: a SNOMED CT release of full size is loaded and searched. Its content is made up.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use abdm::clock::{SharedClock, SystemClock};
use anyhow::Context as _;
use clap::Args;
use nrces::terminology::synthetic::write_rf2;
use serde::Serialize;
use store::terminology::{Index, IndexOptions, Search};

use crate::cli::terminology::{load_system, read_snomed};
use crate::cli::{output, runtime};

/// A release of 350,000 concepts must be loaded in so much time and memory.
const LOADED_WITHIN: Duration = Duration::from_mins(2);
const RESIDENT: u64 = 500_000_000;
/// So much may most searches take.
const SEARCHED_WITHIN: Duration = Duration::from_millis(20);
/// How many searches of each kind.
const SEARCHES: usize = 500;

/// Measure how long loading and searching a SNOMED CT release takes, and in how much memory
///
/// The release is made up, with the number of names that a real one has. Exit code 1 if loading took longer than two minutes or
/// 500 MB, or one search in a hundred longer than 20 ms.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bench terminology --size 350000")]
pub struct TerminologyArgs {
    /// How many concepts
    #[arg(long, value_name = "CONCEPTS", default_value_t = 350_000, value_parser = clap::value_parser!(u64).range(100..=5_000_000))]
    size: u64,
    /// What the release is made from: the same number gives the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    concepts: u64,
    load_seconds: f64,
    peak_resident_mb: f64,
    index_mb: f64,
    first_search_ms: f64,
    searches: Vec<Searches>,
    failures: usize,
}

/// Searches of one kind.
#[derive(Debug, Serialize)]
struct Searches {
    kind: &'static str,
    median_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// How many of a hundred had the meant concept first, and among the first ten.
    first: usize,
    in_ten: usize,
}

/// Runs the bench.
pub fn run(args: &TerminologyArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let folder = tempfile::Builder::new().prefix("kadi-terminology-").tempdir()?;
        output::problem(format_args!("· a release of {} concepts is made up", args.size));
        let release = folder.path().join("release");
        write_rf2(&release, args.size, args.seed)?;
        let index = Index::new(IndexOptions {
            folder: Some(folder.path().join("index")),
            builtin: Some(|| nrces::terminology::builtin().collect()),
            abbreviations: nrces::terminology::abbreviations(),
        });
        let start = clock.elapsed();
        let folders: Vec<PathBuf> = vec![release.clone()];
        load_system(&index, "snomed", move |progress| read_snomed(&folders, progress)).await?;
        let load = clock.elapsed().saturating_sub(start);
        let peak = peak_resident().context("this system does not say how much memory a process held")?;
        let size = std::fs::metadata(folder.path().join("index/snomed.db"))?.len();

        let samples = samples(&release, args.size)?;
        let (first, _) = search(&clock, &index, "first").await?;
        let mut searches = Vec::new();
        for (kind, change) in CHANGES {
            output::problem(format_args!("· {} searches: {kind}", samples.len()));
            searches.push(measure(&clock, &index, &samples, (kind, change)).await?);
        }
        report(args, (load, peak, size), first, searches)
    })
}

/// How a name is typed.
type Change = fn(&str) -> String;

const CHANGES: [(&str, Change); 5] = [
    ("whole name", str::to_owned),
    ("beginnings of its words", |name| words(name, |word| take(word, 4))),
    ("one word being typed", |name| take(name.split(' ').next().unwrap_or_default(), 3)),
    ("a letter missing in each word", |name| words(name, mistyped)),
    ("one word more than anything has", |name| format!("{name} zzqqxx")),
];

fn words(name: &str, change: impl Fn(&str) -> String) -> String {
    name.split(' ').map(change).collect::<Vec<_>>().join(" ")
}

fn take(word: &str, letters: usize) -> String {
    word.chars().take(letters).collect()
}

fn mistyped(word: &str) -> String {
    let middle = word.chars().count() / 2;
    word.chars().enumerate().filter(|(place, _)| *place != middle).map(|(_, letter)| letter).collect()
}

/// Names spread over the release, each with its concept.
fn samples(release: &Path, size: u64) -> anyhow::Result<Vec<(String, String)>> {
    let path = release.join("Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20260101.txt");
    let stride = usize::try_from(size)? / SEARCHES + 1;
    let mut seen = 0;
    let mut samples = Vec::new();
    for line in BufReader::new(std::fs::File::open(path)?).lines() {
        let line = line?;
        let row: Vec<&str> = line.split('\t').collect();
        if let [_, _, _, _, concept, _, "900000000000013009", name, ..] = row.as_slice() {
            if seen % stride == 0 {
                samples.push(((*concept).to_owned(), (*name).to_owned()));
            }
            seen += 1;
        }
    }
    samples.truncate(SEARCHES);
    Ok(samples)
}

async fn search(clock: &SharedClock, index: &Index, text: &str) -> anyhow::Result<(Duration, Vec<String>)> {
    let start = clock.elapsed();
    let found = index.search(Search { text, system: None, limit: 10 }).await?;
    let time = clock.elapsed().saturating_sub(start);
    Ok((time, found.into_iter().map(|found| found.code).collect()))
}

async fn measure(
    clock: &SharedClock,
    index: &Index,
    samples: &[(String, String)],
    (kind, change): (&'static str, Change),
) -> anyhow::Result<Searches> {
    let (mut times, mut first, mut in_ten) = (Vec::new(), 0, 0);
    for (concept, name) in samples {
        let (time, found) = search(clock, index, &change(name)).await?;
        times.push(time);
        first += usize::from(found.first() == Some(concept));
        in_ten += usize::from(found.contains(concept));
    }
    times.sort_unstable();
    let count = samples.len().max(1);
    Ok(Searches {
        kind,
        median_ms: ms(times.get(count / 2)),
        p99_ms: ms(times.get(count * 99 / 100)),
        max_ms: ms(times.last()),
        first: first * 100 / count,
        in_ten: in_ten * 100 / count,
    })
}

fn ms(time: Option<&Duration>) -> f64 {
    time.map_or(0.0, Duration::as_secs_f64) * 1000.0
}

/// The most that this process has held, in bytes.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

fn report(
    args: &TerminologyArgs,
    (load, peak, size): (Duration, u64, u64),
    first: Duration,
    searches: Vec<Searches>,
) -> anyhow::Result<ExitCode> {
    #[expect(clippy::cast_precision_loss, reason = "megabytes with a decimal")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let too_slow = searches.iter().filter(|kind| kind.p99_ms > ms(Some(&SEARCHED_WITHIN))).count();
    let figures = Figures {
        bench: "terminology",
        concepts: args.size,
        load_seconds: load.as_secs_f64(),
        peak_resident_mb: megabytes(peak),
        index_mb: megabytes(size),
        first_search_ms: ms(Some(&first)),
        failures: usize::from(load > LOADED_WITHIN) + usize::from(peak > RESIDENT) + too_slow,
        searches,
    };
    output::result(serde_json::to_string(&figures)?);
    output::problem(format_args!(
        "Loaded in     {:.1} s, at most {} s allowed\nPeak memory   {:.0} MB, at most {} MB allowed\nIndex file    {:.0} MB\n\
         First search  {:.1} ms (opens the index, and indexes the built-in codes)",
        figures.load_seconds,
        LOADED_WITHIN.as_secs(),
        figures.peak_resident_mb,
        RESIDENT / 1_000_000,
        figures.index_mb,
        figures.first_search_ms
    ));
    for kind in &figures.searches {
        output::problem(format_args!(
            "{:<33} median {:.1} ms, 99 of 100 within {:.1} ms, longest {:.1} ms; first {} %, in ten {} %",
            kind.kind, kind.median_ms, kind.p99_ms, kind.max_ms, kind.first, kind.in_ten
        ));
    }
    Ok(if figures.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
