//! One request, whichever way it came: JSON in, JSON out.

use std::borrow::Cow;

use fidelius::{Error, KeyPair, Nonce, PrivateKey, PublicKey, Session, Tolerances, Used};
use serde::{Deserialize, Serialize, Serializer};

/// What answers a request, and which faults of the peer were forgiven.
#[derive(Debug)]
pub(super) struct Answer<A> {
    pub(super) body: A,
    pub(super) used: Used,
}

/// Why a request is not served, as it is told: a stable code, and what to mend where.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // Other messages about the content of the JSON quote it.
        let quotes = error.is_data()
            && !["missing field", "duplicate field"].iter().any(|safe| text.starts_with(safe));
        let place = (error.line(), error.column());
        Self::new(
            "json",
            if quotes { format!("not an object of texts, {}:{}", place.0, place.1) } else { text },
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// A failure as the body that carries it.
#[derive(Debug, Serialize)]
pub(super) struct FailureBody {
    pub(super) error: Failure,
}

/// A new key pair and nonce, ready to be sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Keys {
    #[serde(serialize_with = "as_text")]
    private_key: PrivateKey,
    public_key: String,
    /// Not among the keys that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_public_key: Option<String>,
    nonce: String,
}

impl Keys {
    /// As `kadi fidelius keygen` prints them.
    pub(super) fn generate() -> Result<Self, Error> {
        let (pair, nonce) = (KeyPair::generate()?, Nonce::generate()?);
        Ok(Self {
            private_key: pair.private().clone(),
            public_key: pair.public().to_raw_base64(),
            x509_public_key: Some(pair.public().to_x509_base64()),
            nonce: nonce.to_base64(),
        })
    }

    /// As `GET /keys/generate` answers them.
    pub(super) fn generate_served() -> Result<Self, Error> {
        Ok(Self { x509_public_key: None, ..Self::generate()? })
    }
}

/// Leaves no copy of the text behind.
fn as_text<S: Serializer>(key: &PrivateKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key.to_base64())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Encrypt<'a> {
    #[serde(borrow)]
    sender_private_key: Cow<'a, str>,
    #[serde(borrow)]
    sender_nonce: Cow<'a, str>,
    #[serde(borrow)]
    requester_public_key: Cow<'a, str>,
    #[serde(borrow)]
    requester_nonce: Cow<'a, str>,
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encrypted {
    encrypted_data: String,
}

