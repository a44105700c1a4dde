//! Promises that hold for all inputs.

use fidelius::{KeyPair, Nonce, PrivateKey, PublicKey, Session, Tolerances};
use proptest::prelude::*;

/// Both ends of one exchange.
#[derive(Debug, Clone)]
struct Exchange {
    sender: (KeyPair, Nonce),
    requester: (KeyPair, Nonce),
}

impl Exchange {
    fn sending(&self) -> Session {
        agree(&self.sender, self.requester.0.public(), &self.requester.1)
    }

    fn receiving(&self) -> Session {
        agree(&self.requester, self.sender.0.public(), &self.sender.1)
    }
}

fn agree(own: &(KeyPair, Nonce), peer: &PublicKey, peer_nonce: &Nonce) -> Session {
    Session::agree(own.0.private(), peer, &own.1, peer_nonce).unwrap()
}

prop_compose! {
    fn side()(mut key in any::<[u8; 32]>(), nonce in any::<[u8; 32]>()) -> (KeyPair, Nonce) {
        key[0] &= 0x0f;
        let private = PrivateKey::from_bytes(&key).unwrap();
        (KeyPair::from_private(private), Nonce::from_bytes(nonce))
    }
}

prop_compose! {
    fn exchange()(sender in side(), requester in side()) -> Exchange {
        Exchange { sender, requester }
    }
}

/// The bytes with one bit changed, chosen by `at` among all.
fn flipped(bytes: &[u8], at: prop::sample::Index) -> Vec<u8> {
    let bit = at.index(bytes.len() * 8);
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_come_back_as_they_went(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..5000)) {
        let sealed = exchange.sending().seal_base64(&plaintext).unwrap();
        let opened = exchange.receiving().open_base64(&sealed, &Tolerances::ALL).unwrap();
        prop_assert!(opened.used.is_empty());
        prop_assert_eq!(&opened.plaintext, &plaintext);

        let bytes = exchange.sending().seal(&plaintext).unwrap();
        prop_assert_eq!(bytes.len(), plaintext.len() + 16);
        prop_assert_eq!(base64(&bytes), sealed);
        prop_assert_eq!(exchange.receiving().open(bytes, &Tolerances::NONE).unwrap().plaintext, plaintext);
    }

    #[test]
    fn content_with_any_bit_changed_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let changed = flipped(&exchange.sending().seal(&plaintext).unwrap(), at);
        let refused = exchange.receiving().open_base64(&base64(&changed), &Tolerances::ALL);
        prop_assert_eq!(refused.unwrap_err().code(), "tag");
        prop_assert!(exchange.receiving().open(changed, &Tolerances::ALL).is_err());
    }

    #[test]
    fn content_text_with_any_bit_changed_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let changed = flipped(exchange.sending().seal_base64(&plaintext).unwrap().as_bytes(), at);
        if let Ok(changed) = String::from_utf8(changed) {
            prop_assert!(exchange.receiving().open_base64(&changed, &Tolerances::ALL).is_err());
        }
    }

    #[test]
    fn cut_or_lengthened_content_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), end in any::<prop::sample::Index>(), more in any::<u8>()) {
        let mut sealed = exchange.sending().seal(&plaintext).unwrap();
        let cut = &sealed[..end.index(sealed.len())];
        prop_assert!(exchange.receiving().open(cut.to_vec(), &Tolerances::ALL).is_err());
        sealed.push(more);
        prop_assert!(exchange.receiving().open(sealed, &Tolerances::ALL).is_err());
    }

    #[test]
    fn any_bit_changed_in_either_nonce_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), of_sender in any::<bool>()) {
        let sealed = exchange.sending().seal(&plaintext).unwrap();
        let mut wrong = exchange;
        let nonce = if of_sender { &mut wrong.sender.1 } else { &mut wrong.requester.1 };
        *nonce = Nonce::from_bytes(flipped(nonce.as_bytes(), at).try_into().unwrap());
        prop_assert_eq!(wrong.receiving().open(sealed, &Tolerances::ALL).unwrap_err().code(), "tag");
    }

    #[test]
    fn any_bit_changed_in_the_private_key_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let sealed = exchange.sending().seal(&plaintext).unwrap();
        let private = base64_simd::STANDARD.decode_to_vec(exchange.requester.0.private().to_base64().as_str()).unwrap();
        if let Ok(private) = PrivateKey::parse(&base64(&flipped(&private, at))) {
            let mut wrong = exchange;
            wrong.requester.0 = KeyPair::from_private(private);
            prop_assert_eq!(wrong.receiving().open(sealed, &Tolerances::ALL).unwrap_err().code(), "tag");
        }
    }

    #[test]
    fn any_bit_changed_in_the_public_key_is_refused(exchange in exchange(), plaintext in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let sealed = exchange.sending().seal(&plaintext).unwrap();
        let changed = base64(&flipped(&exchange.sender.0.public().to_raw(), at));
        if let Ok(key) = PublicKey::parse(&changed, &Tolerances::ALL) {
            // Only another spelling of the same point gets so far: the hybrid form.
            prop_assert_eq!(&key.value, exchange.sender.0.public());
        }
        let other = agree(&exchange.requester, exchange.requester.0.public(), &exchange.sender.1);
        prop_assert_eq!(other.open(sealed, &Tolerances::ALL).unwrap_err().code(), "tag");
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,120}", bytes in prop::collection::vec(any::<u8>(), 0..330)) {
        for text in [text, base64(&bytes), format!("MIIB{}", base64(&bytes)), format!("MFsw{}", base64(&bytes))] {
            let _ = PublicKey::parse(&text, &Tolerances::ALL);
            let _ = PrivateKey::parse_with(&text, &Tolerances::ALL);
            let _ = Nonce::parse_with(&text, &Tolerances::ALL);
        }
    }

    #[test]
    fn keys_survive_their_texts(side in side()) {
        let public = side.0.public();
        for text in [public.to_raw_base64(), public.to_x509_base64()] {
            prop_assert_eq!(&PublicKey::parse(&text, &Tolerances::NONE).unwrap().value, public);
        }
        let private = PrivateKey::parse(&side.0.private().to_base64()).unwrap();
        prop_assert_eq!(&private.public_key(), public);
    }
}
