//! The store against its promises, on both databases. `./scripts/test -p store` runs them.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod backfill;
#[cfg(test)]
mod care_contexts;
#[cfg(test)]
mod consents;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod events;
#[cfg(test)]
mod exchanges;
#[cfg(test)]
mod facilities;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod link_requests;
#[cfg(test)]
mod local_codes;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod patients;
#[cfg(test)]
mod portability;
#[cfg(test)]
mod purge;
#[cfg(test)]
mod records;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod terminology;
#[cfg(test)]
mod token_desk;
#[cfg(test)]
mod transfer_sizes;
#[cfg(test)]
mod transfers;
#[cfg(test)]
mod world;
