//! Pairs that are good, that are not, and how long.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{Clock as _, ManualClock};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::tls::Keeper;

const DAY: Duration = Duration::from_hours(24);

/// A self-signed certificate for `hospital.example`, good from 2026 until the end of this year, and its key.
fn made(until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["hospital.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn put(folder: &TempDir, cert: &str, key: &str) -> Files {
    let files = Files { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.cert, cert).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

fn clock(at: &str) -> ManualClock {
    ManualClock::at(at.parse().unwrap())
}

#[test]
fn a_pair_says_for_whom_and_until_when_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = made(2026);
    let pair = Pair::read(&put(&folder, &cert, &key)).unwrap();
    assert_eq!(pair.until.to_string(), "2026-12-31T00:00:00Z");
    assert!(pair.is_for("hospital.example") && !pair.is_for("other.example") && !pair.is_for("not a name"));
    for (at, standing) in [
        ("2025-12-31T23:59:59Z", Standing::NotYet),
        ("2026-06-01T00:00:00Z", Standing::Good),
        ("2026-12-01T00:00:00Z", Standing::Ending),
        ("2026-12-31T00:00:00Z", Standing::Expired),
    ] {
        assert_eq!(pair.standing(at.parse().unwrap()), standing, "{at}");
    }
}

#[test]
fn what_is_no_pair_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let ((cert, key), (_, other)) = (made(2026), made(2026));
    let cases = [
        ("", key.as_str(), "cert.pem holds no certificate"),
        (cert.as_str(), "", "key.pem holds no private key"),
        (cert.as_str(), &cert, "key.pem holds no private key"),
        (cert.as_str(), &other, "is not that of the first certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, "cannot be read"),
        (&cert[..cert.len() / 2], &key, "cert.pem"),
    ];
    for (cert, key, words) in cases {
        let error = Pair::read(&put(&folder, cert, key)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("BEGIN"), "{error}");
    }
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    let files = Files { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    assert!(Pair::read(&files).unwrap_err().to_string().contains("key.pem cannot be read"));
}

#[test]
fn a_changed_pair_is_taken_and_a_broken_one_leaves_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = made(2026);
    let files = put(&folder, &cert, &key);
    let keeper = Keeper::open(files, Arc::new(clock("2026-06-01T00:00:00Z"))).unwrap();
    assert_eq!(keeper.state().words(), None);

    std::fs::write(folder.path().join("cert.pem"), "half a file").unwrap();
    keeper.look();
    let state = keeper.state();
    assert_eq!(state.until.to_string(), "2026-12-31T00:00:00Z", "the old one stays");
    assert!(state.words().unwrap().contains("cert.pem holds no certificate"), "{:?}", state.words());
    keeper.look();
    assert!(keeper.state().trouble.is_some(), "it is still broken");

    let (cert, key) = made(2027);
    put(&folder, &cert, &key);
    keeper.look();
    assert_eq!(
        (keeper.state().until.to_string(), keeper.state().trouble),
        ("2027-12-31T00:00:00Z".to_owned(), None)
    );
}

#[test]
fn an_expired_pair_does_not_replace_a_good_one_but_may_be_started_with() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = made(2027);
    let time = clock("2026-12-01T00:00:00Z");
    let keeper = Keeper::open(put(&folder, &cert, &key), Arc::new(time.clone())).unwrap();
    time.advance(60 * DAY);
    let (old, old_key) = made(2026);
    put(&folder, &old, &old_key);
    keeper.look();
    assert!(keeper.state().trouble.unwrap().contains("2026-12-31"), "told");
    assert_eq!(keeper.state().until.to_string(), "2027-12-31T00:00:00Z");

    let late = Keeper::open(put(&folder, &old, &old_key), Arc::new(time.clone())).unwrap();
    assert_eq!(late.state().standing, Standing::Expired);
    assert!(late.state().words().unwrap().contains("has expired"));
    put(&folder, &cert, &key);
    late.look();
    assert_eq!(
        (late.state().standing, late.state().words()),
        (Standing::Good, None),
        "mended by the files alone"
    );
    assert!(time.now() > "2027-01-01T00:00:00Z".parse().unwrap());
}

#[test]
fn the_log_is_told_at_once_and_reminded_and_not_flooded() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = made(2026);
    let time = clock("2026-11-30T00:00:00Z");
    let logged = crate::logging::Captured::default();
    tracing::subscriber::with_default(logged.subscriber("warn").unwrap(), || {
        let keeper = Keeper::open(put(&folder, &cert, &key), Arc::new(time.clone())).unwrap();
        assert!(logged.text().is_empty(), "{}", logged.text());
        let lines = |after: Duration| {
            let before = logged.text().lines().count();
            time.advance(after);
            (0..100).for_each(|_| keeper.look());
            let text = logged.text();
            text.lines().skip(before).map(str::to_owned).collect::<Vec<_>>()
        };
        let warned = lines(DAY + Duration::from_secs(1));
        assert!(
            warned.len() == 1 && warned[0].contains("WARN") && warned[0].contains("in 29 days"),
            "{warned:?}"
        );
        assert_eq!((lines(DAY / 2).len(), lines(DAY / 2).len()), (0, 1), "once a day");
        let alarm = lines(30 * DAY);
        assert!(alarm.len() == 1 && alarm[0].contains("ERROR") && alarm[0].contains("expired"), "{alarm:?}");
        assert_eq!(lines(Duration::from_hours(1)).len(), 1, "every hour");
        std::fs::write(folder.path().join("key.pem"), "").unwrap();
        let broken = lines(Duration::ZERO);
        assert!(broken.len() == 1 && broken[0].contains("key.pem holds no private key"), "{broken:?}");
    });
}
