//! A care context as JSON: the visit, where it stands with ABDM, and its records.

use domain::care_context::CareContext;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Record;
use utoipa::ToSchema;

/// What went wrong between us and ABDM.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExchangeProblem)]
pub struct LinkProblem {
    /// ABDM's code, such as `ABDM-1038`, or a word of ours, such as `overdue`.
    pub code: String,
    /// ABDM's own words, if it said any.
    pub message: String,
    /// What happened and what to do, in plain words.
    pub explanation: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Until when nothing will be tried, if there is such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl From<domain::problem::Problem> for LinkProblem {
    fn from(problem: domain::problem::Problem) -> Self {
        let domain::problem::Problem { code, message, explanation, at, until } = problem;
        Self { code, message, explanation, at, until }
    }
}

/// The visit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Visit)]
pub struct VisitView {
    /// The facility's reference of the patient.
    pub patient_ref: String,
    /// The facility's reference of the visit.
    pub care_context_ref: String,
    /// What the patient's app shows for it.
    pub display: String,
    /// When it was.
    pub date: String,
    /// Still being written up: not linked until released.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Taken back: its records are never shared again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

/// Where the visit stands with ABDM.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkView {
    /// `unlinked`: nothing to ask. `waiting`: not asked yet, will be by itself. `linking`: asked and not answered.
    /// `linked`: ABDM said so. `failed`: refused, and asked again only on request or after a change.
    #[schema(example = "linked")]
    pub state: &'static str,
    /// ABDM's last refusal, or why it waits.
    #[schema(required)]
    pub error: Option<LinkProblem>,
}

/// One problem of a record.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Issue)]
pub struct IssueView {
    /// `error` or `warning`. A record with an error is neither linked nor sent.
    pub severity: String,
    /// Where: a JSON pointer into `data`, or a FHIRPath location in a `bundle`.
    pub path: String,
    /// Which rule.
    pub rule: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// A record of the visit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StoredRecord)]
pub struct RecordView {
    /// Its id. An equal record that is put again keeps it.
    pub id: String,
    /// Its type, in ABDM's spelling.
    #[schema(example = "OPConsultation")]
    pub hi_type: &'static str,
    /// Whether it can be linked and sent.
    pub valid: bool,
    /// What is wrong with it, or worth knowing.
    pub issues: Vec<IssueView>,
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        Self {
            id: record.id.to_string(),
            hi_type: record.hi_type.as_str(),
            valid: record.valid,
            issues: serde_json::from_str(&record.issues).unwrap_or_default(),
        }
    }
}

/// A care context.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CareContext)]
pub struct CareContextView {
    /// The visit.
    pub care_context: VisitView,
    /// Where it stands with ABDM.
    pub link: LinkView,
    /// Its records, in the order sent.
    pub records: Vec<RecordView>,
}

impl CareContextView {
    /// The visit with its records.
    pub fn new(context: CareContext, records: Vec<Record>) -> Self {
        Self {
            care_context: VisitView {
                patient_ref: context.patient.to_string(),
                care_context_ref: context.reference.to_string(),
                display: context.display,
                date: context.date.to_string(),
                hold: context.hold,
                withdrawn: context.withdrawn,
            },
            link: LinkView {
                state: context.link.state.as_str(),
                error: context.link.error.map(LinkProblem::from),
            },
            records: records.into_iter().map(RecordView::from).collect(),
        }
    }
}
