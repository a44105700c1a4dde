//! `kadi link`: linking that people start, beside what happens by itself.

mod backfill;
mod progress;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Common;

/// Link what is not linked yet
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi link backfill --facility IN2810014366 --since 2020-01-01 --report left.csv"
)]
pub struct LinkArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Backfill(backfill::BackfillArgs),
}

/// Runs the command.
pub fn run(common: &Common, args: LinkArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Backfill(args) => backfill::run(common, &args),
    }
}
