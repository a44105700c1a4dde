//! The `kadi` command. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kadi::cli::main()
}
