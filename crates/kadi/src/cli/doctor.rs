//! `kadi doctor`: what would stop this installation from working, and how to mend it.
//!
//! Each check builds on those before it: what can't be tried any more is left out.

mod house;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use abdm::client::Gateway;
use abdm::clock::{SharedClock, SystemClock};
use abdm::error::Failure;
use clap::Args;
use domain::facility::Role;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Serialize;
use store::Store;

use super::bridge::{Status, Tools};
use super::{Common, output, runtime};
use crate::config::Config;
use crate::workers::MOST_APART;
use crate::{bridge, start};

/// How long ABDM may take to tell the time.
const PATIENCE: Duration = Duration::from_secs(15);
/// A facility without a callback for so long is worth a look.
const QUIET: Duration = Duration::from_hours(24 * 7);

/// Say what would stop this installation from working, and how to mend it
///
/// One line a check, tab-separated: `ok`, `warn` or `fail`, what, and what was found; then how to mend it. Exit 1 if anything
/// fails. Nothing is changed. To prove that a callback arrives: `kadi bridge status --prove`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi doctor --config /etc/kadi/kadi.toml")]
pub struct DoctorArgs {
    /// Print one JSON object a line instead
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    grade: Grade,
    what: &'static str,
    found: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    mend: &'static str,
}

/// What was found so far, told as it is found.
#[derive(Debug)]
struct Findings {
    json: bool,
    failed: bool,
}

impl Findings {
    fn tell(&mut self, grade: Grade, what: &'static str, found: impl Into<String>, mend: &'static str) {
        let finding = Finding { grade, what, found: found.into(), mend };
        self.failed |= grade == Grade::Fail;
        if self.json {
            output::result(serde_json::to_string(&finding).unwrap_or_default());
            return;
        }
        let word = match grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Fail => "fail",
        };
        let gap = if mend.is_empty() { "" } else { "\t" };
        output::result(format_args!("{word}\t{what}\t{}{gap}{mend}", finding.found));
    }

    fn ok(&mut self, what: &'static str, found: impl Into<String>) {
        self.tell(Grade::Ok, what, found, "");
    }
}

