//! The command line: one file per command. Results go to standard output, everything else to standard error.

mod audit;
mod backup;
mod bench;
mod bridge;
mod bundle;
mod config;
mod demo;
mod doctor;
mod facility;
mod fidelius;
mod key;
mod link;
mod openapi;
mod output;
mod replay;
mod rotate_master;
mod sandbox;
mod serve;
mod signals;
mod terminology;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::logging;

/// A hospital's end of ABDM: shares its patients' records with their consent, and receives others'.
#[derive(Debug, Parser)]
#[command(name = "kadi", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes, before or after its name.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file; ./kadi.toml if it is there
    #[arg(long, global = true, value_name = "FILE", env = "KADI_CONFIG")]
    config: Option<OsString>,
    /// What is logged: error, warn, info, debug, or per module such as info,kadi::flows=debug
    #[arg(long, global = true, value_name = "LEVEL", env = "KADI_LOG")]
    log: Option<String>,
}

impl Common {
    /// The configuration: the file named, or the usual one, or the defaults; then the environment.
    pub fn read_config(&self) -> Result<Config, ConfigError> {
        let named = self.config.as_deref().filter(|path| !path.is_empty());
        Config::load(named.map(Path::new))
    }

    /// Begins to log, `usual` unless told otherwise.
    pub fn start_log(&self, usual: &str) -> Result<(), logging::LoggingError> {
        logging::start(self.log.as_deref().unwrap_or(usual), logging::Format::of_stderr())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Sandbox(sandbox::SandboxArgs),
    Bundle(bundle::BundleArgs),
    Doctor(doctor::DoctorArgs),
    Key(key::KeyArgs),
    Audit(audit::AuditArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Replay(replay::ReplayArgs),
    Facility(facility::FacilityArgs),
    Bridge(bridge::BridgeArgs),
    Link(link::LinkArgs),
    Config(config::ConfigArgs),
    Fidelius(fidelius::FideliusArgs),
    Openapi(openapi::OpenapiArgs),
    Terminology(terminology::TerminologyArgs),
    Bench(bench::BenchArgs),
}

/// Runs the command that the process was started with. A failure is told on standard error; exit 1. A command line that
/// can't be read exits with 2.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(serve::ServeArgs) => serve::run(&cli.common),
        Command::Demo(args) => demo::run(&cli.common, &args),
        Command::Sandbox(args) => sandbox::run(&cli.common, args),
        Command::Bundle(args) => bundle::run(args),
        Command::Backup(args) => backup::run_backup(&cli.common, &args),
        Command::Restore(args) => backup::run_restore(&cli.common, &args),
        Command::Audit(args) => audit::run(&cli.common, args),
        Command::Doctor(args) => doctor::run(&cli.common, &args),
        Command::Key(args) => key::run(&cli.common, args),
        Command::Facility(args) => facility::run(&cli.common, args),
        Command::Bridge(args) => bridge::run(&cli.common, args),
        Command::Link(args) => link::run(&cli.common, args),
        Command::Replay(args) => replay::run(&cli.common, &args),
        Command::Config(args) => config::run(&cli.common, &args),
        Command::Fidelius(args) => fidelius::run(args),
        Command::Openapi(openapi::OpenapiArgs) => openapi::run(),
        Command::Terminology(args) => terminology::run(&cli.common, args),
        Command::Bench(args) => bench::run(&cli.common, args),
    };
    result.unwrap_or_else(|error| {
        output::problem(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// The runtime of a command that waits for something.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_is_named_before_or_after_the_command() {
        for line in [
            ["kadi", "--config", "x.toml", "config", "check"],
            ["kadi", "config", "check", "--config", "x.toml"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.common.config.as_deref(), Some(std::ffi::OsStr::new("x.toml")));
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                let help = sub.clone().render_long_help().to_string();
                assert!(help.contains("Example"), "{path} --help has no example");
                walk(sub, &path);
            }
        }
        walk(&Cli::command(), "kadi");
    }
}
