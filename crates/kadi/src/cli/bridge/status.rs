//! `kadi bridge status`: where callbacks go, and whether each facility is called by its right service id.

use std::process::ExitCode;
use std::time::Duration;

use abdm::id::FacilityId;
use anyhow::Context as _;
use clap::Args;
use domain::bridge::{Holder, Listed, Verdict, judge};
use domain::facility::{Facility, Role};
use jiff::Timestamp;
use serde::Serialize;

use super::{ProofArgs, Tools, proof};
use crate::cli::output;
use crate::flows::bridge::record;

/// How long our own address may take to answer.
const REACH: Duration = Duration::from_secs(10);
/// Facilities read at a time.
const PAGE: u32 = 200;

/// Show what ABDM knows of this bridge, and what is wrong with it
///
/// One fact a line, tab-separated. Exit code 1 if something is not as it should be: then a line says how to mend it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bridge status --prove name@sbx")]
pub struct StatusArgs {
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    proof: ProofArgs,
}

/// What ABDM knows, and how it compares.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    client_id: String,
    /// Where ABDM sends callbacks.
    pub registered_url: Option<String>,
    /// Where it should.
    own_url: Option<String>,
    pub holder: Holder,
    since: Option<Timestamp>,
    active: Option<bool>,
    blocklisted: Option<bool>,
    /// Whether our own address answers when it is called from this machine. ABDM calls from elsewhere.
    answers_from_here: Option<bool>,
    /// When a callback last arrived: the best proof that they do.
    last_callback_at: Option<Timestamp>,
    pub facilities: Vec<Standing>,
}

/// How a facility is known in one of its roles.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    #[serde(skip)]
    pub facility: Facility,
    facility_id: FacilityId,
    pub role: Role,
    service_id: String,
    #[serde(flatten)]
    pub verdict: VerdictView,
}

/// What the list says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum VerdictView {
    Right,
    Inactive,
    Wrong { right: String },
    Unclear { candidates: Vec<String> },
    Missing,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Right => Self::Right,
            Verdict::Inactive => Self::Inactive,
            Verdict::Wrong(right) => Self::Wrong { right },
            Verdict::Unclear(candidates) => Self::Unclear { candidates },
            Verdict::Missing => Self::Missing,
        }
    }
}

