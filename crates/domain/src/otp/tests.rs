//! What an attacker and a forgetful patient try.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits =
    Limits { ttl: Duration::from_mins(10), attempts: 3, lock: Duration::from_mins(30), sends: 5 };

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + 60 * minutes).unwrap()
}

fn issue(desk: OtpDesk, hash: &str, minutes: i64) -> (OtpDesk, Issued) {
    desk.issue(hash.to_owned(), at(minutes), &LIMITS).unwrap()
}

#[test]
fn a_password_has_six_digits_and_no_zero_before() {
    assert_eq!(password([0; 8]), "100000");
    assert_eq!(password(899_999_u64.to_le_bytes()), "999999");
    assert_eq!(password(900_000_u64.to_le_bytes()), "100000");
    assert_eq!(typed(" 123-456 "), "123456");
}

#[test]
fn the_right_one_is_taken_once_and_in_time() {
    let (desk, issued) = issue(OtpDesk::default(), "right", 0);
    assert_eq!(issued.expires_at, at(10));
    let (late, _, verdict) = desk.clone().check(issued.clone(), "right", at(10), &LIMITS);
    assert_eq!((verdict, late.wrong), (Verdict::Over, 0));
    let (desk, used, verdict) = desk.check(issued, "right", at(9), &LIMITS);
    assert_eq!(verdict, Verdict::Right);
    let (_, _, again) = desk.check(used, "right", at(9), &LIMITS);
    assert_eq!(again, Verdict::Over);
}

#[test]
fn wrong_ones_count_across_links_until_the_lock() {
    let (desk, first) = issue(OtpDesk::default(), "first", 0);
    let (desk, second) = issue(desk, "second", 1);
    let (desk, first, verdict) = desk.check(first, "wrong", at(2), &LIMITS);
    assert_eq!(verdict, Verdict::Wrong { left: 2 });
    let (desk, second, verdict) = desk.check(second, "wrong", at(2), &LIMITS);
    assert_eq!(verdict, Verdict::Wrong { left: 1 });
    let (desk, second, verdict) = desk.check(second, "first", at(3), &LIMITS);
    assert_eq!(verdict, Verdict::Locked(at(33)), "another link's password is wrong too");
    for (issued, right) in [(first, "first"), (second, "second")] {
        let (same, _, verdict) = desk.clone().check(issued, right, at(4), &LIMITS);
        assert_eq!((same, verdict), (desk.clone(), Verdict::Locked(at(33))));
    }
    assert_eq!(desk.may_send(at(32), &LIMITS), Err(Refused::Locked(at(33))));
    assert_eq!(desk.may_send(at(33), &LIMITS), Ok(()));
}

#[test]
fn what_was_sent_before_a_lock_is_never_taken() {
    let long = Limits { ttl: Duration::from_hours(2), attempts: 1, ..LIMITS };
    let (desk, issued) = OtpDesk::default().issue("right".into(), at(0), &long).unwrap();
    let (desk, issued, _) = desk.check(issued, "wrong", at(1), &long);
    let (desk, _, verdict) = desk.check(issued, "right", at(40), &long);
    assert_eq!(verdict, Verdict::Over);
    let (desk, fresh) = desk.issue("fresh".into(), at(41), &long).unwrap();
    assert_eq!(desk.check(fresh, "fresh", at(42), &long).2, Verdict::Right);
}

#[test]
fn a_right_one_forgives_the_wrong_ones_before() {
    let (desk, first) = issue(OtpDesk::default(), "first", 0);
    let (desk, first, _) = desk.check(first, "wrong", at(1), &LIMITS);
    let (desk, first, _) = desk.check(first, "wrong", at(1), &LIMITS);
    let (desk, _, verdict) = desk.check(first, "first", at(1), &LIMITS);
    assert_eq!((verdict, desk.wrong), (Verdict::Right, 0));
}

#[test]
fn so_many_are_sent_within_the_length_of_a_lock() {
    let mut desk = OtpDesk::default();
    for minutes in 0..5 {
        desk = issue(desk, "x", minutes).0;
    }
    assert_eq!(desk.may_send(at(5), &LIMITS), Err(Refused::TooMany(at(30))));
    assert_eq!(desk.clone().issue("x".into(), at(29), &LIMITS).unwrap_err(), Refused::TooMany(at(30)));
    let (desk, _) = issue(desk, "x", 30);
    assert_eq!(desk.sent.len(), 5, "old ones are forgotten");
    assert_eq!(desk.may_send(at(30), &LIMITS), Err(Refused::TooMany(at(31))));
}

#[test]
fn limits_of_nothing_allow_nothing() {
    let none = Limits { attempts: 0, sends: 0, ..LIMITS };
    assert!(matches!(OtpDesk::default().may_send(at(0), &none), Err(Refused::TooMany(_))));
    let (desk, issued) = issue(OtpDesk::default(), "right", 0);
    assert_eq!(desk.check(issued, "wrong", at(0), &none).2, Verdict::Locked(at(30)));
}

/// What an attacker does next.
#[derive(Debug, Clone, Copy)]
enum Try {
    Begin,
    Guess(usize),
    Wait(i64),
}

proptest! {
    #[test]
    fn no_order_of_links_and_waits_gives_more_guesses(
        tries in prop::collection::vec(prop_oneof![
            Just(Try::Begin),
            (0_usize..8).prop_map(Try::Guess),
            (0_i64..20).prop_map(Try::Wait),
        ], 0..200)
    ) {
        let (mut desk, mut links, mut now) = (OtpDesk::default(), Vec::new(), 0);
        let mut compared: Vec<i64> = Vec::new();
        for step in tries {
            match step {
                Try::Wait(minutes) => now += minutes,
                Try::Begin => {
                    if let Ok((counted, issued)) = desk.clone().issue("right".into(), at(now), &LIMITS) {
                        desk = counted;
                        links.push(issued);
                    }
                }
                Try::Guess(link) => {
                    let Some(issued) = links.get(link).cloned() else { continue };
                    let locked = desk.locked(at(now)).is_some();
                    let (after, _, verdict) = desk.check(issued, "wrong", at(now), &LIMITS);
                    desk = after;
                    prop_assert!(verdict != Verdict::Right);
                    if !locked && verdict != Verdict::Over {
                        compared.push(now);
                    }
                }
            }
        }
        // Any fourth guess comes after a lock that followed the third, or earlier.
        for guesses in compared.windows(4) {
            prop_assert!(guesses[3] - guesses[0] >= 30, "{:?}", compared);
        }
    }
}

#[test]
fn of_two_desks_made_one_the_stricter_holds() {
    let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
    let one = OtpDesk { wrong: 2, locked_at: None, locked_until: None, sent: vec![at(10), at(30)] };
    let other = OtpDesk { wrong: 0, locked_at: Some(at(5)), locked_until: Some(at(500)), sent: vec![at(20)] };
    for desk in [one.clone().with(other.clone()), other.with(one)] {
        assert_eq!((desk.wrong, desk.locked(at(100))), (2, Some(at(500))));
        assert_eq!(desk.sent, [at(10), at(20), at(30)]);
    }
}
