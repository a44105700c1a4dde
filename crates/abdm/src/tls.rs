//! TLS for every outgoing connection: the system's roots, and those of `SSL_CERT_FILE` and `SSL_CERT_DIR` beside
//! them (most programs take these variables as a replacement, and then reach only half of what they should).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

/// Why no TLS client can be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No root certificate was found.
    #[error("no root certificates: install the system's ca-certificates, or name a file in SSL_CERT_FILE")]
    NoRoots,
    /// The provider takes none of the protocol versions.
    #[error("TLS cannot be set up")]
    Protocol(#[source] rustls::Error),
}

/// Where systems keep their roots in one file; read beside `SSL_CERT_FILE`.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// The roots that outgoing connections trust.
///
/// # Errors
/// There are none at all. Single certificates that cannot be read are left out.
pub fn roots() -> Result<RootCertStore, TlsError> {
    let file = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let directory = std::env::var_os("SSL_CERT_DIR").map(PathBuf::from);
    let mut roots = RootCertStore::empty();
    add(&mut roots, load_native_certs());
    if file.is_some() || directory.is_some() {
        let system = SYSTEM_BUNDLES.into_iter().map(Path::new).find(|path| path.exists());
        add(&mut roots, load_certs_from_paths(system, None));
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
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
/// No roots, or no common protocol version.
pub fn client_config() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
