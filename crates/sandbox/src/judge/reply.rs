//! What every reply of an HIP has in common: `response.requestId`, and `error` in place of the result.

use super::patterns::{CODE, MESSAGE, UUID};
use super::{Node, Wrong};

/// The error that an HIP put in place of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaidError {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// `response.requestId`: the `REQUEST-ID` of the callback that is answered.
pub(crate) fn request_id(body: &Node<'_>) -> Result<String, Wrong> {
    Ok(body.member("response")?.matching("requestId", &UUID)?.to_owned())
}

/// The member `error`, judged, if it is there.
pub(crate) fn error(body: &Node<'_>) -> Result<Option<SaidError>, Wrong> {
    let Some(error) = body.maybe("error")? else { return Ok(None) };
    let code = error.matching("code", &CODE)?;
    let message = error.matching("message", &MESSAGE)?;
    Ok(Some(SaidError { code: code.trim_end_matches([':', ' ']).to_owned(), message: message.to_owned() }))
}
