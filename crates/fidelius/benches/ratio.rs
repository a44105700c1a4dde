//! Ratios that must hold, each of times taken side by side in one run:
//!
//! - a whole encryption with a fresh key pair takes at most 1.4 times the sum of its parts: key
//!   generation, agreement with all checks, AEAD, SIMD base64;
//! - sealing under a derived key, from 1 MB up, has at least 80 % of the speed of the AEAD crate.
//!
//! Both for a plaintext that is lent, where the AEAD crate too must first make room for its output,
//! and for one that is given away, where both work in place. Exits 1 if one is broken.
#![expect(clippy::unwrap_used, reason = "a failed operation ends the run, and should")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(clippy::disallowed_methods, reason = "divan gives times, not ratios of times taken together")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use aws_lc_rs::aead::{self, AES_256_GCM, Aad, LessSafeKey, UnboundKey};
use base64_simd::STANDARD;
use fidelius::{KeyPair, Nonce, PublicKey, Session, TAG_LEN, Tolerances};

const SIZES: [(&str, usize); 4] =
    [("1 KB", 1 << 10), ("10 KB", 10 << 10), ("1 MB", 1 << 20), ("16 MB", 16 << 20)];
const WHOLE_AT_MOST: f64 = 1.4;
const SEAL_AT_LEAST: f64 = 0.8;

fn main() -> ExitCode {
    println!(
        "median microseconds; whole: times the sum of its parts; seal: times the speed of the AEAD alone"
    );
    let held = SIZES.map(|(name, size)| Times::measure(size).report(name, size));
    if held.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What stays the same over all rounds.
struct Setting {
    peer: String,
    peer_nonce: Nonce,
    own: (KeyPair, Nonce),
    session: Session,
    aead: LessSafeKey,
    plaintext: Vec<u8>,
}

impl Setting {
    fn new(size: usize) -> Self {
        let (peer, peer_nonce) = key_generation();
        let own = key_generation();
        Self {
            session: Session::agree(own.0.private(), peer.public(), &own.1, &peer_nonce).unwrap(),
            peer: peer.public().to_raw_base64(),
            peer_nonce,
            own,
            aead: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap()),
            plaintext: vec![b'x'; size],
        }
    }

    fn agreement(&self, own: &(KeyPair, Nonce)) -> Session {
        let peer = PublicKey::parse(&self.peer, &Tolerances::ALL).unwrap().value;
        Session::agree(own.0.private(), &peer, &own.1, &self.peer_nonce).unwrap()
    }

    /// A whole encryption, with the texts that are sent beside the content.
    fn whole(&self, seal: impl FnOnce(Session) -> String) -> (String, String, String) {
        let own = key_generation();
        let content = seal(self.agreement(&own));
        (own.0.public().to_x509_base64(), own.1.to_base64(), content)
    }

    /// A plaintext to give away, with the room for a tag.
    fn given(&self) -> Vec<u8> {
        let mut given = Vec::with_capacity(self.plaintext.len() + TAG_LEN);
        given.extend_from_slice(&self.plaintext);
        given
    }

    fn aead_in_place(&self, buffer: &mut Vec<u8>) {
        let iv = aead::Nonce::assume_unique_for_key([1; 12]);
        self.aead.seal_in_place_append_tag(iv, Aad::empty(), buffer).unwrap();
    }
}

fn key_generation() -> (KeyPair, Nonce) {
    (KeyPair::generate().unwrap(), Nonce::generate().unwrap())
}

/// Microseconds of each operation, one of every round.
#[derive(Default)]
struct Times {
    key_generation: Vec<f64>,
    agreement: Vec<f64>,
    base64: Vec<f64>,
    lent: Way,
    given: Way,
}

/// Microseconds with a plaintext that is lent, or given away.
#[derive(Default)]
struct Way {
    whole: Vec<f64>,
    aead: Vec<f64>,
    seal: Vec<f64>,
}

impl Times {
    fn measure(size: usize) -> Self {
        let setting = Setting::new(size);
        let (session, plaintext) = (&setting.session, &setting.plaintext);
        let ciphertext = session.seal(plaintext).unwrap();
        let mut times = Self::default();
        let rounds = (1 << 30) / (size + (1 << 20));
        for _ in 0..rounds.min(500) {
            times.key_generation.push(time(key_generation));
            times.agreement.push(time(|| setting.agreement(&setting.own)));
            times.base64.push(time(|| STANDARD.encode_to_string(&ciphertext)));

            times.lent.whole.push(time(|| setting.whole(|session| session.seal_base64(plaintext).unwrap())));
            times.lent.aead.push(time(|| setting.aead_in_place(&mut setting.given())));
            times.lent.seal.push(time(|| session.seal(plaintext).unwrap()));

            let given = setting.given();
            times
                .given
                .whole
                .push(time(|| setting.whole(|session| session.seal_base64_owned(given).unwrap())));
            let mut given = setting.given();
            times.given.aead.push(time(|| setting.aead_in_place(&mut given)));
            given.truncate(size);
            times.given.seal.push(time(|| session.seal_in_place(&mut given).unwrap()));
        }
        times
    }

    /// Prints two lines and says whether the bounds hold.
    fn report(self, name: &str, size: usize) -> bool {
        let shared = [self.key_generation, self.agreement, self.base64].map(median);
        let [key_generation, agreement, base64] = shared;
        println!(
            "{name:>5}: key generation {key_generation:.1}, agreement {agreement:.1}, base64 {base64:.1}"
        );
        let held = [("lent", self.lent), ("given", self.given)].map(|(way, times)| {
            let [whole, aead, seal] = [times.whole, times.aead, times.seal].map(median);
            let (of_parts, of_speed) = (whole / (shared.iter().sum::<f64>() + aead), aead / seal);
            println!(
                "       {way:>5}: AEAD {aead:.1}; whole {whole:.1} = {of_parts:.2}; seal {seal:.1} = {of_speed:.2}"
            );
            of_parts <= WHOLE_AT_MOST && (size < 1 << 20 || of_speed >= SEAL_AT_LEAST)
        });
        held == [true, true]
    }
}

fn time<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    *times.get(times.len() / 2).unwrap()
}
