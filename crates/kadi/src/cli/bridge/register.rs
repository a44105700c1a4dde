//! `kadi bridge register`: tells ABDM where callbacks go, links facilities to the bridge, and writes into each the service
//! id that ABDM has for it.

use std::net::IpAddr;
use std::process::ExitCode;

use abdm::id::{FacilityId, ServiceId};
use abdm::wire::bridge::{FacilityService, LinkFacility, ServiceKind};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use domain::bridge::{Holder, same_address, service_name};
use domain::facility::{Facility, Role};
use reqwest::Url;

use super::status::{Standing, Status, VerdictView};
use super::{ProofArgs, Tools, confirmed, facility_id, proof};
use crate::cli::output;
use crate::config::Environment;
use crate::flows::bridge::registered;

/// Who is said to have done it, in the audit trail.
const ACTOR: &str = "kadi bridge register";

/// Register the bridge's address and its facilities with ABDM, and read back what it has made of it
///
/// The address is registered and read back. A facility that is not linked to the bridge yet is linked at the facility
/// registry; one that is called by another service id than ABDM has for it gets the right one. Both are done on
/// confirmation only. Exit code 1 if something is still not as it should be.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi bridge register --url https://abdm.hospital.example --yes --prove name@sbx"
)]
pub struct RegisterArgs {
    /// What ABDM should call the public listener; server.public_url if left out
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Only this facility; may be given several times
    #[arg(long, value_name = "ID", value_parser = facility_id)]
    facility: Vec<FacilityId>,
    /// What patients' apps call the facility: at most 15 letters, digits and spaces. With one --facility
    #[arg(long, value_name = "NAME")]
    hip_name: Option<String>,
    /// Make the changes without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    proof: ProofArgs,
}

