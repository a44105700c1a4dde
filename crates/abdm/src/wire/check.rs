//! Whether a callback's body has its callback's shape, before anything is done with it.

use super::{
    BodyError, confirm, consent, context, discover, health_information, init, link, patient_status, read,
    share, token, v05,
};
use crate::path::Callback;

/// Reads the whole message that the callback brings, and forgets it: for the answer 400 to what is malformed,
/// before anything is stored.
///
/// # Errors
/// The body is not the callback's message.
pub fn check(callback: Callback, body: &[u8]) -> Result<(), BodyError> {
    match callback {
        Callback::OnGenerateToken => read::<token::OnGenerateToken>(body).map(drop),
        Callback::OnCareContext => read::<link::OnCareContext>(body).map(drop),
        Callback::OnContextNotify | Callback::OnSmsNotify => read::<context::OnNotify>(body).map(drop),
        Callback::Discover | Callback::DiscoverV05 => read::<discover::Discover>(body).map(drop),
        Callback::LinkInit => read::<init::LinkInit>(body).map(drop),
        Callback::LinkConfirm | Callback::LinkConfirmV05 => read::<confirm::LinkConfirm>(body).map(drop),
        Callback::ConsentNotify => check_consent(&read::<consent::ConsentNotify>(body)?.notification),
        Callback::HealthInformationRequest => {
            read::<health_information::HealthInformationRequest>(body).map(drop)
        }
        Callback::ProfileShare => read::<share::ProfileShare>(body).map(drop),
        Callback::LinkInitV05 => v05::link_init(body).map(drop),
        Callback::PatientStatus | Callback::PatientStatusV05 => {
            read::<patient_status::PatientStatusNotify>(body)?.notification.whose().map(drop)
        }
    }
}

/// A consent's artefact is read with it, where there is one.
fn check_consent(notification: &consent::ConsentNotification) -> Result<(), BodyError> {
    notification.detail().map(drop)
}
