//! The local ABDM seen from outside: raw HTTP in, callbacks out.

#[cfg(test)]
mod app_pages;
#[cfg(test)]
mod bridge;
#[cfg(test)]
mod callbacks;
#[cfg(test)]
mod consents;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hip;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod linking_v05;
#[cfg(test)]
mod links;
#[cfg(test)]
mod odd;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod start;
#[cfg(test)]
mod steering;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod transfers;

#[cfg(test)]
use start::{HIP, RAMESH, SOON, sandbox, sandbox_with, timed};
