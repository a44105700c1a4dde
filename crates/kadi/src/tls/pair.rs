//! A certificate chain with its private key, as two PEM files hold it, and until when it is good.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;

use crate::config::Server;

/// From so long before its end a certificate is warned of.
pub const SOON: Duration = Duration::from_hours(24 * 30);

/// Where a pair is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

impl Files {
    /// What the configuration names, if TLS is on.
    pub fn configured(server: &Server) -> Option<Self> {
        let (cert, key) = (server.tls_cert_file.clone()?, server.tls_key_file.clone()?);
        Some(Self { cert, key })
    }
}

/// Why two files are no usable pair.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// There is no certificate in the chain's file.
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// A certificate is not one.
    #[error("{0} holds a certificate that cannot be read")]
    BadCertificate(PathBuf),
    /// There is no private key in the key's file.
    #[error("{0} holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, without a password)")]
    NoKey(PathBuf),
    /// The kind of key is not supported.
    #[error(
        "{0} holds a private key of a kind that is not supported: use RSA, ECDSA P-256 or P-384, or Ed25519"
    )]
    BadKey(PathBuf),
    /// The key is another certificate's.
    #[error("the private key in {key} is not that of the first certificate in {cert}")]
    Mismatch {
        /// The chain.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

/// Where a certificate stands in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Good, for longer than [`SOON`].
    Good,
    /// Good, and soon no more.
    Ending,
    /// Not good yet.
    NotYet,
    /// No longer good.
    Expired,
}

/// A usable pair.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What TLS works with.
    pub certified: Arc<CertifiedKey>,
    /// From when the whole chain is good.
    pub from: Timestamp,
    /// Until when: the end of whichever certificate of the chain ends first.
    pub until: Timestamp,
}

impl Pair {
    /// Reads a pair. That it has ended is no error: an alarm serves better than a listener that does not start.
    pub fn read(files: &Files) -> Result<Self, PairError> {
        Self::parse(files, &content(&files.cert)?, &content(&files.key)?)
    }

    /// A pair from what its files held.
    pub(super) fn parse(files: &Files, cert: &[u8], key: &[u8]) -> Result<Self, PairError> {
        let bad = || PairError::BadCertificate(files.cert.clone());
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(cert).collect::<Result<_, _>>().map_err(|_| bad())?;
        if chain.is_empty() {
            return Err(PairError::NoCertificate(files.cert.clone()));
        }
        let (mut from, mut until) = (Timestamp::MIN, Timestamp::MAX);
        for certificate in &chain {
            let (begins, ends) = validity(certificate).ok_or_else(bad)?;
            from = from.max(begins);
            until = until.min(ends);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PairError::NoKey(files.key.clone()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| PairError::BadKey(files.key.clone()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // Unknown: the kind of key does not tell.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => {
                return Err(PairError::Mismatch { cert: files.cert.clone(), key: files.key.clone() });
            }
        }
        Ok(Self { certified: Arc::new(certified), from, until })
    }

    /// Where it stands at this time.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if now >= self.until {
            Standing::Expired
        } else if now < self.from {
            Standing::NotYet
        } else if self.until.duration_since(now) <= jiff::SignedDuration::try_from(SOON).unwrap_or_default() {
            Standing::Ending
        } else {
            Standing::Good
        }
    }

    /// Whether the certificate is for this host.
    pub fn is_for(&self, host: &str) -> bool {
        let Some(leaf) = self.certified.cert.first() else { return false };
        let name = ServerName::try_from(host.to_owned());
        match (ParsedCertificate::try_from(leaf), name) {
            (Ok(leaf), Ok(name)) => verify_server_name(&leaf, &name).is_ok(),
            _ => false,
        }
    }
}

/// What a file holds.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(path).map_err(|error| PairError::Unreadable { path: path.to_owned(), error })
}

fn validity(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let validity = parsed.tbs_certificate().validity();
    let time = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
        Some(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
    };
    Some((time(validity.not_before)?, time(validity.not_after)?))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
