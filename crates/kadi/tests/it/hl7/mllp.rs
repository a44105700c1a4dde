//! The MLLP listener, over real sockets.

use std::time::Duration;

use store::testing::TestDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::messages::{cbc, discharge, lft};
use super::{Hospital, ids};
use crate::world::PATIENCE;

/// A laboratory system that is connected.
pub struct Sender {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Sender {
    pub async fn connect(hospital: &Hospital) -> Self {
        let stream = TcpStream::connect(hospital.world.bridge.mllp.unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn send(&mut self, message: &[u8]) {
        self.write(&framed(message)).await;
    }

    /// The next acknowledgement: its code and the control id that it repeats; `None` when the connection was closed.
    pub async fn ack(&mut self) -> Option<(String, String)> {
        let message = tokio::time::timeout(PATIENCE, self.message()).await.expect("an answer in time")?;
        assert!(message.starts_with(r"MSH|^~\&|"), "{message}");
        let msa = message.split('\r').find(|line| line.starts_with("MSA|")).expect("an MSA");
        let mut fields = msa.split('|').skip(1).map(str::to_owned);
        Some((fields.next().unwrap_or_default(), fields.next().unwrap_or_default()))
    }

    async fn message(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\x1c\r") {
                let rest = self.read.split_off(end + 2);
                let frame = std::mem::replace(&mut self.read, rest);
                assert_eq!(frame[0], 0x0b);
                return Some(String::from_utf8(frame[1..end].to_vec()).unwrap());
            }
            // An error is a closed connection too: what it had not read was reset.
            if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    [b"\x0b", message, b"\x1c\r"].concat()
}

fn acked(code: &str, id: &str) -> Option<(String, String)> {
    Some((code.to_owned(), id.to_owned()))
}

#[tokio::test]
async fn messages_are_acknowledged_in_turn_however_they_are_cut() {
    let hospital = Hospital::open().await;
    let mut sender = Sender::connect(&hospital).await;
    sender.send(cbc().as_bytes()).await;
    assert_eq!(sender.ack().await, acked("AA", "CBC0001"));
    assert_eq!(
        ids(&hospital.visit("MR-30447", "LAB-2026-01-20-0311").await).len(),
        1,
        "it is stored before AA"
    );

    let three = [framed(lft().as_bytes()), framed(b"nonsense"), framed(discharge().as_bytes())].concat();
    sender.write(&three).await;
    assert_eq!(sender.ack().await, acked("AA", "LFT0001"));
    assert_eq!(sender.ack().await, acked("AR", ""));
    assert_eq!(sender.ack().await, acked("AA", "DOC0001"));

    for piece in framed(cbc().as_bytes()).chunks(97) {
        sender.write(piece).await;
    }
    assert_eq!(sender.ack().await, acked("AA", "CBC0001"));
}

#[tokio::test]
async fn lines_that_end_with_line_feeds_and_frames_without_cr_are_read_too() {
    let hospital = Hospital::open().await;
    let mut sender = Sender::connect(&hospital).await;
    let message = cbc().replace('\r', "\n");
    sender.write(&[b"\x0b", message.as_bytes(), b"\x1c"].concat()).await;
    assert_eq!(sender.ack().await, acked("AA", "CBC0001"));
    sender.write(&[b"\r\n\x0b", lft().replace('\r', "\r\n").as_bytes(), b"\r\n\x1c\r\n"].concat()).await;
    assert_eq!(sender.ack().await, acked("AA", "LFT0001"));
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_and_the_next_one_taken() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "limit = \"4KiB\"").await;
    let mut sender = Sender::connect(&hospital).await;
    let long = format!("{}\rNTE|1||{}", cbc(), "x".repeat(6000));
    sender.send(long.as_bytes()).await;
    assert_eq!(sender.ack().await, acked("AE", "CBC0001"));
    sender.send(lft().as_bytes()).await;
    assert_eq!(sender.ack().await, acked("AA", "LFT0001"));
}

#[tokio::test]
async fn what_is_not_mllp_or_has_no_end_loses_its_connection() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "limit = \"4KiB\"").await;
    let mut stray = Sender::connect(&hospital).await;
    stray.write(&[b'x'; 5000]).await;
    assert_eq!(stray.ack().await, None);
    let mut endless = Sender::connect(&hospital).await;
    let _ = endless.stream.write_all(&[b"\x0bMSH|^~\\&|".as_slice(), &[b'x'; 64 << 10]].concat()).await;
    assert_eq!(endless.ack().await, None);
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_the_idle_time_even_inside_a_message() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "idle = \"90s\"").await;
    let mut sender = Sender::connect(&hospital).await;
    sender.send(cbc().as_bytes()).await;
    assert_eq!(sender.ack().await, acked("AA", "CBC0001"));
    sender.write(b"\x0bMSH|^~\\&|LIS").await;
    // The listener begins to wait when it has read; a clock moved once may have been moved before.
    let closed = async {
        loop {
            hospital.world.clock.advance(Duration::from_secs(91));
            let mut byte = [0];
            tokio::select! {
                biased;
                read = sender.stream.read(&mut byte) => return read.unwrap_or(0),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, closed).await.unwrap(), 0);
}

#[tokio::test]
async fn stopping_finishes_what_is_being_stored_and_closes_the_rest() {
    let hospital = Hospital::open().await;
    let mut busy = Sender::connect(&hospital).await;
    let mut silent = Sender::connect(&hospital).await;
    let mut half = Sender::connect(&hospital).await;
    half.write(b"\x0bMSH|^~\\&|LIS").await;
    busy.send(cbc().as_bytes()).await;
    assert_eq!(busy.ack().await, acked("AA", "CBC0001"));
    let address = hospital.world.bridge.mllp.unwrap();
    hospital.world.bridge.stop(PATIENCE).await;
    assert_eq!((busy.ack().await, silent.ack().await, half.ack().await), (None, None, None));
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_listener_whose_facility_is_not_stored_yet_says_so() {
    let other = crate::world::FACILITY.replace("IN28", "IN29");
    let more = format!("[hl7]\nlisten = \"127.0.0.1:0\"\nfacility = \"{other}\"");
    let world =
        crate::world::World::with(TestDatabase::sqlite(), sandbox::SandboxConfig::default(), &more).await;
    let hospital = Hospital { world, key: String::new() };
    let mut sender = Sender::connect(&hospital).await;
    sender.send(cbc().as_bytes()).await;
    assert_eq!(sender.ack().await, acked("AE", "CBC0001"));
}

#[tokio::test]
async fn more_connections_than_are_allowed_wait_for_their_turn() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "connections = 1").await;
    let mut first = Sender::connect(&hospital).await;
    let mut second = Sender::connect(&hospital).await;
    second.send(lft().as_bytes()).await;
    first.send(cbc().as_bytes()).await;
    assert_eq!(first.ack().await, acked("AA", "CBC0001"));
    drop(first);
    assert_eq!(second.ack().await, acked("AA", "LFT0001"));
}
