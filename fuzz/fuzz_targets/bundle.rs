//! Any JSON as a bundle: validated, summarised and rendered without panic or hang.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use nrces::rules::Rules;
use nrces::validate::{Mode, Options, record_type, validate_with};

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    kadi_fuzz::mutate(data, size, most, seed, 0)
});

fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let strict = Options { mode: Mode::Send, strict: true, collections: true };
    let sent = validate_with(Rules::builtin(), &bundle, strict);
    let received =
        validate_with(Rules::builtin(), &bundle, Options { mode: Mode::Receive, ..Options::default() });
    assert!(!sent.is_empty() || received.is_empty(), "a fault for the reader that the sender is not told");
    let _ = record_type(&bundle);
    let _ = nrces::summary(&bundle);
    let _ = nrces::render_html(&bundle);
});
