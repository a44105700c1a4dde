//! The `kadi` command. Everything is in the library.

use std::process::ExitCode;

/// Documents are many small pieces of text.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kadi::cli::main()
}