/// Runs the action.
pub async fn run(tools: &Tools, args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let status = Status::read(tools).await?;
    if args.json {
        output::result(serde_json::to_string(&status)?);
    } else {
        status.tell();
    }
    let proven = proof::run(tools, &args.proof, &status).await?;
    Ok(if status.is_fine() && proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Status {
    /// Asks ABDM, and notes what it says.
    pub async fn read(tools: &Tools) -> anyhow::Result<Self> {
        let known = tools
            .gateway
            .bridge_services()
            .await
            .context("ABDM does not say what it knows of this bridge")?;
        let bridge = known.bridge.unwrap_or_default();
        let listed: Vec<Listed> = known
            .services
            .into_iter()
            .filter_map(|service| {
                Some(Listed {
                    id: service.id?,
                    name: service.name.unwrap_or_default(),
                    types: service.types,
                    active: service.active.unwrap_or(true),
                })
            })
            .collect();
        let mut tx = tools.store.begin().await?;
        let watch = record(&mut tx, &tools.watch, bridge.url.clone()).await?;
        let last_callback_at = tx.last_callback_at().await?;
        let facilities = facilities(&mut tx).await?;
        tx.commit().await?;
        let own_url = tools.watch.public_url.clone().or(watch.own_url);
        Ok(Self {
            client_id: tools.watch.client_id.clone(),
            registered_url: bridge.url,
            holder: watch.holder.unwrap_or(Holder::Nobody),
            since: watch.since,
            active: bridge.active,
            blocklisted: bridge.blocklisted,
            answers_from_here: match &own_url {
                Some(url) => Some(answers(tools, url).await?),
                None => None,
            },
            own_url,
            last_callback_at,
            facilities: facilities.iter().flat_map(|facility| standings(facility, &listed)).collect(),
        })
    }

    /// Whether callbacks come here and every facility is called by its right id.
    pub fn is_fine(&self) -> bool {
        self.holder == Holder::Ours
            && self.active != Some(false)
            && self.blocklisted != Some(true)
            && self.facilities.iter().all(|standing| standing.verdict == VerdictView::Right)
    }

    /// Prints it, with how to mend what is wrong.
    pub fn tell(&self) {
        let line = |what: &str, fact: &str, mend: &str| {
            let gap = if mend.is_empty() { "" } else { "\t" };
            output::result(format_args!("{what}\t{fact}{gap}{mend}"));
        };
        line("client id", &self.client_id, "");
        line("callbacks go to", self.registered_url.as_deref().unwrap_or("-"), "");
        line("they should go to", self.own_url.as_deref().unwrap_or("-"), self.mend_url());
        let since = self.since.map(|since| since.to_string()).unwrap_or_default();
        line("address is", self.holder.as_str(), &since);
        if self.active == Some(false) || self.blocklisted == Some(true) {
            line("bridge", "shut out", "ABDM has switched this client id off: ask ABDM's support");
        }
        match self.answers_from_here {
            Some(true) => line("own address", "answers when called from this machine", ""),
            Some(false) => line(
                "own address",
                "does not answer when called from this machine",
                "is `kadi serve` running, and does the proxy in front of it lead to server.public?",
            ),
            None => {}
        }
        let last = self.last_callback_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        line("last callback", &last, "");
        for standing in &self.facilities {
            standing.tell();
        }
    }

    fn mend_url(&self) -> &'static str {
        match (self.holder, &self.own_url) {
            (Holder::Ours, _) => "",
            (_, None) => "set server.public_url, then `kadi bridge register`",
            (Holder::Other, _) => {
                "another system has taken all callbacks: `kadi bridge register` takes them back"
            }
            (Holder::Nobody, _) => "`kadi bridge register` registers it",
        }
    }
}

impl Standing {
    fn tell(&self) {
        let (verdict, mend) = match &self.verdict {
            VerdictView::Right => ("right".to_owned(), String::new()),
            VerdictView::Inactive => (
                "inactive".to_owned(),
                "\tABDM has switched the service off: see the facility registry's portal".to_owned(),
            ),
            VerdictView::Wrong { right } => (
                "wrong".to_owned(),
                format!(
                    "\tABDM calls it {right}: `kadi bridge register --yes` writes that into the facility"
                ),
            ),
            VerdictView::Unclear { candidates } => (
                "unclear".to_owned(),
                format!(
                    "\tABDM lists {}: put the right one into the facility by the API",
                    candidates.join(", ")
                ),
            ),
            VerdictView::Missing => (
                "missing".to_owned(),
                "\tnot linked to this bridge: `kadi bridge register --yes` links it at the registry"
                    .to_owned(),
            ),
        };
        let Self { facility_id, role, service_id, .. } = self;
        output::result(format_args!("{facility_id} {role}\t{service_id}\t{verdict}{mend}"));
    }
}

fn standings(facility: &Facility, listed: &[Listed]) -> Vec<Standing> {
    let standing = |role: &Role| Standing {
        facility: facility.clone(),
        facility_id: facility.id.clone(),
        role: *role,
        service_id: match role {
            Role::Hip => facility.hip_id.to_string(),
            Role::Hiu => facility.hiu_id.to_string(),
        },
        verdict: judge(facility, *role, listed).into(),
    };
    facility.roles.iter().map(standing).collect()
}

/// Every facility, oldest first.
async fn facilities(tx: &mut store::Tx) -> store::Result<Vec<Facility>> {
    let mut all: Vec<Facility> = Vec::new();
    loop {
        let page = tx.facilities(all.last().map(|facility| &facility.id), PAGE).await?;
        if page.is_empty() {
            all.reverse();
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Whether the public listener answers under its public address.
async fn answers(tools: &Tools, url: &str) -> anyhow::Result<bool> {
    let mut client = reqwest::Client::builder().timeout(REACH).redirect(reqwest::redirect::Policy::none());
    if tools.config.gateway.allow_insecure {
        client = client.no_proxy();
    }
    let answer = client.build()?.get(format!("{}/healthz", url.trim_end_matches('/'))).send().await;
    Ok(answer.is_ok_and(|answer| answer.status().is_success()))
}
