//! Builders from the outside: what goes in, what comes out, what is refused.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod corpus;
mod examples;
mod mapper;
mod refusals;
mod safety;
mod schemas;
mod support;
