//! What a transfer is compared with: encrypt, write as base64, post, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::{Context as _, ensure};
use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use futures_util::{StreamExt as _, TryStreamExt as _};
use md5::{Digest as _, Md5};
use reqwest::Client;

use super::hiu::Hiu;

/// As many at once as in a transfer by default.
const AT_ONCE: usize = 4;
/// What sealing a document adds to it.
const TAG: usize = 16;

/// Sends a document so many times, each under a key of its own; gives how long it took.
pub(super) async fn run(
    hiu: &Hiu,
    document: Vec<u8>,
    times: usize,
    clock: &SharedClock,
) -> anyhow::Result<Duration> {
    let client = Client::builder().no_proxy().build()?;
    let checksum = hex::encode(Md5::digest(&document));
    let sample = Arc::new(Sample { document, checksum, key: hiu.public_key(), nonce: hiu.nonce() });
    let began = clock.elapsed();
    let pages = futures_util::stream::iter(1..=times).map(|number| {
        let (sample, client, url) = (Arc::clone(&sample), client.clone(), hiu.url.clone());
        async move {
            let page = tokio::task::spawn_blocking(move || sample.page(number)).await??;
            let request = client.post(url).header("content-type", "application/json");
            let answer = request.body(page).send().await?;
            ensure!(answer.status().is_success(), "the requester did not take a page");
            Ok::<(), anyhow::Error>(())
        }
    });
    pages.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    Ok(clock.elapsed().saturating_sub(began))
}

/// What is sent again and again.
struct Sample {
    document: Vec<u8>,
    checksum: String,
    key: String,
    nonce: String,
}

impl Sample {
    fn page(&self, number: usize) -> anyhow::Result<String> {
        let tolerances = Tolerances::NONE;
        let (own, nonce) = (KeyPair::generate()?, Nonce::generate()?);
        let peer = PublicKey::parse(&self.key, &tolerances)?.value;
        let session = Session::agree(own.private(), &peer, &nonce, &Nonce::parse(&self.nonce)?)?;
        let mut document = Vec::with_capacity(self.document.len() + TAG);
        document.extend_from_slice(&self.document);
        let content = session.seal_base64_owned(document)?;
        let head = serde_json::json!({
            "pageNumber": number,
            "keyMaterial": {"dhPublicKey": {"keyValue": own.public().to_x509_base64()}, "nonce": nonce.to_base64()},
        });
        let head = head.to_string();
        let head = head.strip_suffix('}').context("an object ends with a bracket")?;
        let mut page = String::with_capacity(content.len() + head.len() + 200);
        page.push_str(head);
        page.push_str(",\"entries\":[{\"checksum\":\"");
        page.push_str(&self.checksum);
        page.push_str("\",\"content\":\"");
        page.push_str(&content);
        page.push_str("\"}]}");
        Ok(page)
    }
}
