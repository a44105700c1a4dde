//! Who could not be linked, and why: counts by cause, and every visit in a file. References only: no names.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use abdm::id::FacilityId;
use anyhow::Context as _;
use domain::link::LinkState;
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;
use serde::Serialize;
use store::{Store, Unlinked};

/// Visits read at a time.
const PAGE: u32 = 1000;

/// A visit that is not linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The facility's reference of the patient.
    pub patient_ref: PatientRef,
    /// The facility's reference of the visit.
    pub care_context_ref: CareContextRef,
    /// When it was.
    pub date: String,
    /// Where it stands.
    pub state: LinkState,
    /// ABDM's code, or a word of ours.
    pub cause: String,
    /// What it means and what to do.
    pub explanation: String,
    /// Until when it waits, if it waits for a time.
    pub until: Option<Timestamp>,
}

/// How many have this cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Visits.
    pub visits: u64,
    /// What it means and what to do.
    pub explanation: String,
}

/// All that is left, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// By cause.
    pub causes: BTreeMap<String, Cause>,
    /// Visits of patients without an ABHA address, for whom ABDM cannot be asked. They are in no cause.
    pub without_abha_address: u64,
}

/// Counts what is left since a day, and writes each visit to `file`, if one is given: JSON if its name ends so, else CSV.
///
/// # Errors
/// If the store fails or the file cannot be written.
pub async fn write(
    store: &Store,
    facility: &FacilityId,
    since: Option<Timestamp>,
    file: Option<&Path>,
) -> anyhow::Result<Summary> {
    let mut out = file.map(Sheet::create).transpose()?;
    let mut summary = Summary::default();
    let mut after: Option<(PatientRef, CareContextRef)> = None;
    loop {
        let from = after.as_ref().map(|(patient, visit)| (patient, visit));
        // A page is a transaction of its own: nobody waits for a report.
        let page = store.read().await?.unlinked_visits(facility, since, from, PAGE).await?;
        for unlinked in &page {
            let left = left(unlinked);
            if let Some(out) = &mut out {
                out.write(&left)?;
            }
            let fresh = || Cause { visits: 0, explanation: left.explanation.clone() };
            summary.causes.entry(left.cause.clone()).or_insert_with(fresh).visits += 1;
        }
        let Some(last) = page.last() else { break };
        after = Some((last.context.patient.clone(), last.context.reference.clone()));
    }
    summary.without_abha_address = store.read().await?.visits_without_address(facility, since).await?;
    if let (Some(out), Some(path)) = (out, file) {
        out.end().with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(summary)
}

/// Why a visit is not linked.
#[must_use]
pub fn left(unlinked: &Unlinked) -> Left {
    let context = &unlinked.context;
    let known = context.link.error.as_ref().map(|error| (error.code.as_str(), error.explanation.as_str()));
    let (cause, explanation) = match context.link.state {
        LinkState::Failed | LinkState::Waiting if known.is_some() => known.unwrap_or_default(),
        LinkState::Failed => ("refused", "ABDM refused it."),
        LinkState::Waiting => ("waiting", "Its turn has not come, or ABDM's answer is awaited."),
        LinkState::Linking => ("linking", "ABDM was asked and has not answered yet."),
        LinkState::Unlinked | LinkState::Linked if context.hold => {
            ("on_hold", "The visit is still being written up (hold). It is linked once it is released.")
        }
        LinkState::Unlinked | LinkState::Linked if !unlinked.has_valid_record => {
            ("no_valid_record", "The visit has no record that is valid; its issues say how to mend them.")
        }
        LinkState::Unlinked | LinkState::Linked => ("not_listed", "The visit was not on the list."),
    };
    let until = context.link.error.as_ref().and_then(|error| error.until).or(context.link.due_at);
    Left {
        patient_ref: context.patient.clone(),
        care_context_ref: context.reference.clone(),
        date: context.date.as_str().to_owned(),
        state: context.link.state,
        cause: cause.to_owned(),
        explanation: explanation.to_owned(),
        until: until.filter(|_| context.link.state == LinkState::Waiting),
    }
}

/// A file that is written line by line.
struct Sheet {
    out: BufWriter<File>,
    json: bool,
    lines: u64,
}

impl Sheet {
    /// Only the owner may read it: references lead to patients.
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("{} can't be written", path.display()))?;
        let json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let mut out = BufWriter::new(file);
        if json {
            out.write_all(b"[")?;
        } else {
            writeln!(out, "patient_ref,care_context_ref,date,state,cause,until,explanation")?;
        }
        Ok(Self { out, json, lines: 0 })
    }

    fn write(&mut self, left: &Left) -> anyhow::Result<()> {
        if self.json {
            let gap = if self.lines > 0 { ",\n" } else { "\n" };
            write!(self.out, "{gap}{}", serde_json::to_string(left)?)?;
        } else {
            let until = left.until.map(|until| until.to_string()).unwrap_or_default();
            let fields = [
                left.patient_ref.as_str(),
                left.care_context_ref.as_str(),
                &left.date,
                left.state.as_str(),
                &left.cause,
                &until,
                &left.explanation,
            ];
            writeln!(self.out, "{}", fields.map(field).join(","))?;
        }
        self.lines += 1;
        Ok(())
    }

    fn end(mut self) -> std::io::Result<()> {
        if self.json {
            self.out.write_all(b"\n]\n")?;
        }
        self.out.flush()
    }
}

/// A field of a CSV line (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("V-1"), "V-1");
        assert_eq!(field("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
