#![doc = include_str!("../README.md")]

pub mod callback;
pub mod client;
pub mod clock;
pub mod consent_signature;
pub mod error;
mod http_client;
pub mod id;
pub mod path;
pub mod push;
pub mod text;
pub mod time;
pub mod tls;
pub mod wire;
