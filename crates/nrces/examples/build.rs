//! Builds the document of a clinical record:
//! `cargo run -p nrces --example build -- OPConsultation examples-data/op-consultation/typical.json`

use std::io::Write as _;
use std::process::ExitCode;

use nrces::{Context, HiType};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let hi_type: HiType = arguments.next().as_deref().unwrap_or("OPConsultation").parse()?;
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/examples-data/op-consultation/typical.json");
    let data = std::fs::read(arguments.next().as_deref().unwrap_or(default))?;
    let mut out = std::io::stdout().lock();
    match nrces::build_slice(hi_type, &data, &Context::default()) {
        Ok(built) => {
            for warning in &built.issues {
                writeln!(std::io::stderr(), "{warning}")?;
            }
            writeln!(out, "{}", built.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(issues) => {
            for issue in &issues {
                writeln!(std::io::stderr(), "{issue}")?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