/// Serves a line of `kadi fidelius encrypt`.
pub(super) fn encrypt(json: &[u8]) -> Result<Answer<Encrypted>, Failure> {
    let request: Encrypt<'_> = read(json)?;
    let agreed = Sides {
        private_key: ("senderPrivateKey", &request.sender_private_key),
        own_nonce: ("senderNonce", &request.sender_nonce),
        public_key: ("requesterPublicKey", &request.requester_public_key),
        peer_nonce: ("requesterNonce", &request.requester_nonce),
    }
    .agree()?;
    let encrypted_data = agreed.seal(request.plaintext)?;
    Ok(Answer { body: Encrypted { encrypted_data }, used: agreed.used })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Decrypt<'a> {
    #[serde(borrow)]
    requester_private_key: Cow<'a, str>,
    #[serde(borrow)]
    requester_nonce: Cow<'a, str>,
    #[serde(borrow)]
    sender_public_key: Cow<'a, str>,
    #[serde(borrow)]
    sender_nonce: Cow<'a, str>,
    #[serde(borrow)]
    encrypted_data: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Decrypted {
    plaintext: String,
}

/// Serves a line of `kadi fidelius decrypt`.
pub(super) fn decrypt(json: &[u8]) -> Result<Answer<Decrypted>, Failure> {
    let request: Decrypt<'_> = read(json)?;
    let agreed = Sides {
        private_key: ("requesterPrivateKey", &request.requester_private_key),
        own_nonce: ("requesterNonce", &request.requester_nonce),
        public_key: ("senderPublicKey", &request.sender_public_key),
        peer_nonce: ("senderNonce", &request.sender_nonce),
    }
    .agree()?;
    let (plaintext, used) = agreed.open(&request.encrypted_data)?;
    Ok(Answer { body: Decrypted { plaintext }, used })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct ServedEncrypt<'a> {
    #[serde(borrow)]
    receiver_public_key: Cow<'a, str>,
    #[serde(borrow)]
    receiver_nonce: Cow<'a, str>,
    #[serde(borrow)]
    sender_private_key: Cow<'a, str>,
    #[serde(borrow)]
    sender_public_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sender_nonce: Cow<'a, str>,
    #[serde(borrow)]
    plain_text_data: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServedEncrypted {
    encrypted_data: String,
    key_to_share: String,
}

/// Serves `POST /encrypt`.
pub(super) fn served_encrypt(json: &[u8]) -> Result<Answer<ServedEncrypted>, Failure> {
    let request: ServedEncrypt<'_> = read(json)?;
    let agreed = Sides {
        private_key: ("senderPrivateKey", &request.sender_private_key),
        own_nonce: ("senderNonce", &request.sender_nonce),
        public_key: ("receiverPublicKey", &request.receiver_public_key),
        peer_nonce: ("receiverNonce", &request.receiver_nonce),
    }
    .agree()?;
    let own = agreed.own.public_key();
    let mut used = agreed.used;
    if let Some(text) = &request.sender_public_key {
        let named =
            PublicKey::parse(text, &Tolerances::default()).map_err(|error| at("senderPublicKey", &error))?;
        used = used.union(named.used);
        if !is_same_x(&named.value, &own) {
            return Err(Failure::new(
                "public-key",
                "senderPublicKey: not the public key of senderPrivateKey",
            ));
        }
    }
    let encrypted_data = agreed.seal(request.plain_text_data)?;
    Ok(Answer { body: ServedEncrypted { encrypted_data, key_to_share: own.to_x509_base64() }, used })
}

/// Whether two keys are the same but for the sign of Y, which some tools have the other way round and which does not
/// change the secret.
fn is_same_x(one: &PublicKey, other: &PublicKey) -> bool {
    one.to_raw().get(..33) == other.to_raw().get(..33)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct ServedDecrypt<'a> {
    #[serde(borrow)]
    receiver_private_key: Cow<'a, str>,
    #[serde(borrow)]
    receiver_nonce: Cow<'a, str>,
    #[serde(borrow)]
    sender_public_key: Cow<'a, str>,
    #[serde(borrow)]
    sender_nonce: Cow<'a, str>,
    #[serde(borrow)]
    encrypted_data: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServedDecrypted {
    decrypted_data: String,
}

/// Serves `POST /decrypt`.
pub(super) fn served_decrypt(json: &[u8]) -> Result<Answer<ServedDecrypted>, Failure> {
    let request: ServedDecrypt<'_> = read(json)?;
    let agreed = Sides {
        private_key: ("receiverPrivateKey", &request.receiver_private_key),
        own_nonce: ("receiverNonce", &request.receiver_nonce),
        public_key: ("senderPublicKey", &request.sender_public_key),
        peer_nonce: ("senderNonce", &request.sender_nonce),
    }
    .agree()?;
    let (decrypted_data, used) = agreed.open(&request.encrypted_data)?;
    Ok(Answer { body: ServedDecrypted { decrypted_data }, used })
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::json(&error))
}

/// A field's name and its text.
type Field<'a> = (&'static str, &'a str);

/// What both sides bring to an exchange, as one of them sees it.
struct Sides<'a> {
    private_key: Field<'a>,
    own_nonce: Field<'a>,
    public_key: Field<'a>,
    peer_nonce: Field<'a>,
}

/// The key both sides agree on.
struct Agreed {
    own: PrivateKey,
    session: Session,
    used: Used,
}

impl Sides<'_> {
    fn agree(self) -> Result<Agreed, Failure> {
        let forgive = Tolerances::default();
        let own = PrivateKey::parse_with(self.private_key.1, &forgive)
            .map_err(|error| at(self.private_key.0, &error))?;
        let peer =
            PublicKey::parse(self.public_key.1, &forgive).map_err(|error| at(self.public_key.0, &error))?;
        let nonces = [self.own_nonce, self.peer_nonce];
        let [own_nonce, peer_nonce] =
            nonces.map(|(field, text)| Nonce::parse_with(text, &forgive).map_err(|error| at(field, &error)));
        let (own_nonce, peer_nonce) = (own_nonce?, peer_nonce?);
        let session = Session::agree(&own.value, &peer.value, &own_nonce.value, &peer_nonce.value)?;
        let used = [own.used, peer.used, own_nonce.used, peer_nonce.used];
        Ok(Agreed { own: own.value, session, used: used.into_iter().fold(Used::default(), Used::union) })
    }
}

impl Agreed {
    fn seal(&self, plaintext: Cow<'_, str>) -> Result<String, Error> {
        match plaintext {
            Cow::Borrowed(text) => self.session.seal_base64(text.as_bytes()),
            Cow::Owned(text) => self.session.seal_base64_owned(text.into_bytes()),
        }
    }

    fn open(&self, content: &str) -> Result<(String, Used), Failure> {
        let opened = self.session.open_base64(content, &Tolerances::default());
        let opened = opened.map_err(|error| at("encryptedData", &error))?;
        let used = self.used.union(opened.used);
        Ok((opened.into_text().map_err(|error| at("encryptedData", &error))?, used))
    }
}

/// The failure of one field.
fn at(field: &str, error: &Error) -> Failure {
    Failure::new(error.code(), format!("{field}: {error}"))
}
