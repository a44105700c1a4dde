#![doc = include_str!("../README.md")]

mod audit;
mod backfill;
mod backlog;
mod bridge_watch;
mod care_context;
mod consent;
mod database;
mod dialect;
mod discovery;
mod document;
mod error;
mod exchange;
mod facility;
#[cfg(any(test, feature = "testing"))]
pub mod fault;
mod intake;
mod journal;
mod key;
mod lease;
mod link_request;
mod master_key;
mod migrate;
mod objects;
mod open;
mod pace;
mod patient;
mod purge;
mod record;
mod rows;
mod seal;
mod share;
mod sms;
pub mod terminology;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token_desk;
mod transfer;
mod wake;
mod webhook;

pub use audit::{AuditFault, AuditHead, AuditLine};
pub use backfill::{BackfillProgress, ListedPage, Unlinked, Wanted};
pub use backlog::Backlog;
pub use bridge_watch::BridgeWatch;
pub use care_context::CareContextFilter;
pub use consent::StoredConsent;
pub use database::Tx;
pub use document::{Document, StoredDocument};
pub use error::{Result, StoreError};
pub use exchange::{Exchange, ExchangeFilter};
pub use intake::{Callback, Intake, IntakeWriter, MessageKey, Stored};
pub use journal::Event;
pub use key::{ApiKey, Session};
pub use lease::{Call, Lease, Made, Received, Sending};
pub use link_request::{Asker, Discovered, LinkRequest, Offered};
pub use master_key::master_key;
pub use objects::{ObjectId, Objects};
pub(crate) use open::Inner;
pub use open::{Options, Store};
pub use pace::OpenCalls;
pub use patient::PatientFilter;
pub use record::{NewRecord, Record, SourceHasher};
pub use seal::{Key, fill, random_key};
pub use share::{Share, ShareFilter};
pub use transfer::{
    ConsentStamp, Page, PageEntry, Shareable, ShareableRecord, Transfer, TransferContext,
};
pub use wake::Queue;
pub use webhook::{Attempted, Delivery, DeliveryState, Telling, Webhook};
