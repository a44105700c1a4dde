#![doc = include_str!("../README.md")]

mod audit;
mod backlog;
mod care_context;
mod consent;
mod database;
mod dialect;
mod error;
mod exchange;
mod facility;
#[cfg(any(test, feature = "testing"))]
pub mod fault;
mod intake;
mod journal;
mod key;
mod lease;
mod master_key;
mod migrate;
mod open;
mod patient;
mod record;
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
pub use backlog::Backlog;
pub use care_context::CareContextFilter;
pub use consent::StoredConsent;
pub use database::Tx;
pub use error::{Result, StoreError};
pub use exchange::{Exchange, ExchangeFilter};
pub use intake::{Callback, Intake, IntakeWriter, Stored};
pub use journal::Event;
pub use key::{ApiKey, Session};
pub use lease::{Call, Lease, Made, Received, Sending};
pub use master_key::master_key;
pub(crate) use open::Inner;
pub use open::{Options, Store};
pub use patient::PatientFilter;
pub use record::{NewRecord, Record};
pub use seal::{Key, fill, random_key};
pub use share::{Share, ShareFilter};
pub use transfer::{Page, PageEntry, Transfer, TransferContext};
pub use wake::Queue;
pub use webhook::{Attempted, Delivery, DeliveryState, Telling, Webhook};
