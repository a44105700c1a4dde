//! A digit for the record type and the JSON of its input: no panic, no hang; what builds is the same when built again
//! and valid when read back.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use nrces::validate::{Mode, validate};
use nrces::{Context, HiType};

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    kadi_fuzz::mutate(data, size, most, seed, 1)
});

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let hi_type = HiType::ALL[usize::from(*first) % HiType::ALL.len()];
    let context = Context::default();
    if let Ok(built) = nrces::build_slice(hi_type, data, &context) {
        let bundle = serde_json::from_str(&built.json).expect("what is built is JSON");
        let issues = validate(&bundle, Mode::Send);
        assert!(!issues.iter().any(nrces::Issue::is_error), "built, and not valid: {issues:?}");
        let again = nrces::build_slice(hi_type, data, &context).map(|again| again.json).unwrap_or_default();
        assert_eq!(again, built.json, "built twice, and not the same");
    }
});
