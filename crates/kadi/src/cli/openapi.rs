//! `kadi openapi`: the API's description.

use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::http::api;

/// Print the OpenAPI description of the API, made from the code
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi openapi > docs/openapi.json")]
pub struct OpenapiArgs;

/// Runs the command.
pub fn run() -> anyhow::Result<ExitCode> {
    output::result(api::document_text()?);
    Ok(ExitCode::SUCCESS)
}
