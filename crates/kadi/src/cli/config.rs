//! `kadi config`: the documented default, and whether one's own is right.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Common, output};
use crate::config::DEFAULT;

/// Print the documented default configuration, or check one's own
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:\n  kadi config default > kadi.toml\n  kadi config check --config kadi.toml")]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every key with its default and what it means
    #[command(after_help = "Example:\n  kadi config default > kadi.toml")]
    Default,
    /// Say what is wrong with the configuration file and environment, with file and line; exit 1 if anything is
    #[command(after_help = "Example:\n  kadi config check --config /etc/kadi/kadi.toml")]
    Check,
}

/// Runs the command.
pub fn run(common: &Common, args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Default => output::result(DEFAULT.trim_end()),
        Action::Check => {
            common.read_config()?;
            output::result("ok");
        }
    }
    Ok(ExitCode::SUCCESS)
}