/// Runs the command.
pub fn run(common: &Common, args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    common.start_log("error")?;
    let mut findings = Findings { json: args.json, failed: false };
    runtime()?.block_on(examine(common, &mut findings));
    Ok(if findings.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(common: &Common, findings: &mut Findings) {
    let config = match common.read_config() {
        Ok(config) => config,
        Err(error) => {
            return findings.tell(Grade::Fail, "configuration", error.to_string(), "`kadi config check`");
        }
    };
    let environment = format!("environment {:?}, {}", config.gateway.environment, config.gateway.base_url);
    findings.ok("configuration", environment.to_lowercase());
    sms(&config, findings);
    let clock = SystemClock::shared();
    house::certificate(&config, clock.now(), findings);
    house::objects(&config, findings);
    house::disks(&config, findings);
    let store = match start::open_store(&config, Arc::clone(&clock)).await {
        Ok(store) => store,
        Err(error) => {
            let mend = "see [store] and [keys]; the master key must be the one that the store was made with";
            return findings.tell(Grade::Fail, "store and keys", format!("{error:#}"), mend);
        }
    };
    findings.ok("store and keys", "open");
    house::store(&store, findings).await;
    house::keys(&config, &store, findings).await;
    stuck(&store, findings).await;
    let gateway = match bridge::gateway(&config, &clock) {
        Ok(gateway) => Arc::new(gateway),
        Err(error) => {
            findings.tell(
                Grade::Fail,
                "gateway",
                format!("{error:#}"),
                "see [gateway]: client_id and its secret",
            );
            return store.close().await;
        }
    };
    skew(&config, &clock, findings).await;
    if answers(&gateway, findings).await {
        let watch = bridge::watch(&config, &gateway);
        let tools = Tools { config, store: store.clone(), gateway, clock, watch };
        known(&tools, findings).await;
    }
    store.close().await;
}

fn sms(config: &Config, findings: &mut Findings) {
    match &config.sms {
        Some(_) => findings.ok("texts", "an SMS provider is configured"),
        None => findings.tell(
            Grade::Warn,
            "texts",
            "no SMS provider is configured: patients can't link visits from their app",
            "set [sms]; docs/sms.md has the settings of providers",
        ),
    }
}

/// What waits for a person.
async fn stuck(store: &Store, findings: &mut Findings) {
    let backlog = async { store.read().await?.backlog().await };
    match backlog.await {
        Ok(backlog) if backlog.dead > 0 => {
            let found = format!(
                "{} callbacks were given up, {} exchanges are overdue",
                backlog.dead, backlog.overdue
            );
            findings.tell(
                Grade::Warn,
                "stuck",
                found,
                "see the console's exchanges; what is mended is run again there",
            );
        }
        Ok(backlog) => findings.ok("stuck", format!("nothing given up, {} overdue", backlog.overdue)),
        Err(error) => {
            findings.tell(Grade::Fail, "store", error.to_string(), "the database must answer; see its log");
        }
    }
}

/// Compares this machine's clock with the one of ABDM's answer.
async fn skew(config: &Config, clock: &SharedClock, findings: &mut Findings) {
    match told_time(config).await {
        None => findings.tell(
            Grade::Warn,
            "clock",
            "ABDM could not be asked for the time",
            "check the connection to gateway.base_url",
        ),
        Some(told) => {
            let apart = clock.now().duration_since(told).abs();
            let found = format!("{} s apart from ABDM's", apart.as_secs());
            if apart > MOST_APART {
                findings.tell(
                    Grade::Fail,
                    "clock",
                    found,
                    "set this machine's clock by NTP: tokens and times are refused",
                );
            } else {
                findings.ok("clock", found);
            }
        }
    }
}

/// The `Date` of any answer (RFC 9110, 6.6.1).
async fn told_time(config: &Config) -> Option<Timestamp> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(abdm::tls::client_config().ok()?)
        .timeout(PATIENCE)
        .build()
        .ok()?;
    let answer = client.get(&config.gateway.base_url).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?.to_owned();
    DateTimeParser::new().parse_timestamp(date).ok()
}

/// Whether ABDM lets us in. A wrong secret is tried once only: several lock the client.
async fn answers(gateway: &Gateway, findings: &mut Findings) -> bool {
    if let Err(failure) = gateway.session().await {
        let mend = match failure.status {
            Some(400 | 401 | 403) => "check gateway.client_id and its secret; about eight wrong ones lock it",
            _ => "check the connection to gateway.base_url: proxy, firewall, DNS",
        };
        findings.tell(Grade::Fail, "session", words(&failure), mend);
        return false;
    }
    findings.ok("session", "ABDM lets this client in");
    match gateway.certs().await {
        Ok(_) => findings.ok("callback keys", "fetched"),
        Err(failure) => findings.tell(
            Grade::Fail,
            "callback keys",
            words(&failure),
            "without them every callback is refused; ABDM may be down: try again",
        ),
    }
    true
}

/// What ABDM knows of this bridge.
async fn known(tools: &Tools, findings: &mut Findings) {
    let status = match Status::read(tools).await {
        Ok(status) => status,
        Err(error) => {
            let mend = "ABDM may be down: try again";
            return findings.tell(Grade::Fail, "registration", format!("{error:#}"), mend);
        }
    };
    let address = status.registered_url.as_deref().unwrap_or("nowhere");
    match status.mend_url() {
        "" => findings.ok("callbacks", format!("go to {address}, which is ours")),
        mend => findings.tell(Grade::Fail, "callbacks", format!("go to {address}"), mend),
    }
    if status.answers_from_here == Some(false) {
        findings.tell(
            Grade::Warn,
            "public address",
            "does not answer when called from this machine",
            "is `kadi serve` running, and does the proxy in front of it lead to server.public?",
        );
    }
    quiet(tools.clock.now(), &status, findings);
    facilities(&status, findings);
}

fn quiet(now: Timestamp, status: &Status, findings: &mut Findings) {
    let mend = "`kadi bridge status --prove ABHA_ADDRESS` has ABDM send one";
    match status.last_callback_at {
        None => findings.tell(Grade::Warn, "last callback", "none ever came", mend),
        Some(at) if now.duration_since(at).unsigned_abs() > QUIET => {
            findings.tell(Grade::Warn, "last callback", at.to_string(), mend);
        }
        Some(at) => findings.ok("last callback", at.to_string()),
    }
}

fn facilities(status: &Status, findings: &mut Findings) {
    if status.facilities.is_empty() {
        let mend = "put one by the API: PUT /v1/facilities/{facilityId} with an admin key";
        findings.tell(Grade::Warn, "facilities", "there is none", mend);
    }
    for standing in &status.facilities {
        let role = match standing.role {
            Role::Hip => "HIP",
            Role::Hiu => "HIU",
        };
        let name = format!("{} as {role}", standing.facility.id);
        if standing.is_right() {
            findings.ok("service", name);
        } else {
            let mend = "`kadi bridge status` says which id ABDM has; `kadi bridge register` mends it";
            findings.tell(Grade::Fail, "service", format!("{name} is not known by its id"), mend);
        }
    }
}

fn words(failure: &Failure) -> String {
    failure.explanation.clone()
}
