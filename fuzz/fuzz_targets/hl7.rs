//! Any bytes as an HL7 v2 message: read, acknowledged, and every record that it reports built or refused, without panic
//! or hang.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use kadi::records::to_nrces;
use kadi::sources::hl7::ack::Ack;
use kadi::sources::hl7::charset::Charset;
use kadi::sources::hl7::fault::AckCode;
use kadi::sources::hl7::{Terms, read};
use libfuzzer_sys::fuzz_target;

static TERMS: LazyLock<Terms> =
    LazyLock::new(|| Terms { charset: Charset::Utf8, processing: "PTD".to_owned(), limit: 1 << 20 });

fuzz_target!(|data: &[u8]| {
    let now: Timestamp = "2026-01-15T06:00:00Z".parse().expect("a time");
    let reading = read(data, &TERMS, "Sunrise Hospital", now);
    let (code, notices) = match &reading.plan {
        Ok(plan) => (AckCode::Accept, plan.notices.clone()),
        Err(fault) => (fault.code, vec![fault.notice.clone()]),
    };
    let ack = Ack { code, envelope: reading.envelope, notices };
    let answer = ack.message(now, "00000000000000000001");
    assert!(answer.starts_with("MSH|^~\\&|") && answer.ends_with('\r'), "no message");
    let Ok(plan) = reading.plan else { return };
    for content in
        plan.visits.iter().flat_map(|visit| &visit.changes).filter_map(|change| change.content.as_ref())
    {
        let _ = nrces::build(to_nrces(content.hi_type), &content.data, &nrces::Context::default());
    }
});
