//! Times and memory of every step: `cargo bench -p fidelius --bench speed`.
//!
//! `max alloc` is what a call holds at most, besides its input.
#![expect(clippy::unwrap_used, reason = "a failed operation ends the run, and should")]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 4] = [1 << 10, 10 << 10, 1 << 20, 16 << 20];

fn main() {
    divan::main();
}

fn session() -> Session {
    let (pair, nonce) = (KeyPair::generate().unwrap(), Nonce::generate().unwrap());
    Session::agree(pair.private(), pair.public(), &nonce, &nonce).unwrap()
}

#[divan::bench]
fn generate_key_pair() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[divan::bench]
fn read_raw_public_key(bencher: Bencher<'_, '_>) {
    let text = KeyPair::generate().unwrap().public().to_raw_base64();
    bencher.bench(|| PublicKey::parse(&text, &Tolerances::ALL).unwrap());
}

#[divan::bench]
fn read_x509_public_key(bencher: Bencher<'_, '_>) {
    let text = KeyPair::generate().unwrap().public().to_x509_base64();
    bencher.bench(|| PublicKey::parse(&text, &Tolerances::ALL).unwrap());
}

#[divan::bench]
fn agree(bencher: Bencher<'_, '_>) {
    let (pair, nonce) = (KeyPair::generate().unwrap(), Nonce::generate().unwrap());
    bencher.bench(|| Session::agree(pair.private(), pair.public(), &nonce, &nonce).unwrap());
}

#[divan::bench(args = SIZES)]
fn encrypt_with_fresh_key_pair(bencher: Bencher<'_, '_>, size: usize) {
    let peer = KeyPair::generate().unwrap().public().to_raw_base64();
    let peer_nonce = Nonce::generate().unwrap();
    let plaintext = vec![b'x'; size];
    bencher.counter(BytesCount::new(size)).bench(|| {
        let (own, nonce) = (KeyPair::generate().unwrap(), Nonce::generate().unwrap());
        let peer = PublicKey::parse(&peer, &Tolerances::ALL).unwrap().value;
        let session = Session::agree(own.private(), &peer, &nonce, &peer_nonce).unwrap();
        session.seal_base64(&plaintext).unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn seal(bencher: Bencher<'_, '_>, size: usize) {
    let (session, plaintext) = (session(), vec![b'x'; size]);
    bencher.counter(BytesCount::new(size)).bench(|| session.seal(&plaintext).unwrap());
}

#[divan::bench(args = SIZES)]
fn seal_base64(bencher: Bencher<'_, '_>, size: usize) {
    let (session, plaintext) = (session(), vec![b'x'; size]);
    bencher.counter(BytesCount::new(size)).bench(|| session.seal_base64(&plaintext).unwrap());
}

#[divan::bench(args = SIZES)]
fn seal_base64_owned(bencher: Bencher<'_, '_>, size: usize) {
    let session = session();
    bencher
        .counter(BytesCount::new(size))
        .with_inputs(|| vec![b'x'; size])
        .bench_values(|plaintext| session.seal_base64_owned(plaintext).unwrap());
}

#[divan::bench(args = SIZES)]
fn open_base64(bencher: Bencher<'_, '_>, size: usize) {
    let session = session();
    let text = session.seal_base64(&vec![b'x'; size]).unwrap();
    bencher.counter(BytesCount::new(size)).bench(|| session.open_base64(&text, &Tolerances::ALL).unwrap());
}
