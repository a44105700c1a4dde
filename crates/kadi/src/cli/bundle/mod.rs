//! `kadi bundle`: FHIR documents built from clinical JSON, and documents of any maker checked, without a server.

mod build;
mod check;
mod report;
mod turns;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Build FHIR documents from clinical JSON, and check documents against the NRCeS profiles
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi bundle build OPConsultation < visit.json > bundle.json\n  kadi bundle validate bundle.json"
)]
pub struct BundleArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Build(BuildArgs),
    Validate(ValidateArgs),
}

/// Build one FHIR document from clinical JSON on standard input
///
/// The bundle alone goes to standard output. What is wrong goes to standard error, one problem a line with its place in
/// the input, the rule and how to mend it; then the exit code is 1. Warnings are told there too and hinder nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bundle build Prescription < clinical.json > bundle.json")]
struct BuildArgs {
    /// Prescription, DiagnosticReport, OPConsultation, DischargeSummary, ImmunizationRecord, HealthDocumentRecord,
    /// WellnessRecord or Invoice
    #[arg(value_name = "HI_TYPE")]
    hi_type: nrces::HiType,
}

/// Check FHIR documents against the NRCeS profiles
///
/// One line a problem on standard output: FILE: error|warning: LOCATION: RULE: MESSAGE; then FILE: ok if there was no
/// error. The exit code is 1 if any file has one.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi bundle validate bundle.json\n  kadi bundle validate --strict --json records/*.json\n  curl -s https://hip.example/bundle | kadi bundle validate -"
)]
struct ValidateArgs {
    /// The documents; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// One JSON object a file instead of lines of text: {file, valid, issues}
    #[arg(long)]
    json: bool,
    /// Also warn about what is valid and will not show or cannot be relied on
    #[arg(long)]
    strict: bool,
    /// Check against the profiles of a newer official package (a .tgz or its folder) instead of those built in
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,
}

/// Runs the command. Exit 1 if the record cannot be built, or if a document is not valid.
pub fn run(args: BundleArgs) -> anyhow::Result<ExitCode> {
    let done = match args.action {
        Action::Build(args) => build::run(args.hi_type),
        Action::Validate(args) => check::run(&args),
    };
    match done {
        // Whoever read the answers has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}
