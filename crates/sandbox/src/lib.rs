#![doc = include_str!("../README.md")]

mod callbacks;
mod config;
mod core;
mod faults;
mod gateway;
mod hiu;
mod judge;
mod keys;
mod phr;
mod refusal;
mod server;
mod steer;
mod world;

pub use config::{Rules, SandboxConfig, Timing};
pub use core::{Sandbox, StartError};
pub use faults::{CallFault, CallbackFault, Fault, Plan, PushFault, When};
pub use hiu::{KeyForm, RecordsWanted};
pub use keys::{Forgery, KeyError};
pub use phr::consents::{Granted, HiuNamed};
pub use phr::{
    Choice, ConsentWanted, DiscoveryWanted, Frequency, Identifier, Renotify, ShareWanted, StatusWanted,
};
pub use server::{Handle, serve};
pub use steer::people::BridgeChange;
pub use steer::{Figures, Idle, RawAnswer, RawCallback, SteerError, openapi};
pub use world::consents::{Acknowledgement, Consent, ConsentStatus, ContextRef};
pub use world::journal::{Direction, Entry, Verdict};
pub use world::ledger::{Effect, EffectKind, Violation};
pub use world::linkings::{ApiVersion, Linking, LinkingState};
pub use world::links::{LinkedBy, LinkedContext};
pub use world::registry::{Bridge, Facility, Home, Person, Service};
pub use world::shares::{Share, ShareState};
pub use world::statuses::{AbhaNotice, AbhaStatus};
pub use world::transfers::{Page, ReceivedEntry, Transfer, TransferState};
