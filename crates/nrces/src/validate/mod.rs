//! Validation of document bundles against the NRCeS profiles.
