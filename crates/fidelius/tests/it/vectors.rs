//! All 105 vectors.

use fidelius::{Error, Nonce, PrivateKey, PublicKey, Session, Tolerance, Tolerances};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::vector_file::{Input, Negative, Positive, Quirks, Side, load};

fn assert_sealed_as_the_reference_does(vector: &Positive, sealed: &str) {
    if let Some(expected) = &vector.ciphertext {
        assert_eq!(sealed, expected, "{}", vector.id);
        return;
    }
    let bytes = base64_simd::STANDARD.decode_to_vec(sealed).unwrap();
    assert_eq!(Some(bytes.len()), vector.ciphertext_length, "{}", vector.id);
    assert_eq!(Some(hex::encode(Sha256::digest(&bytes))), vector.ciphertext_sha256, "{}", vector.id);
    let (_, tag) = bytes.split_at(bytes.len() - fidelius::TAG_LEN);
    assert_eq!(Some(base64_simd::STANDARD.encode_to_string(tag)), vector.tag, "{}", vector.id);
}

#[test]
fn content_is_sealed_as_the_reference_seals_it_to_either_key_form() {
    for vector in load().positive {
        let (sender, requester, plaintext) = (&vector.sender, &vector.requester, vector.plaintext.text());
        let digest = base64_simd::STANDARD.encode_to_string(Md5::digest(plaintext.as_bytes()));
        assert_eq!(digest, vector.plaintext_md5);
        for key in [&requester.public_key, &requester.x509_public_key] {
            let session = sender.session(key, requester);
            let text = session.seal_base64(plaintext.as_bytes()).unwrap();
            assert_sealed_as_the_reference_does(&vector, &text);
            let bytes = session.seal(plaintext.as_bytes()).unwrap();
            assert_eq!(base64_simd::STANDARD.encode_to_string(&bytes), text);
            assert_eq!(session.seal_base64_owned(plaintext.clone().into_bytes()).unwrap(), text);
        }
    }
}

#[test]
fn content_is_opened_by_the_requester_and_by_the_sender_with_either_key_form() {
    for vector in load().positive {
        let (sender, requester, plaintext) = (&vector.sender, &vector.requester, vector.plaintext.text());
        let sealed = vector.ciphertext.clone().unwrap_or_else(|| {
            sender.session(&requester.public_key, requester).seal_base64(plaintext.as_bytes()).unwrap()
        });
        for (own, peer) in [(requester, sender), (sender, requester)] {
            for key in [&peer.public_key, &peer.x509_public_key] {
                let opened = own.session(key, peer).open_base64(&sealed, &Tolerances::NONE).unwrap();
                assert!(opened.used.is_empty());
                assert_eq!(opened.into_text().unwrap(), plaintext, "{}", vector.id);
            }
        }
    }
}

#[test]
fn both_public_key_forms_follow_from_the_private_key() {
    for vector in load().positive {
        for side in [&vector.sender, &vector.requester] {
            let public = side.private().public_key();
            assert_eq!(public.to_raw_base64(), side.public_key, "{}", vector.id);
            assert_eq!(public.to_x509_base64(), side.x509_public_key, "{}", vector.id);
        }
    }
}

