//! What sealing and opening hold in memory: besides input and output less than 1 MB.
//!
//! One test only: the counting allocator sees the whole process.
#![cfg(test)]

use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SLACK: usize = 1_000_000;

/// What `work` allocates at most at one time, its result included.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage() - before)
}

fn seal(peer: &str, nonce: &Nonce, plaintext: &[u8]) -> (Session, String) {
    let own = KeyPair::generate().unwrap();
    let peer = PublicKey::parse(peer, &Tolerances::ALL).unwrap().value;
    let session = Session::agree(own.private(), &peer, nonce, nonce).unwrap();
    let text = session.seal_base64(plaintext).unwrap();
    (session, text)
}

#[test]
fn besides_input_and_output_less_than_a_megabyte_is_held() {
    let peer = KeyPair::generate().unwrap().public().to_x509_base64();
    let nonce = Nonce::generate().unwrap();
    for size in [0, 1 << 10, 10 << 10, 700 << 10, 768 << 10, 1 << 20, 16 << 20] {
        let plaintext = vec![b'x'; size];
        let ((session, text), held) = peak(|| seal(&peer, &nonce, &plaintext));
        assert!(held <= text.len() + SLACK, "sealing {size} bytes held {held}");

        let (opened, held) = peak(|| session.open_base64(&text, &Tolerances::ALL).unwrap());
        assert!(held <= size + SLACK, "opening {size} bytes held {held}");
        assert!(opened.plaintext == plaintext);

        let wrapped = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
        let wrapped = wrapped.collect::<Vec<_>>().join("\r\n");
        let (opened, held) = peak(|| session.open_base64(&wrapped, &Tolerances::ALL).unwrap());
        assert!(held <= wrapped.len() / 4 * 3 + SLACK, "opening wrapped {size} bytes held {held}");
        assert!(opened.plaintext == plaintext);

        let mut owned = plaintext;
        owned.shrink_to_fit();
        let (again, held) = peak(|| session.seal_base64_owned(owned).unwrap());
        assert!(held <= text.len() + SLACK, "sealing {size} owned bytes held {held}");
        assert!(again == text);
    }
}
