//! The binary from outside, and the bridge from inside, against the local ABDM.

#[cfg(test)]
mod callback_shapes;
#[cfg(test)]
mod callbacks;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod fidelius;
#[cfg(test)]
mod link_delivery;
#[cfg(test)]
mod link_faults;
#[cfg(test)]
mod link_tokens;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod transfer_pages;
#[cfg(test)]
mod world;
