//! A page as it is sent: its JSON, with the contents of its entries put in where they lie.

use abdm::push::Parts;
use bytes::{Bytes, BytesMut};

/// How an entry without content is written. Nothing else in a page is: a quotation mark inside a text is escaped.
const EMPTY: &[u8] = br#""content":"""#;
/// Shorter pages are copied into one piece, which can be sent again on another connection.
const SHORT: usize = 256 << 10;

/// A page that is ready to be sent.
pub(super) struct Sealed {
    pub(super) body: Parts,
    /// The memory that it takes.
    pub(super) bytes: usize,
}

/// The most memory that a page takes while its documents, of so many bytes together, are sealed: plain, and as base64.
pub(super) fn while_sealed(plain: usize) -> usize {
    plain.saturating_add(plain / 2 * 3).saturating_add(4096)
}

/// Puts contents into the entries of a page that was written without any, in their order.
pub(super) fn put_together(page: &Bytes, contents: Vec<String>) -> Sealed {
    let mut parts = Vec::with_capacity(contents.len() * 2 + 1);
    let mut rest = page.clone();
    for content in contents {
        let place = rest.windows(EMPTY.len()).position(|window| window == EMPTY);
        let Some(place) = place else { break };
        parts.push(rest.split_to(place + EMPTY.len() - 1));
        parts.push(Bytes::from(content));
    }
    parts.push(rest);
    let bytes = parts.iter().map(Bytes::len).sum();
    let body = if bytes <= SHORT { Parts::from(joined(&parts, bytes)) } else { Parts::new(parts) };
    Sealed { body, bytes }
}

fn joined(parts: &[Bytes], bytes: usize) -> Bytes {
    let mut whole = BytesMut::with_capacity(bytes);
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use abdm::wire;
    use abdm::wire::health_information::{DataEntry, DataPage, KeyMaterial};
    use http_body_util::BodyExt as _;
    use serde_json::Value;

    use super::*;

    async fn page(contents: Vec<String>) -> Value {
        let entry = || DataEntry::new(String::new(), "c".repeat(32), "v1".parse().unwrap());
        let page = DataPage {
            page_number: 1,
            page_count: 1,
            transaction_id: "a7a8ed0e-b1f7-4b0b-bd6b-3b53ba0a1bba".parse().unwrap(),
            entries: contents.iter().map(|_| entry()).collect(),
            // Such a text does not make anything else look like an entry.
            key_material: KeyMaterial::new(
                "\"content\":\"\"".to_owned(),
                String::new(),
                abdm::time::AbdmTime(jiff::Timestamp::UNIX_EPOCH),
            ),
        };
        let Sealed { body, bytes } = put_together(&wire::write(&page).unwrap(), contents);
        assert_eq!(body.len(), bytes as u64);
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), bytes);
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn each_entry_gets_its_content_and_nothing_else_is_touched() {
        for length in [3, SHORT] {
            let contents: Vec<_> = ["a", "b", "c"].map(|letter| letter.repeat(length)).into();
            let page = page(contents.clone()).await;
            for (place, content) in contents.iter().enumerate() {
                assert!(page["entries"][place]["content"] == **content);
            }
            assert_eq!(page["keyMaterial"]["dhPublicKey"]["keyValue"], "\"content\":\"\"");
        }
        assert_eq!(page(Vec::new()).await["entries"], Value::Array(Vec::new()));
    }
}
