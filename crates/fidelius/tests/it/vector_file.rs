//! The vector file, made by the reference implementation (fidelius-cli 1.2.0 on BouncyCastle 1.71).

use fidelius::{Nonce, PrivateKey, PublicKey, Session, Tolerances};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct VectorFile {
    pub format: String,
    pub positive: Vec<Positive>,
    pub lenient: Vec<Lenient>,
    pub negative: Vec<Negative>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Positive {
    pub id: String,
    pub tags: Vec<String>,
    pub sender: Side,
    pub requester: Side,
    pub plaintext: Plaintext,
    pub shared_secret: String,
    pub ciphertext: Option<String>,
    pub ciphertext_sha256: Option<String>,
    pub ciphertext_length: Option<usize>,
    pub tag: Option<String>,
    pub plaintext_md5: String,
    #[serde(default)]
    pub quirks: Quirks,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub private_key: String,
    pub public_key: String,
    pub x509_public_key: String,
    pub nonce: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Plaintext {
    Utf8 { utf8: String },
    Repeated { repeat: String, times: usize },
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Quirks {
    pub ciphertext_from_stripped_secret: Option<String>,
    pub sender_public_key_stripped: Option<String>,
    pub requester_public_key_stripped: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lenient {
    pub id: String,
    pub sender_private_key: String,
    pub requester_public_key: String,
    pub sender_nonce: String,
    pub requester_nonce: String,
    pub plaintext: String,
    pub ciphertext: String,
}

#[derive(Deserialize)]
pub struct Negative {
    pub id: String,
    pub kind: String,
    pub op: String,
    pub error: String,
    pub input: Input,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub plaintext: Option<String>,
    pub ciphertext: Option<String>,
    pub sender_nonce: String,
    pub requester_nonce: String,
    pub private_key: String,
    pub public_key: String,
}

pub fn load() -> VectorFile {
    let file: VectorFile = serde_json::from_str(include_str!("../data/fidelius.json")).unwrap();
    assert_eq!(file.format, "fidelius-vectors/1");
    assert_eq!((file.positive.len(), file.lenient.len(), file.negative.len()), (40, 8, 57));
    file
}

impl Plaintext {
    pub fn text(&self) -> String {
        match self {
            Self::Utf8 { utf8 } => utf8.clone(),
            Self::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }
}

impl Side {
    pub fn private(&self) -> PrivateKey {
        PrivateKey::parse(&self.private_key).unwrap()
    }

    pub fn nonce(&self) -> Nonce {
        Nonce::parse(&self.nonce).unwrap()
    }

    /// A session between this side and another, whose public key is given as text.
    pub fn session(&self, peer_key: &str, peer: &Self) -> Session {
        let peer_key = PublicKey::parse(peer_key, &Tolerances::ALL).unwrap().value;
        Session::agree(&self.private(), &peer_key, &self.nonce(), &peer.nonce()).unwrap()
    }
}
