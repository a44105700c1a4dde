//! Valid messages, spoilt at random: whatever comes, it is acknowledged or its connection closed, and nothing panics.

use kadi::sources::hl7::charset::Charset;
use kadi::sources::hl7::fault::AckCode;
use kadi::sources::hl7::{Terms, read};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::Hospital;
use super::messages::{cbc, culture, discharge, lft};
use super::mllp::Sender;

/// One way to spoil a message.
#[derive(Debug, Clone)]
enum Spoil {
    Drop(usize, usize),
    Insert(usize, Vec<u8>),
    Set(usize, u8),
    Copy(usize, usize, usize),
    DropLine(usize),
    SwapLines(usize, usize),
    CopyLine(usize),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = || any::<prop::sample::Index>().prop_map(|at| at.index(1 << 14));
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..12),
        prop::collection::vec(prop::sample::select(b"|^~\\&\r\n\x0b\x1c\"0".to_vec()), 1..8),
        Just(b"\\X".to_vec()),
        Just(b"\\.sp99999\\".to_vec()),
        Just("\u{200f}नमस्ते".as_bytes().to_vec()),
    ];
    prop_oneof![
        (at(), 1_usize..40).prop_map(|(at, length)| Spoil::Drop(at, length)),
        (at(), bytes).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Spoil::Set(at, byte)),
        (at(), at(), 1_usize..60).prop_map(|(from, to, length)| Spoil::Copy(from, to, length)),
        at().prop_map(Spoil::DropLine),
        (at(), at()).prop_map(|(one, other)| Spoil::SwapLines(one, other)),
        at().prop_map(Spoil::CopyLine),
    ]
}

fn spoilt(mut message: Vec<u8>, spoils: &[Spoil]) -> Vec<u8> {
    for spoil in spoils {
        let length = message.len();
        let at = |at: usize| at % (length + 1);
        let range = |from: usize, size: usize| at(from)..(at(from) + size).min(length);
        match spoil {
            Spoil::Drop(from, size) => drop(message.drain(range(*from, *size))),
            Spoil::Insert(to, bytes) => drop(message.splice(at(*to)..at(*to), bytes.iter().copied())),
            Spoil::Set(to, byte) => {
                if let Some(old) = message.get_mut(at(*to)) {
                    *old = *byte;
                }
            }
            Spoil::Copy(from, to, size) => {
                let copied = message[range(*from, *size)].to_vec();
                drop(message.splice(at(*to)..at(*to), copied));
            }
            Spoil::DropLine(_) | Spoil::SwapLines(..) | Spoil::CopyLine(_) => {
                let mut lines: Vec<&[u8]> = message.split(|byte| *byte == b'\r').collect();
                let line = |line: usize| line % lines.len();
                match spoil {
                    Spoil::DropLine(one) => drop(lines.remove(line(*one))),
                    Spoil::SwapLines(one, other) => {
                        let (one, other) = (line(*one), line(*other));
                        lines.swap(one, other);
                    }
                    Spoil::CopyLine(one) => lines.insert(line(*one), lines[line(*one)]),
                    _ => {}
                }
                message = lines.join(&b'\r');
            }
        }
    }
    message
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop::sample::select(vec![cbc(), lft(), culture(), discharge()]);
    (valid, prop::collection::vec(spoil(), 1..6))
        .prop_map(|(message, spoils)| spoilt(message.into_bytes(), &spoils))
}

proptest! {
    #![proptest_config(Config { cases: 2000, ..Config::default() })]

    #[test]
    fn reading_ends_in_a_plan_or_a_fault_that_repeats_nothing(message in message()) {
        for charset in [Charset::Utf8, Charset::Latin1] {
            let terms = Terms { charset, processing: "P".to_owned(), limit: 1 << 20 };
            let reading = read(&message, &terms, "City Hospital", "2026-01-22T12:30:00Z".parse().unwrap());
            if let Err(fault) = reading.plan {
                prop_assert_ne!(fault.code, AckCode::Accept);
                let told = format!("{fault:?}");
                for personal in ["Begum", "Farida", "30447", "98000"] {
                    prop_assert!(!told.contains(personal), "{}", told);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_socket_every_spoilt_message_is_acknowledged_or_its_connection_closed() {
    let hospital = Hospital::open().await;
    let mut runner = TestRunner::new(Config::default());
    let mut sender = Sender::connect(&hospital).await;
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..150 {
        let message = message().new_tree(&mut runner).unwrap().current();
        sender.send(&message).await;
        // A frame inside the message cuts it in two, and each has its acknowledgement.
        let ends = 1 + message.iter().filter(|byte| **byte == 0x1c).count();
        for _ in 0..ends {
            match sender.ack().await {
                Some((code, _)) if code == "AA" => taken += 1,
                Some((code, _)) => {
                    assert!(code == "AE" || code == "AR", "{code}");
                    refused += 1;
                }
                None => {
                    sender = Sender::connect(&hospital).await;
                    break;
                }
            }
            if message.contains(&0x1c) {
                // Where the second half has no beginning it is no message, so nobody answers it.
                sender = Sender::connect(&hospital).await;
                break;
            }
        }
    }
    assert!(taken > 10 && refused > 10, "{taken} taken, {refused} refused: both happen");
    sender.send(cbc().as_bytes()).await;
    assert!(sender.ack().await.is_some(), "the listener lives");
}
