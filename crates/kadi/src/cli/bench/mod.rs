//! `kadi bench`: the measurements that are too long or too noisy for tests. Figures go to standard output as one line
//! of JSON, a readable report to standard error.

mod backfill;
mod cast;
mod chaos;
mod discovery;
mod discovery_load;
mod names;
mod serving;
mod start;
mod terminology;
mod transfer;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Common;

/// Measure this build on this machine: what survives chaos, how fast it starts
///
/// Everything runs on this machine against a local ABDM and in a temporary folder. One line of JSON with the figures goes to
/// standard output, a report to standard error. Exit code 1 if a promise was not kept.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:\n  kadi bench chaos --seconds 120\n  kadi bench start --size 1000")]
pub struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    Chaos(chaos::ChaosArgs),
    DiscoveryLoad(discovery_load::DiscoveryLoadArgs),
    Discovery(discovery::DiscoveryArgs),
    Names(names::NamesArgs),
    Start(start::StartArgs),
    Terminology(terminology::TerminologyArgs),
    Transfer(transfer::TransferArgs),
    Backfill(backfill::BackfillArgs),
}

/// Runs the command.
pub fn run(common: &Common, args: BenchArgs) -> anyhow::Result<ExitCode> {
    common.start_log("warn")?;
    match args.bench {
        Bench::Chaos(args) => chaos::run(&args),
        Bench::DiscoveryLoad(args) => discovery_load::run(&args),
        Bench::Discovery(args) => discovery::run(&args),
        Bench::Names(args) => names::run(&args),
        Bench::Start(args) => start::run(&args),
        Bench::Terminology(args) => terminology::run(&args),
        Bench::Transfer(args) => transfer::run(&args),
        Bench::Backfill(args) => backfill::run(&args),
    }
}
