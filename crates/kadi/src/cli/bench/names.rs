//! `kadi bench names`: how well names are compared, at every threshold that could have been chosen, and how fast.

use std::process::ExitCode;

use abdm::clock::{SharedClock, SystemClock};
use anyhow::Context as _;
use clap::Args;
use domain::name::{Name, THRESHOLD};
use serde::Serialize;

use crate::cli::output;

/// The pairs that the tests of the comparison hold it to.
const TABLE: &str = include_str!("../../../../domain/tests/data/names.tsv");
/// So much of what is found must be right, and so much of what is right must be found.
const PRECISION: f64 = 0.98;
const RECALL: f64 = 0.95;
/// From here up in hundredths.
const LOWEST: u32 = 50;
/// How often the table is gone through to time it.
const ROUNDS: u32 = 20;
/// Letters of a name that nobody has.
const LONGEST: usize = 255;

/// Measure how well and how fast two names are compared, by a table of pairs that people have judged
///
/// Prints precision (of the pairs taken for one person, how many are) and recall (of the pairs that are one person's, how many
/// are found) at every threshold, the wrong ones at the one in use, and the time of a comparison. Exit code 1 if precision is
/// below 98 % or recall below 95 %.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bench names")]
pub struct NamesArgs {
    /// Another table: name, name, `same` or `different`, and why, with tabs between
    #[arg(long, value_name = "FILE")]
    table: Option<std::path::PathBuf>,
}

/// A pair, with how alike the two are.
struct Judged<'a> {
    a: &'a str,
    b: &'a str,
    same: bool,
    why: &'a str,
    similarity: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    same: usize,
    different: usize,
    threshold: f64,
    precision: f64,
    recall: f64,
    at: Vec<At>,
    comparison_us: f64,
    longest_us: f64,
    failures: usize,
}

/// What a threshold would do.
#[derive(Debug, Clone, Copy, Serialize)]
struct At {
    threshold: f64,
    found: usize,
    wrongly: usize,
    missed: usize,
    precision: f64,
    recall: f64,
}

/// Runs the bench.
pub fn run(args: &NamesArgs) -> anyhow::Result<ExitCode> {
    let own = args.table.as_ref().map(std::fs::read_to_string).transpose().context("--table")?;
    let table = judge(own.as_deref().unwrap_or(TABLE))?;
    let in_use = at(&table, THRESHOLD);
    let clock = SystemClock::shared();
    let figures = Figures {
        bench: "names",
        same: table.iter().filter(|pair| pair.same).count(),
        different: table.iter().filter(|pair| !pair.same).count(),
        threshold: THRESHOLD,
        precision: in_use.precision,
        recall: in_use.recall,
        at: (LOWEST..=100).step_by(2).map(|hundredths| at(&table, f64::from(hundredths) / 100.0)).collect(),
        comparison_us: time_table(&clock, &table),
        longest_us: time_longest(&clock),
        failures: usize::from(in_use.precision < PRECISION) + usize::from(in_use.recall < RECALL),
    };
    output::result(serde_json::to_string(&figures)?);
    report(&figures, &table);
    Ok(if figures.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn judge(table: &str) -> anyhow::Result<Vec<Judged<'_>>> {
    let lines = table.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let mut columns = line.split('\t');
            let mut column =
                || columns.next().with_context(|| format!("line {}: four columns are needed", number + 1));
            let (a, b, verdict, why) = (column()?, column()?, column()?, column()?);
            let same = match verdict {
                "same" => true,
                "different" => false,
                _ => anyhow::bail!("line {}: the verdict is `same` or `different`", number + 1),
            };
            Ok(Judged { a, b, same, why, similarity: Name::new(a).similarity(&Name::new(b)) })
        })
        .collect()
}

fn at(table: &[Judged<'_>], threshold: f64) -> At {
    let count = |same: bool, found: bool| {
        table.iter().filter(|pair| pair.same == same && (pair.similarity >= threshold) == found).count()
    };
    let (found, wrongly, missed) = (count(true, true), count(false, true), count(true, false));
    At { threshold, found, wrongly, missed, precision: share(found, wrongly), recall: share(found, missed) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a table")]
fn share(right: usize, wrong: usize) -> f64 {
    if right + wrong == 0 { 1.0 } else { right as f64 / (right + wrong) as f64 }
}

/// Microseconds that it takes to read two names and compare them.
fn time_table(clock: &SharedClock, table: &[Judged<'_>]) -> f64 {
    let start = clock.elapsed();
    let mut found = 0_usize;
    for _ in 0..ROUNDS {
        found +=
            table.iter().filter(|pair| Name::new(pair.a).similarity(&Name::new(pair.b)) >= THRESHOLD).count();
    }
    let time = clock.elapsed().saturating_sub(start).as_secs_f64() * 1e6;
    std::hint::black_box(found);
    time / f64::from(ROUNDS) / f64::from(u32::try_from(table.len()).unwrap_or(u32::MAX)).max(1.0)
}

/// Microseconds of the slowest of some odd pairs.
fn time_longest(clock: &SharedClock) -> f64 {
    let texts = [
        "a".repeat(LONGEST),
        "ab ".repeat(LONGEST / 3),
        "kamala ".repeat(LONGEST / 7),
        "క్ష".repeat(LONGEST / 3),
        "abcdefghijklmnopqrstuvwxyzabcdefghijklm ".repeat(6),
    ];
    let pairs = texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b)));
    let times = pairs.map(|(a, b)| {
        let start = clock.elapsed();
        std::hint::black_box(Name::new(a).similarity(&Name::new(b)));
        clock.elapsed().saturating_sub(start).as_secs_f64() * 1e6
    });
    times.fold(0.0, f64::max)
}

fn report(figures: &Figures, table: &[Judged<'_>]) {
    output::problem(format_args!(
        "{} pairs of one person's names, {} of two people's\n\nThreshold  Precision   Recall  Wrongly  Missed",
        figures.same, figures.different
    ));
    for at in &figures.at {
        let mark = if at.threshold.total_cmp(&figures.threshold).is_eq() { "  in use" } else { "" };
        output::problem(format_args!(
            "     {:.2}     {:5.1} %  {:5.1} %  {:7}  {:6}{mark}",
            at.threshold,
            at.precision * 100.0,
            at.recall * 100.0,
            at.wrongly,
            at.missed
        ));
    }
    for pair in table.iter().filter(|pair| pair.same != (pair.similarity >= THRESHOLD)) {
        let what = if pair.same { "missed " } else { "wrongly" };
        output::problem(format_args!(
            "{what}  {} = {} ({:.2}): {}",
            pair.a, pair.b, pair.similarity, pair.why
        ));
    }
    output::problem(format_args!(
        "\nComparison    {:.1} µs with reading both names; the oddest {:.0} µs\nIn use        {:.2}: precision {:.1} %, recall {:.1} %",
        figures.comparison_us,
        figures.longest_us,
        figures.threshold,
        figures.precision * 100.0,
        figures.recall * 100.0
    ));
}
