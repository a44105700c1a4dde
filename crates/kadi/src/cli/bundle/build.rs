//! `kadi bundle build`.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use nrces::{Context, HiType, Seed};
use uuid::Uuid;

use super::super::output;

/// Builds the document of the record on standard input.
pub(super) fn run(hi_type: HiType) -> anyhow::Result<ExitCode> {
    if std::io::stdin().is_terminal() {
        output::problem("reading clinical JSON from the terminal; end with Ctrl-D");
    }
    let mut data = Vec::new();
    std::io::stdin().lock().read_to_end(&mut data).context("standard input could not be read")?;
    // An `id` in the record decides the ids of the bundle; without one no two bundles share them.
    let context = Context { seed: Seed::Random(Uuid::new_v4()), ..Context::default() };
    match nrces::build_slice(hi_type, &data, &context) {
        Ok(built) => {
            built.issues.iter().for_each(output::problem);
            let mut out = std::io::stdout().lock();
            out.write_all(built.json.as_bytes())?;
            out.write_all(b"\n")?;
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(issues) => {
            issues.iter().for_each(output::problem);
            Ok(ExitCode::FAILURE)
        }
    }
}
