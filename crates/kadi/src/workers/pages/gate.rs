//! The last look before a page leaves. Between the moment in which a page was found to be allowed and the one in which its
//! first byte leaves lie documents to be read, a session to be had and a connection to be made; another instance may have told
//! ABDM meanwhile that it knows the consent's end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use abdm::clock::SharedClock;
use abdm::push::Parts;
use abdm::wire::health_information::HealthInformationRequest;
use domain::facility::Facility;
use store::{Page, Store};

use super::PageError;
use crate::flows::permit::Permit;

/// For so long what was found of a page's visits and records stands; whether its consent does is asked in any case.
const FRESH: Duration = Duration::from_millis(100);

/// The gate of a transfer: what its pages are held to.
pub(super) struct Gate {
    pub(super) store: Store,
    pub(super) clock: SharedClock,
    pub(super) facility: Facility,
    pub(super) request: HealthInformationRequest,
    pub(super) permit: Permit,
}

/// What the gate has said, if it has said no.
pub(super) struct Verdict(Arc<Mutex<Option<PageError>>>);

impl Gate {
    /// Whether a page may leave.
    pub(super) async fn permitted(&self, page: &Page) -> Result<(), PageError> {
        let mut tx = self.store.read().await?;
        let verdict = self.permit.page(&mut tx, &self.facility, &self.request, page).await?;
        verdict.map_err(|why| PageError::Never(why.to_owned()))
    }

    /// Whether the consent stands.
    async fn stands(&self) -> Result<(), PageError> {
        let mut tx = self.store.read().await?;
        let verdict = self.permit.stands(&mut tx, &self.facility, &self.request).await?;
        verdict.map_err(|why| PageError::Never(why.to_owned()))
    }

    /// Puts a page that was found to be allowed at `looked` behind a gate at which that is asked again.
    pub(super) fn hold(self: &Arc<Self>, body: Parts, page: &Page, looked: Duration) -> (Parts, Verdict) {
        let said = Arc::new(Mutex::new(None));
        let (own, page, verdict) = (Arc::clone(self), page.clone(), Verdict(Arc::clone(&said)));
        let asked = async move {
            let fresh = own.clock.elapsed().saturating_sub(looked) < FRESH;
            let may = if fresh { own.stands().await } else { own.permitted(&page).await };
            let Err(why) = may else { return true };
            *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            false
        };
        (body.behind(asked), verdict)
    }
}

impl Verdict {
    /// Why the page was held back, if it was.
    pub(super) fn why(self) -> Option<PageError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
