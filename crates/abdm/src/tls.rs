//! TLS for every outgoing connection: the system's roots, and those of `SSL_CERT_FILE` and `SSL_CERT_DIR` beside
//! them (most programs take these variables as a replacement, and then reach only half of what they should).

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

/// TLS takes none of the protocol versions.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub struct TlsError(#[source] rustls::Error);

/// Where systems keep their roots in one file; read beside `SSL_CERT_FILE`.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// The roots that outgoing connections trust, read once. Single certificates that cannot be read are left out.
///
/// Without any root no `https://` connection comes about; others do, so this is told and no error.
#[must_use]
pub fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| Arc::new(load())))
}

fn load() -> RootCertStore {
    let named = |name| std::env::var_os(name).is_some();
    let mut roots = RootCertStore::empty();
    add(&mut roots, load_native_certs());
    if named("SSL_CERT_FILE") || named("SSL_CERT_DIR") {
        let system = SYSTEM_BUNDLES.into_iter().map(Path::new).find(|path| path.exists());
        add(&mut roots, load_certs_from_paths(system, None));
    }
    if roots.is_empty() {
        tracing::warn!(
            "no root certificates: install the system's ca-certificates, or name a file in SSL_CERT_FILE"
        );
    }
    roots
}

fn add(roots: &mut RootCertStore, found: CertificateResult) {
    for error in &found.errors {
        tracing::warn!(error = %error, "some root certificates could not be read");
    }
    roots.add_parsable_certificates(found.certs);
}

/// A TLS client with [`roots`], for HTTP/2 and HTTP/1.1.
///
/// # Errors
/// The provider takes none of the protocol versions.
pub fn client_config() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError)?
        .with_root_certificates(roots())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
