//! `kadi facility`: what belongs to one facility and is wanted on paper.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use abdm::clock::SystemClock;
use abdm::id::FacilityId;
use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Common;
use crate::config::Config;
use crate::qr::{self, Format};
use crate::start;

/// Make what a facility wants on paper: the QR codes of its counters
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi facility qr --facility IN2810014366 --counter OPD1 --format pdf --out poster.pdf"
)]
pub struct FacilityArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Draw the QR code that patients scan at a counter to share their profile
    #[command(
        after_help = "Example:\n  kadi facility qr --facility IN2810014366 --format pdf --out posters.pdf\n  kadi facility qr \
                            --facility IN2810014366 --counter OPD1 --format svg > opd1.svg"
    )]
    Qr(QrArgs),
}

#[derive(Debug, Args)]
struct QrArgs {
    /// Whose
    #[arg(long, value_name = "ID", value_parser = super::key::facility_id)]
    facility: FacilityId,
    /// The counter, 1 to 20 letters and digits; without it the facility's first, and a PDF has a page for each
    #[arg(long, value_name = "ID")]
    counter: Option<String>,
    /// A picture, a drawing, or a poster of A4
    #[arg(long, value_enum, default_value = "png")]
    format: Format,
    /// Where to; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(common: &Common, args: FacilityArgs) -> anyhow::Result<ExitCode> {
    let Action::Qr(args) = args.action;
    let config = common.read_config()?;
    let bytes = super::runtime()?.block_on(draw(&config, &args))?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        None => std::io::stdout().lock().write_all(&bytes).context("standard output cannot be written")?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn draw(config: &Config, args: &QrArgs) -> anyhow::Result<Vec<u8>> {
    let store = start::open_store(config, SystemClock::shared()).await?;
    let facility = store.read().await?.facility(&args.facility).await?;
    store.close().await;
    let facility = facility.with_context(|| {
        format!("there is no facility {}; PUT /v1/facilities/{} makes it", args.facility, args.facility)
    })?;
    let counters = qr::counters(&facility, args.counter.as_deref())?;
    Ok(qr::draw(&config.share.qr_url, &facility, &counters, args.format)?)
}
