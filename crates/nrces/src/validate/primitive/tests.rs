use serde_json::json;

use super::*;

fn ok(primitive: Primitive, texts: &[&str]) {
    for text in texts {
        assert_eq!(check(primitive, (&json!(text)).into()), Ok(()), "{primitive:?} {text:?}");
    }
}

fn bad(primitive: Primitive, texts: &[&str]) {
    for text in texts {
        assert!(matches!(check(primitive, (&json!(text)).into()), Err(Format(_))), "{primitive:?} {text:?}");
    }
}

#[test]
fn dates_are_real_days() {
    ok(Primitive::Date, &["2024", "2024-02", "2024-02-29", "1900-12-31"]);
    bad(
        Primitive::Date,
        &[
            "",
            "24",
            "2023-02-29",
            "1900-02-29",
            "2024-13",
            "2024-00-01",
            "2024-1-1",
            "2024-01-32",
            "2024/01/01",
            "2024-01-01T00:00:00Z",
            "0000",
            "2024-01-01 ",
        ],
    );
}

#[test]
fn a_time_of_day_needs_seconds_and_zone() {
    ok(
        Primitive::DateTime,
        &[
            "2024",
            "2024-05-31",
            "2024-05-31T09:30:00+05:30",
            "2024-05-31T09:30:00.123Z",
            "2016-12-31T23:59:60Z",
            "2024-05-31T09:30:00+14:00",
        ],
    );
    bad(
        Primitive::DateTime,
        &[
            "2024-05-31T09:30",
            "2024-05-31T09:30:00",
            "2024-05-31T09:30+05:30",
            "2024-05-31T24:00:00Z",
            "2024-05T09:30:00Z",
            "2024-05-31T09:30:00+14:30",
            "2024-05-31T09:30:00+5:30",
            "2024-05-31t09:30:00Z",
            "2024-05-31T09:30:00.Z",
            "2024-05-31T09:30:00ZZ",
        ],
    );
    bad(Primitive::Instant, &["2024-05-31", "2024-05-31T09:30:00"]);
    ok(Primitive::Time, &["09:30:00", "09:30:00.5"]);
    bad(Primitive::Time, &["9:30:00", "09:30", "09:30:00Z", "25:00:00"]);
}

#[test]
fn identifiers_keep_their_forms() {
    ok(Primitive::Id, &["a", "A-1.b"]);
    bad(Primitive::Id, &["", "a_b", "a b", &"x".repeat(65)]);
    ok(
        Primitive::Uri,
        &["urn:uuid:0c5b6a3e-1111-4222-8333-444455556666", "http://a/b", "urn:oid:1.2.356", "Patient/1"],
    );
    bad(
        Primitive::Uri,
        &[
            "a b",
            "urn:uuid:0C5B6A3E-1111-4222-8333-444455556666",
            "urn:uuid:1",
            "urn:oid:9.1",
            "urn:oid:1.02",
        ],
    );
    ok(Primitive::Code, &["final", "a b", "<"]);
    bad(Primitive::Code, &[" final", "final ", "a  b", "a\tb"]);
}

#[test]
fn base64_is_checked_to_its_padding() {
    ok(Primitive::Base64Binary, &["QUJD", "QUI=", "QQ==", "QUJD\nQUJD", " QUJD "]);
    bad(Primitive::Base64Binary, &["", "QUJ", "QUI", "QU-_", "====", "QUJD!", " "]);
}

#[test]
fn json_types_are_not_taken_for_each_other() {
    for (primitive, value) in [
        (Primitive::Boolean, json!("true")),
        (Primitive::Integer, json!("1")),
        (Primitive::Decimal, json!("1.5")),
        (Primitive::String, json!(1)),
        (Primitive::Date, json!(2024)),
        (Primitive::Code, json!(true)),
        (Primitive::String, json!({})),
    ] {
        assert!(matches!(check(primitive, (&value).into()), Err(Type(_))), "{primitive:?} {value}");
    }
    assert_eq!(check(Primitive::Decimal, (&json!(1.5)).into()), Ok(()));
    assert_eq!(check(Primitive::PositiveInt, (&json!(1)).into()), Ok(()));
    for (primitive, value) in [
        (Primitive::PositiveInt, json!(0)),
        (Primitive::UnsignedInt, json!(-1)),
        (Primitive::Integer, json!(1.5)),
        (Primitive::Integer, json!(3_000_000_000_i64)),
    ] {
        assert!(matches!(check(primitive, (&value).into()), Err(Format(_))), "{primitive:?} {value}");
    }
}
