//! What peers get wrong and is forgiven: each switch, each report.

use fidelius::{
    KeyPair, Nonce, PrivateKey, PublicKey, Session, Tolerance, ToleranceCounts, Tolerances, Used,
};

/// The first private key from `start` on whose public key fits, with that key.
fn key_with(start: u16, fits: impl Fn(&[u8; 65]) -> bool) -> PublicKey {
    let pair = (start..).find_map(|number| {
        let mut bytes = [0; 32];
        bytes[30..].copy_from_slice(&number.to_be_bytes());
        let pair = KeyPair::from_private(PrivateKey::from_bytes(&bytes).ok()?);
        fits(&pair.public().to_raw()).then_some(pair)
    });
    pair.unwrap().public().clone()
}

/// The raw point without the leading zeros of its coordinates.
fn stripped(key: &PublicKey) -> Vec<u8> {
    let raw = key.to_raw();
    let without = |number: &[u8]| number.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
    [vec![4], without(&raw[1..33]), without(&raw[33..])].concat()
}

fn parse(bytes: &[u8], tolerances: Tolerances) -> Option<(PublicKey, Used)> {
    let text = base64_simd::STANDARD.encode_to_string(bytes);
    PublicKey::parse(&text, &tolerances).ok().map(|parsed| (parsed.value, parsed.used))
}

#[test]
fn stripped_points_are_mended_raw_and_behind_both_x509_prefixes() {
    for key in [key_with(1, |raw| raw[1] == 0), key_with(1, |raw| raw[33] == 0)] {
        let point = stripped(&key);
        assert_eq!(point.len(), 64);
        let x509 = base64_simd::STANDARD.decode_to_vec(key.to_x509_base64()).unwrap();
        let explicit = [&x509[..244], &point[..]].concat();
        let named = hex::decode("305b301506072a8648ce3d0201060a2b060104019755010501034200").unwrap();
        for bytes in [point.clone(), explicit, [named, point].concat()] {
            let (mended, used) = parse(&bytes, Tolerances::ALL).unwrap();
            assert_eq!(mended, key);
            assert!(used.contains(Tolerance::StrippedPublicKey));
            assert!(parse(&bytes, Tolerances::NONE).is_none());
        }
    }
}

#[test]
fn several_missing_zero_bytes_are_mended_too() {
    let key = key_with(48_400, |raw| raw[1] == 0 && raw[33] == 0);
    assert_eq!(stripped(&key).len(), 63);
    assert_eq!(parse(&stripped(&key), Tolerances::ALL).unwrap().0, key);
}

#[test]
fn a_key_that_lacks_other_bytes_than_zeros_is_not_mended() {
    let key = key_with(1, |raw| raw[1] != 0 && raw[33] != 0);
    for gap in 1..65 {
        let mut raw = key.to_raw().to_vec();
        raw.remove(gap);
        assert!(parse(&raw, Tolerances::ALL).is_none(), "byte {gap} removed");
    }
}

#[test]
fn wrapped_and_escaped_keys_nonces_and_contents_are_read() {
    let pair = KeyPair::generate().unwrap();
    let nonce = Nonce::from_bytes([0xfb; 32]);
    let escape = |text: &str| text.replace('+', r"\u002B").replace('/', r"\u002F").replace('=', r"\u003d");
    let wrap = |text: &str| format!(" {}\r\n{}\n", &text[..20], &text[20..]);

    let session = Session::agree(pair.private(), pair.public(), &nonce, &nonce).unwrap();
    let content = session.seal_base64(&[b'x'; 500]).unwrap();
    for (damage, tolerance) in [
        (&escape as &dyn Fn(&str) -> String, Tolerance::EscapedCharacters),
        (&wrap as &dyn Fn(&str) -> String, Tolerance::WhiteSpace),
    ] {
        let all = Tolerances::ALL;
        let key = PublicKey::parse(&damage(&pair.public().to_x509_base64()), &all).unwrap();
        assert_eq!((&key.value, key.used.contains(tolerance)), (pair.public(), true));
        let read = Nonce::parse_with(&damage(&nonce.to_base64()), &all).unwrap();
        assert_eq!((read.value, read.used.contains(tolerance)), (nonce, true));
        let opened = session.open_base64(&damage(&content), &all).unwrap();
        assert_eq!(opened.plaintext, [b'x'; 500]);
        assert_eq!(opened.used.contains(tolerance), damage(&content) != content);
    }
}

#[test]
fn uses_are_counted_each_under_its_name() {
    let counts = ToleranceCounts::default();
    let spaced =
        Nonce::parse_with(" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &Tolerances::ALL).unwrap();
    let both =
        Nonce::parse_with(r"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\u003D ", &Tolerances::ALL).unwrap();
    counts.record(spaced.used);
    counts.record(both.used);
    counts.record(Used::default());
    let expected =
        [("stripped-secret", 0), ("stripped-public-key", 0), ("white-space", 2), ("escaped-characters", 1)];
    assert_eq!(Tolerance::ALL.map(|tolerance| (tolerance.name(), counts.get(tolerance))), expected);
    assert_eq!(format!("{:?}", both.used), r#"{"white-space", "escaped-characters"}"#);
    assert_eq!(spaced.used.union(both.used), both.used);
}
