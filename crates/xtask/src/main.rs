//! The team's own tools: `cargo xtask COMMAND`.

mod profiles;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The team's own tools")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the rule tables of `crates/nrces/rules` from a FHIR package.
    Profiles(profiles::Profiles),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Profiles(arguments) => profiles::run(&arguments),
    }
}
