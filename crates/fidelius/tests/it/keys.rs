//! Keys and nonces: texts, generation, what is shown of them.

use fidelius::{Error, KeyPair, Nonce, PrivateKey, PublicKey, PublicKeyFault, Session, Tolerances};

fn private(number: u8) -> PrivateKey {
    let mut bytes = [0; 32];
    bytes[31] = number;
    PrivateKey::from_bytes(&bytes).unwrap()
}

fn parse(bytes: &[u8]) -> Result<PublicKey, Error> {
    let text = base64_simd::STANDARD.encode_to_string(bytes);
    PublicKey::parse(&text, &Tolerances::ALL).map(|parsed| parsed.value)
}

#[test]
fn a_generated_pair_reads_back_from_all_its_texts() {
    let pair = KeyPair::generate().unwrap();
    let (raw, x509) = (pair.public().to_raw_base64(), pair.public().to_x509_base64());
    assert_eq!((raw.len(), x509.len()), (88, 412));
    assert!(raw.starts_with('B') && x509.starts_with("MIIBMTCB6gYHKoZIzj0CATCB3gIBATAr"));
    for text in [raw, x509] {
        assert_eq!(&PublicKey::parse(&text, &Tolerances::NONE).unwrap().value, pair.public());
    }
    let kept = pair.private().to_base64();
    assert_eq!(kept.len(), 44);
    assert_eq!(PrivateKey::parse(&kept).unwrap().public_key(), *pair.public());
}

#[test]
fn no_two_generated_things_are_equal() {
    let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    assert_ne!(one.public(), other.public());
    assert_ne!(Nonce::generate().unwrap(), Nonce::generate().unwrap());
}

#[test]
fn short_and_padded_private_keys_are_read_and_written_with_32_bytes() {
    for text in ["BQ==", "AAU=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAF"] {
        let key = PrivateKey::parse(text).unwrap();
        assert_eq!(key.public_key(), private(5).public_key());
        assert_eq!(*key.to_base64(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAU=");
    }
}

#[test]
fn a_short_private_key_with_its_first_bit_set_is_no_negative_number() {
    // As care and pyfidelius write them.
    assert_eq!(PrivateKey::parse("gA==").unwrap().public_key(), private(128).public_key());
}

#[test]
fn secrets_are_not_shown() {
    let pair = KeyPair::generate().unwrap();
    let nonce = Nonce::generate().unwrap();
    let session = Session::agree(pair.private(), pair.public(), &nonce, &nonce).unwrap();
    let sealed = session.seal_base64(b"diagnosis").unwrap();
    let opened = session.open_base64(&sealed, &Tolerances::ALL).unwrap();
    let shown = format!("{:?} {:?} {session:?} {opened:?}", pair, pair.private());
    assert!(!shown.contains(pair.private().to_base64().as_str()));
    assert!(!shown.contains("diagnosis") && !shown.contains(&format!("{:?}", b"diagnosis")));
}

#[test]
fn the_named_form_of_a_key_is_the_same_key() {
    let public = private(9).public_key();
    let prefix = hex::decode("305b301506072a8648ce3d0201060a2b060104019755010501034200").unwrap();
    assert_eq!(parse(&[&prefix[..], &public.to_raw()].concat()).unwrap(), public);
}

#[test]
fn a_negated_y_is_another_key_with_the_same_secret() {
    // 2^255 - 19 - y, as a tool with the other generator would send it.
    let mut raw = private(1).public_key().to_raw();
    let y = hex::decode("5f51e65e475f794b1fe122d388b72eb36dc2b28192839e4dd6163a5d81312c14").unwrap();
    raw[33..].copy_from_slice(&y);
    let negated = parse(&raw).unwrap();
    assert_ne!(negated, private(1).public_key());
    let nonce = Nonce::from_bytes([7; 32]);
    let sealed = Session::agree(&private(3), &negated, &nonce, &nonce).unwrap().seal_base64(b"x").unwrap();
    let own = Session::agree(&private(1), &private(3).public_key(), &nonce, &nonce).unwrap();
    assert_eq!(own.open_base64(&sealed, &Tolerances::NONE).unwrap().plaintext, b"x");
}

#[test]
fn a_hybrid_point_must_have_the_parity_it_says() {
    let mut raw = private(4).public_key().to_raw();
    let odd = raw[64] & 1;
    raw[0] = 6 | odd;
    assert_eq!(parse(&raw).unwrap(), private(4).public_key());
    raw[0] = 6 | (odd ^ 1);
    assert!(parse(&raw).is_err());
}

#[test]
fn faults_of_public_keys_are_told_apart() {
    let x509 = base64_simd::STANDARD.decode_to_vec(private(2).public_key().to_x509_base64()).unwrap();
    let fault = |bytes: &[u8]| match parse(bytes) {
        Err(Error::PublicKey(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[]), PublicKeyFault::Form { length: 0 });
    assert_eq!(fault(&x509[..200]), PublicKeyFault::Der);
    assert_eq!(fault(&[&x509[..], &[0]].concat()), PublicKeyFault::Der);
    let x25519 = hex::decode("302a300506032b656e032100").unwrap();
    assert_eq!(fault(&[&x25519[..], &[9; 32]].concat()), PublicKeyFault::Algorithm);
    let mut other_prime = x509.clone();
    other_prime[64] ^= 1;
    assert_eq!(fault(&other_prime), PublicKeyFault::Curve);
    let mut off_curve = private(2).public_key().to_raw();
    off_curve[64] ^= 1;
    assert_eq!(fault(&off_curve), PublicKeyFault::OffCurve);
    assert_eq!(fault(&[&[4][..], &[0xff; 64]].concat()), PublicKeyFault::Range);
}

#[test]
fn no_cut_or_changed_x509_key_is_read_as_another_key() {
    let public = private(200).public_key();
    let x509 = base64_simd::STANDARD.decode_to_vec(public.to_x509_base64()).unwrap();
    for end in 0..x509.len() {
        assert!(parse(&x509[..end]).is_err(), "cut at {end}");
    }
    for bit in 0..x509.len() * 8 {
        let mut changed = x509.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = parse(&changed) {
            assert_eq!(read, public, "bit {bit}");
        }
    }
}

#[test]
fn nonces_are_32_bytes_and_nothing_else() {
    let text = Nonce::from_bytes([1; 32]).to_base64();
    assert_eq!(text.len(), 44);
    assert_eq!(Nonce::parse(&text).unwrap().as_bytes(), &[1; 32]);
    for length in [0, 16, 31, 33, 64] {
        let text = base64_simd::STANDARD.encode_to_string(vec![1; length]);
        assert_eq!(Nonce::parse(&text).unwrap_err(), Error::Nonce { length });
    }
    let wrapped = format!("{}\n", Nonce::from_bytes([1; 32]).to_base64());
    assert_eq!(Nonce::parse(&wrapped).unwrap_err().code(), "base64");
    assert!(!Nonce::parse_with(&wrapped, &Tolerances::ALL).unwrap().used.is_empty());
}
