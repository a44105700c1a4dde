//! `kadi fidelius serve`: the HTTP form that users of a FIDELIUS_URL expect.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::net::TcpListener;

use super::output;
use super::request::{self, Answer, Failure, FailureBody, Keys};

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 256 << 20;

/// Serves until the process is asked to end.
pub(super) async fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    output::problem(format_args!("listening on http://{}", listener.local_addr()?));
    axum::serve(listener, router(BODY_LIMIT)).with_graceful_shutdown(asked_to_end()).await?;
    Ok(())
}

fn router(body_limit: usize) -> Router {
    Router::new()
        .route("/keys/generate", get(generate_keys))
        .route("/encrypt", post(|body| serve(body, request::served_encrypt)))
        .route("/decrypt", post(|body| serve(body, request::served_decrypt)))
        .method_not_allowed_fallback(async || {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .fallback(async || {
            refuse(StatusCode::NOT_FOUND, "the paths are /keys/generate, /encrypt and /decrypt")
        })
        .layer(DefaultBodyLimit::max(body_limit))
}

fn refuse(status: StatusCode, message: &'static str) -> Response {
    failed(status, Failure::new("not-found", message))
}

async fn generate_keys() -> Response {
    match Keys::generate_served() {
        Ok(keys) => ([(header::CACHE_CONTROL, "no-store")], Json(keys)).into_response(),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, error.into()),
    }
}

type Body = Result<Bytes, BytesRejection>;

async fn serve<A: Serialize + Send + 'static>(
    body: Body,
    answer: fn(&[u8]) -> Result<Answer<A>, Failure>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    // A long body takes long; other requests shall not wait for it.
    match tokio::task::spawn_blocking(move || answer(&body)).await {
        Ok(Ok(Answer { body, used })) => {
            for tolerance in used.iter() {
                tracing::info!(tolerance = tolerance.name(), "a peer's fault was forgiven");
            }
            Json(body).into_response()
        }
        Ok(Err(failure)) => failed(StatusCode::BAD_REQUEST, failure),
        Err(_) => {
            let failure = Failure::new("library", "the request could not be served");
            failed(StatusCode::INTERNAL_SERVER_ERROR, failure)
        }
    }
}

fn unread(rejection: &BytesRejection) -> Response {
    let code = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { "too-long" } else { "json" };
    failed(rejection.status(), Failure::new(code, "the body is too long or ended early"))
}

fn failed(status: StatusCode, error: Failure) -> Response {
    (status, Json(FailureBody { error })).into_response()
}

/// Ends with the first Ctrl-C or SIGTERM.
async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = interrupted.await;
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    async fn call(method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        let response = router(10_000).oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn keys() -> Value {
        let (status, keys) = call("GET", "/keys/generate", Body::empty()).await;
        assert_eq!(status, StatusCode::OK);
        keys
    }

    fn encryption(sender: &Value, receiver: &Value) -> Value {
        json!({
            "receiverPublicKey": receiver["publicKey"], "receiverNonce": receiver["nonce"],
            "senderPrivateKey": sender["privateKey"], "senderPublicKey": sender["publicKey"],
            "senderNonce": sender["nonce"], "plainTextData": "नमस्ते \"quoted\"",
        })
    }

    #[tokio::test]
    async fn what_is_encrypted_is_decrypted_with_the_key_to_share() {
        let (sender, receiver) = (keys().await, keys().await);
        assert_eq!(sender.as_object().unwrap().len(), 3);
        let (status, sealed) = call("POST", "/encrypt", encryption(&sender, &receiver).to_string()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(sealed["keyToShare"].as_str().unwrap().len(), 412);
        let request = json!({
            "receiverPrivateKey": receiver["privateKey"], "receiverNonce": receiver["nonce"],
            "senderPublicKey": sealed["keyToShare"], "senderNonce": sender["nonce"],
            "encryptedData": sealed["encryptedData"],
        });
        let (status, opened) = call("POST", "/decrypt", request.to_string()).await;
        assert_eq!((status, opened), (StatusCode::OK, json!({"decryptedData": "नमस्ते \"quoted\""})));
    }

    #[tokio::test]
    async fn the_senders_public_key_may_be_left_out_but_not_be_anothers() {
        let (sender, receiver) = (keys().await, keys().await);
        let mut request = encryption(&sender, &receiver);
        request["senderPublicKey"] = Value::Null;
        assert_eq!(call("POST", "/encrypt", request.to_string()).await.0, StatusCode::OK);
        request["senderPublicKey"] = receiver["publicKey"].clone();
        let (status, refused) = call("POST", "/encrypt", request.to_string()).await;
        assert_eq!((status, &refused["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("public-key")));
    }

    #[tokio::test]
    async fn every_refusal_has_one_shape() {
        let (sender, receiver) = (keys().await, keys().await);
        let mut bad_nonce = encryption(&sender, &receiver);
        bad_nonce["senderNonce"] = json!("AAAA");
        for (method, path, body, status, code) in [
            ("POST", "/encrypt", bad_nonce.to_string(), 400, "nonce"),
            ("POST", "/encrypt", "{".to_owned(), 400, "json"),
            ("POST", "/decrypt", "{}".to_owned(), 400, "json"),
            ("POST", "/decrypt", r#"{"receiverPrivateKey": 5}"#.to_owned(), 400, "json"),
            ("POST", "/decrypt", "x".repeat(10_001), 413, "too-long"),
            ("GET", "/encrypt", String::new(), 405, "not-found"),
            ("GET", "/", String::new(), 404, "not-found"),
        ] {
            let (answered, refused) = call(method, path, body).await;
            assert_eq!(
                (answered.as_u16(), refused["error"]["code"].as_str()),
                (status, Some(code)),
                "{method} {path}"
            );
            assert!(refused["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
        }
    }

    #[tokio::test]
    async fn a_refusal_does_not_quote_the_request() {
        let (_, refused) = call("POST", "/encrypt", r#"{"senderPrivateKey": 123456789}"#).await;
        assert!(!refused.to_string().contains("123456789"));
        let (_, refused) = call("POST", "/encrypt", r#""a secret text""#).await;
        assert!(!refused.to_string().contains("secret"));
    }
}
