//! `kadi fidelius`: ABDM's encryption as a command and as a small service, for systems that speak to ABDM themselves.

mod request;
mod serve;
mod stream;

use std::io::{BufReader, BufWriter, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::request::Answer;
use super::{output, runtime};

/// Make keys, encrypt and decrypt health records as ABDM does
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi fidelius keygen\n  kadi fidelius decrypt < requests.ndjson > plaintexts.ndjson"
)]
pub struct FideliusArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Keygen(KeygenArgs),
    Encrypt(EncryptArgs),
    Decrypt(DecryptArgs),
    Serve(ServeArgs),
}

/// Print a new key pair and nonce
///
/// Writes {privateKey, publicKey, x509PublicKey, nonce}, base64 each: as HIU send publicKey, as HIP x509PublicKey.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi fidelius keygen > keys.json")]
struct KeygenArgs {
    /// How many, one a line
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: u64,
}

/// Encrypt: JSON requests on standard input, one answer a line on standard output
///
/// A request is {senderPrivateKey, senderNonce, requesterPublicKey, requesterNonce, plaintext}, its answer
/// {encryptedData}. Keys in any form. Requests stand one a line, or spread over lines from { to }. A request that can't
/// be served is answered {error: {code, message}} and the rest go on; then the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi fidelius encrypt < requests.ndjson > answers.ndjson")]
struct EncryptArgs {}

/// Decrypt: JSON requests on standard input, one answer a line on standard output
///
/// A request is {requesterPrivateKey, requesterNonce, senderPublicKey, senderNonce, encryptedData}, its answer
/// {plaintext}. Keys in any form; known faults of senders are forgiven and told on standard error. Requests stand one a
/// line, or spread over lines from { to }. A request that can't be served is answered {error: {code, message}} and the
/// rest go on; then the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi fidelius decrypt < requests.ndjson > plaintexts.ndjson")]
struct DecryptArgs {}

/// Answer over HTTP, for users of a FIDELIUS_URL
///
/// GET /keys/generate; POST /encrypt with {receiverPublicKey, receiverNonce, senderPrivateKey, senderPublicKey,
/// senderNonce, plainTextData}; POST /decrypt with {receiverPrivateKey, receiverNonce, senderPublicKey, senderNonce,
/// encryptedData}. Private keys travel in the clear: keep it on the machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi fidelius serve --listen 127.0.0.1:8090\n  curl http://127.0.0.1:8090/keys/generate"
)]
struct ServeArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDR")]
    listen: SocketAddr,
}

/// Runs the command. Exit 1 if any request failed.
pub fn run(args: FideliusArgs) -> anyhow::Result<ExitCode> {
    let done = match args.action {
        Action::Keygen(args) => keygen(args.count),
        Action::Encrypt(EncryptArgs {}) => answer_input(request::encrypt),
        Action::Decrypt(DecryptArgs {}) => answer_input(request::decrypt),
        Action::Serve(args) => {
            return runtime()?.block_on(serve::run(args.listen)).map(|()| ExitCode::SUCCESS);
        }
    };
    match done {
        // Whoever read the answers has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn keygen(count: u64) -> anyhow::Result<ExitCode> {
    let mut lines = BufWriter::new(std::io::stdout().lock());
    for _ in 0..count {
        serde_json::to_writer(&mut lines, &request::Keys::generate()?)?;
        lines.write_all(b"\n")?;
    }
    lines.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn answer_input<A: serde::Serialize>(
    answer: impl Fn(&[u8]) -> Result<Answer<A>, request::Failure>,
) -> anyhow::Result<ExitCode> {
    if std::io::stdin().is_terminal() {
        output::problem("reading JSON requests from the terminal; end with Ctrl-D");
    }
    let input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    let answers = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let tally = stream::answer_all(input, answers, answer)?;
    for (tolerance, count) in tally.forgiven() {
        output::problem(format_args!(
            "{count} of {} requests needed the tolerance {tolerance}",
            tally.requests
        ));
    }
    if tally.failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::problem(format_args!("{} of {} requests failed", tally.failed, tally.requests));
    Ok(ExitCode::FAILURE)
}

/// Also true of the error that JSON being written comes back with.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let within_json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    kind.or(within_json) == Some(std::io::ErrorKind::BrokenPipe)
}
