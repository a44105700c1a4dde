//! Builders from the outside: what goes in, what comes out, what is refused.

mod examples;
mod mapper;
mod refusals;
mod safety;
mod schemas;
mod support;
