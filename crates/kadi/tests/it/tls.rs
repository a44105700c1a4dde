//! The public listener with TLS: what it shows, and what becomes of changed, broken and expired certificates while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sandbox::SandboxConfig;
use store::testing::TestDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::world::World;

const DAY: Duration = Duration::from_hours(24);

/// Takes every certificate: the bridge's time is not this machine's.
#[derive(Debug)]
struct Anything;

fn algorithms() -> WebPkiSupportedAlgorithms {
    default_provider().signature_verification_algorithms
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

struct Secure {
    world: World,
    folder: tempfile::TempDir,
}

impl Secure {
    /// A bridge that has a certificate until this day (year, month, day).
    async fn with_certificate_until(until: (i32, u8, u8)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path(), until);
        let [cert, key] = paths(folder.path()).map(|path| path.display().to_string());
        let more = format!("server.tls_cert_file = '{cert}'\nserver.tls_key_file = '{key}'");
        let world = World::with(TestDatabase::sqlite(), SandboxConfig::default(), &more).await;
        Self { world, folder }
    }

    /// The certificate that is shown, the protocol that is agreed on, and, in HTTP/1.1, what `/healthz` answers.
    async fn look(&self, protocol: &str) -> (Vec<u8>, Option<Vec<u8>>, String) {
        let provider = Arc::new(default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(self.world.bridge.public).await.unwrap();
        let name = ServerName::try_from("hospital.example").unwrap();
        let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let (_, session) = tls.get_ref();
        let shown = session.peer_certificates().unwrap()[0].to_vec();
        let agreed = session.alpn_protocol().map(<[u8]>::to_vec);
        let mut answer = String::new();
        if protocol == "http/1.1" {
            let ask = "GET /healthz HTTP/1.1\r\nhost: hospital.example\r\nconnection: close\r\n\r\n";
            tls.write_all(ask.as_bytes()).await.unwrap();
            let _ = tls.read_to_string(&mut answer).await;
        }
        (shown, agreed, answer)
    }

    async fn shown(&self) -> Vec<u8> {
        let (shown, _, answer) = self.look("http/1.1").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok\n"), "{answer}");
        shown
    }

    async fn figure(&self, name: &str) -> f64 {
        let url = format!("http://{}/metrics", self.world.bridge.private);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in\n{text}"))
    }

    /// Lets time go on, ten seconds at a step, until this holds.
    async fn in_time(&self, mut holds: impl AsyncFnMut() -> bool) {
        self.world
            .until(async || {
                self.world.clock.advance(Duration::from_secs(10));
                holds().await.then_some(())
            })
            .await;
    }
}

fn paths(folder: &Path) -> [PathBuf; 2] {
    [folder.join("cert.pem"), folder.join("key.pem")]
}

/// Writes a new pair and gives its certificate.
fn write_pair(folder: &Path, (year, month, day): (i32, u8, u8)) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["hospital.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    let cert = params.self_signed(&key).unwrap();
    let [cert_path, key_path] = paths(folder);
    std::fs::write(cert_path, cert.pem()).unwrap();
    std::fs::write(key_path, key.serialize_pem()).unwrap();
    cert.der().to_vec()
}

#[tokio::test]
async fn both_versions_of_http_are_offered_and_plain_http_is_not_answered() {
    let secure = Secure::with_certificate_until((2027, 1, 1)).await;
    assert_eq!(secure.look("h2").await.1, Some(b"h2".to_vec()));
    let (_, agreed, answer) = secure.look("http/1.1").await;
    assert_eq!(agreed, Some(b"http/1.1".to_vec()));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let plain = reqwest::get(format!("http://{}/healthz", secure.world.bridge.public)).await;
    assert!(plain.is_err());
}

#[tokio::test]
async fn changed_files_are_in_use_without_a_restart_and_broken_ones_are_told_and_not_used() {
    let secure = Secure::with_certificate_until((2027, 1, 1)).await;
    let first = secure.shown().await;
    let second = write_pair(secure.folder.path(), (2027, 6, 1));
    assert_ne!(first, second);
    secure.in_time(async || secure.shown().await == second).await;
    assert_eq!(secure.figure("kadi_tls_files_unusable").await, 0.0);

    std::fs::write(&paths(secure.folder.path())[1], "no key").unwrap();
    secure.in_time(async || secure.figure("kadi_tls_files_unusable").await == 1.0).await;
    assert_eq!(secure.shown().await, second, "the old one stays");

    let third = write_pair(secure.folder.path(), (2027, 7, 1));
    secure.in_time(async || secure.shown().await == third).await;
    assert_eq!(secure.figure("kadi_tls_files_unusable").await, 0.0);
}

#[tokio::test]
async fn an_expired_certificate_is_an_alarm_that_a_new_one_ends() {
    let secure = Secure::with_certificate_until((2026, 2, 1)).await;
    assert_eq!(secure.figure("kadi_tls_certificate_expires_seconds").await, 11.75 * 86400.0);
    secure.world.clock.advance(13 * DAY);
    assert!(secure.figure("kadi_tls_certificate_expires_seconds").await < 0.0);
    let words = secure.world.core().tls.as_ref().unwrap().state().words().unwrap();
    assert!(words.contains("has expired at 2026-02-01"), "{words}");
    secure.shown().await;
    let new = write_pair(secure.folder.path(), (2027, 7, 1));
    secure.in_time(async || secure.shown().await == new).await;
    assert_eq!(secure.world.core().tls.as_ref().unwrap().state().words(), None);
}

#[tokio::test]
async fn a_bridge_does_not_start_with_a_pair_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), (2027, 1, 1));
    let more = format!(
        "server.tls_cert_file = '{0}/cert.pem'\nserver.tls_key_file = '{0}/cert.pem'",
        folder.path().display()
    );
    let config = crate::world::config(&folder, "http://127.0.0.1:1", &more);
    let database = TestDatabase::sqlite();
    let options =
        store::Options::new(database.url(), store::Key::new([7; 32]), abdm::clock::SystemClock::shared());
    let error = kadi::bridge::start_with(&config, options).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("server.tls_cert_file") && text.contains("holds no private key"), "{text}");
}