/// Runs the action.
pub async fn run(tools: &Tools, args: &RegisterArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.hip_name.is_none() || args.facility.len() == 1, "--hip-name needs exactly one --facility");
    let url = args.url.clone().or_else(|| tools.watch.public_url.clone());
    let url = url.context(
        "--url, or server.public_url in the configuration, says what ABDM should call this bridge",
    )?;
    let url = url.trim().trim_end_matches('/');
    check(url, tools.config.gateway.environment, tools.config.gateway.allow_insecure)?;
    register_url(tools, url).await?;
    let mut status = Status::read(tools).await?;
    ensure!(
        status.registered_url.as_deref().is_some_and(|registered| same_address(registered, url)),
        "ABDM took the address and has another one now ({}): somebody else registers under this client id at the same \
         time. The last one wins; find out who it is",
        status.registered_url.as_deref().unwrap_or("none")
    );
    let mut linked = false;
    for standing in chosen(&status, args) {
        if standing.verdict == VerdictView::Missing {
            linked |= link(tools, args, standing).await?;
        }
    }
    if linked {
        status = Status::read(tools).await?;
    }
    let mut mended = false;
    for standing in chosen(&status, args) {
        if let VerdictView::Wrong { right } = &standing.verdict {
            mended |= mend(tools, args, standing, right).await?;
        }
    }
    if mended {
        status = Status::read(tools).await?;
    }
    status.tell();
    let proven = proof::run(tools, &args.proof, &status).await?;
    Ok(if status.is_fine() && proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen<'a>(status: &'a Status, args: &'a RegisterArgs) -> impl Iterator<Item = &'a Standing> {
    status
        .facilities
        .iter()
        .filter(|standing| args.facility.is_empty() || args.facility.contains(&standing.facility.id))
}

/// ABDM takes a public https name without address and port (ABDM V3); a local ABDM takes anything.
fn check(url: &str, environment: Environment, insecure: bool) -> anyhow::Result<()> {
    let parsed = Url::parse(url).context("--url is an address such as https://abdm.hospital.example")?;
    let secure = parsed.scheme() == "https" || (insecure && parsed.scheme() == "http");
    ensure!(secure, "the address must begin with https://: ABDM calls no other");
    let host = parsed.host_str().context("the address names no host")?;
    ensure!(
        parsed.query().is_none() && parsed.fragment().is_none(),
        "the address must have no query and no fragment"
    );
    if environment != Environment::Custom {
        ensure!(
            host.trim_matches(['[', ']']).parse::<IpAddr>().is_err(),
            "ABDM takes a name, not an IP address"
        );
        ensure!(parsed.port().is_none(), "ABDM takes no port number in the address");
    }
    Ok(())
}

async fn register_url(tools: &Tools, url: &str) -> anyhow::Result<()> {
    let before =
        tools.gateway.bridge_services().await.context("ABDM does not say what it knows of this bridge")?;
    let before = before.bridge.and_then(|bridge| bridge.url).filter(|before| !before.trim().is_empty());
    let same = before.as_deref().is_some_and(|before| same_address(before, url));
    if !same && tools.config.gateway.environment == Environment::Production {
        bail!(
            "in production NHA registers the address: it is stated on the exit form, and ABDM's support changes it. ABDM \
             has {} now",
            before.as_deref().unwrap_or("none")
        );
    }
    if !same {
        if let Some(before) = before {
            output::problem(format_args!("callbacks went to {before} until now"));
        }
        tools.gateway.set_bridge_url(url).await.context("ABDM did not take the address")?;
    }
    let mut tx = tools.store.begin().await?;
    registered(&mut tx, &tools.watch, url).await?;
    Ok(tx.commit().await?)
}

/// Links a facility to the bridge at the registry. Says whether it did.
async fn link(tools: &Tools, args: &RegisterArgs, standing: &Standing) -> anyhow::Result<bool> {
    let Facility { id, name, .. } = &standing.facility;
    let hip_name = args.hip_name.clone().unwrap_or_else(|| service_name(name));
    if hip_name.is_empty() {
        output::problem(format_args!(
            "{id}: --hip-name must say what patients' apps call it; its name has no letter that ABDM takes"
        ));
        return Ok(false);
    }
    if tools.config.gateway.registry_url.is_none() {
        output::problem(format_args!(
            "{id}: gateway.registry_url is not set; link the facility on the registry's portal"
        ));
        return Ok(false);
    }
    let role = standing.role;
    if !confirmed(
        &format!("{id} is not linked to this bridge as {role}. Link it as {hip_name:?}?"),
        args.yes,
    )? {
        return Ok(false);
    }
    let service = FacilityService {
        bridge_id: tools.watch.client_id.clone(),
        hip_name,
        kind: match role {
            Role::Hip => ServiceKind::Hip,
            Role::Hiu => ServiceKind::Hiu,
        },
        active: true,
    };
    let request =
        LinkFacility { facility_id: id.clone(), facility_name: name.clone(), services: vec![service] };
    match tools.gateway.link_facility(&request).await {
        Ok(_) => {
            output::problem(format_args!("{id}: linked to this bridge as {role}"));
            Ok(true)
        }
        Err(failure) => {
            let words = failure.message.as_deref().unwrap_or_default();
            output::problem(format_args!("{id}: the registry did not link it as {role}: {failure} {words}"));
            Ok(false)
        }
    }
}

/// Writes the right service id into the facility. Says whether it did.
async fn mend(tools: &Tools, args: &RegisterArgs, standing: &Standing, right: &str) -> anyhow::Result<bool> {
    let (id, role) = (&standing.facility.id, standing.role);
    if !confirmed(&format!("ABDM calls {id} by {right} as {role}. Write that into the facility?"), args.yes)?
    {
        return Ok(false);
    }
    let right: ServiceId = right.parse().with_context(|| format!("{right} is no service id"))?;
    let mut tx = tools.store.begin().await?;
    let Some(mut facility) = tx.facility(id).await? else { return Ok(false) };
    match role {
        Role::Hip => facility.hip_id = right.clone(),
        Role::Hiu => facility.hiu_id = right.clone(),
    }
    match tx.put_facility(&facility).await {
        Err(error) if error.is_duplicate() => {
            output::problem(format_args!(
                "{id}: another facility has {right} already; one of the two is not what ABDM means"
            ));
            return Ok(false);
        }
        result => result?,
    };
    tx.audit(id, ACTOR, "service id written", right.as_str()).await?;
    tx.commit().await?;
    output::problem(format_args!("{id}: {role} service id is {right} now"));
    Ok(true)
}

/// Whether the address is ours, for the proof.
pub(super) fn leads_here(status: &Status) -> bool {
    status.holder == Holder::Ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abdm_takes_a_plain_https_name() {
        let sandbox = |url| check(url, Environment::Sandbox, false);
        assert!(sandbox("https://abdm.hospital.example").is_ok());
        assert!(sandbox("https://abdm.hospital.example/kadi").is_ok());
        for wrong in [
            "http://abdm.hospital.example",
            "https://203.0.113.7",
            "https://[2001:db8::1]",
            "https://abdm.hospital.example:8443",
            "https://abdm.hospital.example?x=1",
            "abdm.hospital.example",
            "",
        ] {
            assert!(sandbox(wrong).is_err(), "{wrong}");
        }
        assert!(check("http://127.0.0.1:8480", Environment::Custom, true).is_ok());
        assert!(check("http://127.0.0.1:8480", Environment::Custom, false).is_err());
    }
}
