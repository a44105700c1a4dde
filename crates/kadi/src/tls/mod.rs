//! TLS on the public listener: a certificate chain and a private key in two files, read again when they change.
//!
//! Who renews a certificate replaces the files and restarts nothing. A pair that is not usable is never put in the place
//! of one that is: it is told, in the log, in a metric, on the console and by `kadi doctor`, and the old one stays.
//! So is a certificate that is about to end, from [`SOON`] before, and one that has ended.

mod keeper;
mod pair;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;

pub use keeper::{Keeper, State};
pub use pair::{Files, Pair, PairError, SOON, Standing};

/// A TLS server that shows the certificate which `keeper` holds at the time, for HTTP/2 and HTTP/1.1.
///
/// # Errors
/// The provider takes none of the protocol versions.
pub fn server_config(keeper: &Arc<Keeper>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<Keeper>::clone(keeper);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
