//! `cargo xtask profiles PACKAGE --base BASE`: the validator's tables, written
//! anew from the definitions of NRCeS and of FHIR R4.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use nrces::rules::{Compiled, Package, Rules, compile_base, compile_text};

/// Where the tables are kept.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nrces/rules");

#[derive(Args)]
pub struct Profiles {
    /// Folder or .tgz with the profiles: StructureDefinition (with snapshots), ValueSet and CodeSystem JSON.
    package: PathBuf,
    /// Folder with FHIR R4's own definitions; without it the base tables stay as they are.
    #[arg(long)]
    base: Option<PathBuf>,
    /// Where to write.
    #[arg(long, default_value = FOLDER)]
    out: PathBuf,
}

/// Writes the four tables, having read them back.
pub fn run(arguments: &Profiles) -> anyhow::Result<()> {
    let out = &arguments.out;
    let base = match &arguments.base {
        Some(folder) => compile_base(&Package::open(folder)?)?,
        None => Compiled { rules: read(out, "base")?, codes: read(out, "base-codes")?, notes: Vec::new() },
    };
    let profiles = compile_text(&Package::open(&arguments.package)?, &[&base.rules, &base.codes])?;
    let rules = Rules::from_tables(&[&base.rules, &base.codes, &profiles.rules, &profiles.codes])
        .context("the tables just written cannot be read back")?;
    write(out, "base", &base.rules, "FHIR R4 (4.0.1): data types and resources")?;
    write(out, "base-codes", &base.codes, "FHIR R4 (4.0.1): value sets and code systems")?;
    write(out, "nrces", &profiles.rules, "NRCeS profiles: what they change of FHIR R4")?;
    write(out, "nrces-codes", &profiles.codes, "NRCeS value sets and code systems")?;
    profiles.notes.iter().chain(rules.notes()).for_each(|note| tell(note));
    Ok(())
}

fn read(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(format!("{name}.rules"));
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read; give --base", path.display()))
}

fn write(folder: &Path, name: &str, text: &str, what: &str) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.rules"));
    // A table read back for want of --base has its heading already.
    let body = if text.starts_with('#') {
        text.to_owned()
    } else {
        format!(
            "# {what}.\n# Written by `cargo xtask profiles`; the notation is in README.md.\n\n{}\n",
            text.trim()
        )
    };
    fs::write(&path, body).with_context(|| format!("{} cannot be written", path.display()))
}

#[expect(clippy::print_stderr, reason = "a command tells its user what it left out")]
fn tell(note: &str) {
    eprintln!("note: {note}");
}