#[test]
fn content_sealed_under_a_stripped_secret_is_opened_only_where_that_is_allowed() {
    let mut seen = 0;
    for vector in load().positive {
        let Quirks { ciphertext_from_stripped_secret: Some(sealed), .. } = &vector.quirks else { continue };
        assert!(vector.tags.iter().any(|tag| tag == "shared-secret-leading-zero"));
        assert!(vector.shared_secret.starts_with('A'));
        let session = vector.requester.session(&vector.sender.public_key, &vector.sender);

        let opened = session.open_base64(sealed, &Tolerances::ALL).unwrap();
        assert_eq!(opened.used.iter().collect::<Vec<_>>(), [Tolerance::StrippedSecret]);
        assert_eq!(opened.into_text().unwrap(), vector.plaintext.text());
        let bytes = base64_simd::STANDARD.decode_to_vec(sealed).unwrap();
        let opened = session.open(bytes, &Tolerances::ALL).unwrap();
        assert_eq!(opened.used.iter().collect::<Vec<_>>(), [Tolerance::StrippedSecret]);

        let strict = Tolerances { stripped_secret: false, ..Tolerances::ALL };
        assert_eq!(session.open_base64(sealed, &strict).unwrap_err(), Error::Tag);

        let mut altered = base64_simd::STANDARD.decode_to_vec(sealed).unwrap();
        altered[0] ^= 1;
        let text = base64_simd::STANDARD.encode_to_string(&altered);
        assert_eq!(session.open_base64(&text, &Tolerances::ALL).unwrap_err(), Error::Tag);
        assert_eq!(session.open(altered, &Tolerances::ALL).unwrap_err(), Error::Tag);
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn stripped_public_keys_are_mended_only_where_that_is_allowed() {
    let mut seen = 0;
    for vector in load().positive {
        let pairs: [(&Option<String>, &Side); 2] = [
            (&vector.quirks.sender_public_key_stripped, &vector.sender),
            (&vector.quirks.requester_public_key_stripped, &vector.requester),
        ];
        for (stripped, side) in pairs {
            let Some(stripped) = stripped else { continue };
            let mended = PublicKey::parse(stripped, &Tolerances::ALL).unwrap();
            assert_eq!(mended.value.to_raw_base64(), side.public_key, "{}", vector.id);
            assert_eq!(mended.used.iter().collect::<Vec<_>>(), [Tolerance::StrippedPublicKey]);

            let strict = Tolerances { stripped_public_key: false, ..Tolerances::ALL };
            assert_eq!(PublicKey::parse(stripped, &strict).unwrap_err().code(), "public-key");
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}

#[test]
fn unusual_encodings_that_the_reference_accepts_are_accepted() {
    for vector in load().lenient {
        let all = Tolerances::ALL;
        let private = PrivateKey::parse_with(&vector.sender_private_key, &all).unwrap().value;
        let peer = PublicKey::parse(&vector.requester_public_key, &all).unwrap().value;
        let nonces = (Nonce::parse(&vector.sender_nonce), Nonce::parse(&vector.requester_nonce));
        let session = Session::agree(&private, &peer, &nonces.0.unwrap(), &nonces.1.unwrap()).unwrap();
        let sealed = session.seal_base64(vector.plaintext.as_bytes()).unwrap();
        assert_eq!(sealed, vector.ciphertext, "{}", vector.id);
    }
}

fn session_of(input: &Input, tolerances: Tolerances) -> Result<Session, Error> {
    let private = PrivateKey::parse_with(&input.private_key, &tolerances)?.value;
    let peer = PublicKey::parse(&input.public_key, &tolerances)?.value;
    let sender = Nonce::parse_with(&input.sender_nonce, &tolerances)?.value;
    let requester = Nonce::parse_with(&input.requester_nonce, &tolerances)?.value;
    Session::agree(&private, &peer, &sender, &requester)
}

fn outcome(vector: &Negative, tolerances: Tolerances) -> Result<(), Error> {
    let session = session_of(&vector.input, tolerances)?;
    match vector.op.as_str() {
        "encrypt" => session.seal(vector.input.plaintext.as_ref().unwrap().as_bytes()).map(drop),
        "decrypt" => session.open_base64(vector.input.ciphertext.as_ref().unwrap(), &tolerances).map(drop),
        other => panic!("unknown operation {other}"),
    }
}

#[test]
fn every_bad_input_is_refused_with_its_class_whatever_is_forgiven() {
    for vector in load().negative {
        for tolerances in [Tolerances::ALL, Tolerances::NONE] {
            let error = outcome(&vector, tolerances).expect_err(&vector.kind);
            assert_eq!(error.code(), vector.error, "{} {}: {error}", vector.id, vector.kind);
        }
    }
}
