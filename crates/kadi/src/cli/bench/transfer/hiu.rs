//! A requester of the bench: takes pages at an address of its own, decrypts each and compares what is in it, and keeps
//! nothing but how it was.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use md5::{Digest as _, Md5};
use serde::Deserialize;
use tokio::net::TcpListener;

/// The largest page that is taken.
const LIMIT: usize = 256 << 20;
/// Before a file within a document.
const FILE: &[u8] = b"\"data\":\"";

/// The SHA-256 of a file in base64.
pub(super) type FileHash = Vec<u8>;

/// What the requester has of its own.
pub(super) struct Hiu {
    pub(super) url: String,
    keys: Arc<Keys>,
    seen: Arc<Mutex<Seen>>,
}

/// Key pair and nonce of the request.
pub(super) struct Keys {
    pair: KeyPair,
    nonce: Nonce,
}

/// What arrived.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Pages taken, repeats included.
    pub(super) pages: usize,
    /// Numbers of pages.
    pub(super) numbers: BTreeSet<u32>,
    /// Bytes of documents.
    pub(super) bytes: u64,
    /// Hashes of the files within them.
    pub(super) files: BTreeSet<FileHash>,
    /// The first document, to send again.
    pub(super) document: Vec<u8>,
    /// What was wrong with pages.
    pub(super) faults: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(rename = "pageNumber")]
    number: u32,
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
    #[serde(borrow)]
    key_material: Material<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    checksum: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material<'a> {
    #[serde(borrow)]
    dh_public_key: Key<'a>,
    #[serde(borrow)]
    nonce: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key<'a> {
    #[serde(borrow)]
    key_value: Cow<'a, str>,
}

impl Hiu {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let keys = Arc::new(Keys { pair: KeyPair::generate()?, nonce: Nonce::generate()? });
        let seen = Arc::new(Mutex::new(Seen::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/push", listener.local_addr()?);
        let router = Router::new().route("/push", post(take)).layer(DefaultBodyLimit::max(LIMIT));
        let router = router.with_state((Arc::clone(&keys), Arc::clone(&seen)));
        // It ends with the process.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, keys, seen })
    }

    pub(super) fn public_key(&self) -> String {
        self.keys.pair.public().to_x509_base64()
    }

    pub(super) fn nonce(&self) -> String {
        self.keys.nonce.to_base64()
    }

    /// What arrived so far; from here on it is counted anew.
    pub(super) fn seen(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Own = (Arc<Keys>, Arc<Mutex<Seen>>);

async fn take(State((keys, seen)): State<Own>, body: Bytes) -> StatusCode {
    let opened = tokio::task::spawn_blocking(move || open(&keys, &body)).await;
    let opened = opened.unwrap_or_else(|error| Err(error.into()));
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match opened {
        Ok((number, documents)) => {
            seen.pages += 1;
            seen.numbers.insert(number);
            for Document { text, file } in documents {
                seen.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
                seen.files.extend(file);
                if seen.document.is_empty() {
                    seen.document = text;
                }
            }
            StatusCode::ACCEPTED
        }
        Err(error) => {
            seen.faults.push(format!("{error:#}"));
            StatusCode::BAD_REQUEST
        }
    }
}

struct Document {
    text: Vec<u8>,
    file: Option<FileHash>,
}

fn open(keys: &Keys, body: &[u8]) -> anyhow::Result<(u32, Vec<Document>)> {
    let page: Page<'_> = serde_json::from_slice(body).context("a page is not of the right shape")?;
    let strict = Tolerances::NONE;
    let key = PublicKey::parse(&page.key_material.dh_public_key.key_value, &strict)?.value;
    let nonce = Nonce::parse(&page.key_material.nonce)?;
    let session = Session::agree(keys.pair.private(), &key, &keys.nonce, &nonce)?;
    let mut documents = Vec::with_capacity(page.entries.len());
    for entry in &page.entries {
        let text = session.open_base64(&entry.content, &strict)?.plaintext;
        ensure!(hex::encode(Md5::digest(&text)) == entry.checksum, "a checksum is not that of its document");
        documents.push(Document { file: file_in(&text), text });
    }
    Ok((page.number, documents))
}

/// The hash of the first file in a document, as it is written there.
fn file_in(text: &[u8]) -> Option<FileHash> {
    let start = text.windows(FILE.len()).position(|window| window == FILE)? + FILE.len();
    let rest = text.get(start..)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    Some(hash(rest.get(..end)?))
}

pub(super) fn hash(file: &[u8]) -> FileHash {
    digest(&SHA256, file).as_ref().to_vec()
}
