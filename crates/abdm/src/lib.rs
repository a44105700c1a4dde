//! ABDM's protocol: identifiers, wire types, error codes, the gateway client and callback authentication.

pub mod clock;
pub mod error;
pub mod id;
pub mod path;
pub mod text;
pub mod time;
pub mod wire;
