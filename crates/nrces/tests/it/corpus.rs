//! What the fuzzer kept (`fuzz/corpus`), held to what its targets hold it to.

use std::path::Path;

use nrces::rules::Rules;
use nrces::validate::{Mode, Options, validate, validate_with};
use nrces::{Context, HiType, Issue};
use serde_json::Value;

fn each(target: &str, mut look: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(folder).unwrap();
    let count = files.map(|file| look(&std::fs::read(file.unwrap().path()).unwrap())).count();
    assert!(count > 100, "{count}");
}

#[test]
fn whatever_builds_is_valid_when_read_back() {
    let (mut built, context) = (0, Context::default());
    each("clinical", |input| {
        let Some((first, data)) = input.split_first() else { return };
        let hi_type = HiType::ALL[usize::from(*first) % HiType::ALL.len()];
        let Ok(one) = nrces::build_slice(hi_type, data, &context) else { return };
        let bundle: Value = serde_json::from_str(&one.json).unwrap();
        let issues = validate(&bundle, Mode::Send);
        assert!(!issues.iter().any(Issue::is_error), "{issues:?}");
        built += 1;
    });
    assert!(built > 30, "{built}");
}

#[test]
fn any_bundle_is_looked_at_and_shown() {
    each("bundle", |input| {
        let Ok(bundle) = serde_json::from_slice::<Value>(input) else { return };
        let strict = Options { strict: true, collections: true, ..Options::default() };
        let _ = validate_with(Rules::builtin(), &bundle, strict);
        let _ = (nrces::summary(&bundle), nrces::render_html(&bundle));
    });
}
