use proptest::prelude::*;

use super::*;

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_mins(5) };
const FREE: Limits = Limits { rate: 0, backoff: BACKOFF };

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

fn limited(rate: u32) -> Limits {
    Limits { rate, backoff: BACKOFF }
}

#[test]
fn without_a_rate_and_complaints_everything_leaves() {
    let pace = Pace::default();
    assert_eq!(pace.leave(at(0), 64, FREE), Leave { calls: 64, look_at: None });
    assert!(pace.spend(at(0), 64, FREE).is_free(FREE));
}

#[test]
fn one_a_second_is_one_a_second() {
    let limits = limited(1);
    let pace = Pace::default();
    assert_eq!(pace.leave(at(0), 5, limits), Leave { calls: 1, look_at: Some(at(1000)) });
    let pace = pace.spend(at(0), 1, limits);
    assert_eq!(pace.leave(at(999), 5, limits).calls, 0);
    assert_eq!(pace.leave(at(999), 5, limits).look_at, Some(at(1000)));
    assert_eq!(pace.leave(at(1000), 5, limits).calls, 1);
}

#[test]
fn a_long_rest_earns_no_burst() {
    let limits = limited(50);
    let pace = Pace::default().spend(at(0), 1, limits);
    assert_eq!(pace.leave(at(3_600_000), 100, limits).calls, 12);
}

#[test]
fn what_has_left_without_being_asked_counts() {
    let limits = limited(10);
    let pace = Pace::default().spend(at(0), 10, limits);
    assert_eq!(pace.leave(at(900), 1, limits).calls, 0);
    assert_eq!(pace.leave(at(1100), 1, limits).calls, 1);
}

#[test]
fn a_pause_that_abdm_names_is_kept_and_one_call_tries_the_ground() {
    let pace = Pace::default().hear(Heard::TooMany(Some(Duration::from_secs(30))), at(0), FREE, 0.5);
    assert_eq!(pace.leave(at(29_999), 64, FREE), Leave { calls: 0, look_at: Some(at(30_000)) });
    assert_eq!(pace.leave(at(30_000), 64, FREE).calls, 1);
    let pace = pace.spend(at(30_000), 1, FREE);
    assert_eq!(pace.leave(at(30_500), 64, FREE).calls, 0, "its answer is not in yet");
    let free = pace.hear(Heard::Taken, at(30_600), FREE, 0.5);
    assert!(free.leave(at(30_600), 64, FREE).calls >= 1, "the ground holds");
    let slow = pace.hear(Heard::Taken, at(30_600), limited(1), 0.5);
    assert_eq!(slow.leave(at(30_900), 64, limited(1)).calls, 0, "the operator's rate stays");
}

#[test]
fn a_crowd_that_is_refused_together_makes_one_pause() {
    let mut pace = Pace::default();
    for _ in 0..60 {
        pace = pace.hear(Heard::TooMany(None), at(0), FREE, 1.0);
    }
    assert_eq!((pace.strikes, pace.held_until), (1, Some(at(1000))));
    let late = pace.hear(Heard::Taken, at(10), FREE, 1.0);
    assert_eq!(late, pace, "a call that left before the pause does not end it");
}

#[test]
fn pauses_grow_while_nothing_is_taken_and_the_guess_falls_and_rises() {
    let mut pace = Pace::default();
    let mut pauses = Vec::new();
    let mut now = at(0);
    for _ in 0..12 {
        pace = pace.hear(Heard::TooMany(None), now, FREE, 1.0);
        let until = pace.held_until.unwrap();
        pauses.push(until.duration_since(now).as_secs());
        now = until;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert_eq!(pace.learned, Some(LOWEST_GUESS));
    for _ in 0..1000 {
        pace = pace.hear(Heard::Taken, now, FREE, 1.0);
    }
    assert!(pace.learned > Some(50.0), "{pace:?}");
    assert_eq!(pace.strikes, 0);
}

#[test]
fn the_operators_rate_stays_above_all_guesses() {
    let limits = limited(2);
    let pace = Pace { learned: Some(1000.0), ..Pace::default() };
    assert_eq!(pace.rate(limits), Some(2.0));
    assert_eq!(pace.rate(FREE), Some(1000.0));
}

proptest! {
    #[test]
    fn no_second_holds_more_than_the_rate(rate in 1_u32..400, looks in prop::collection::vec((0_i64..400, 1_u32..100), 1..200)) {
        let limits = limited(rate);
        let (mut pace, mut now) = (Pace::default(), 0);
        let mut left: Vec<(i64, u32)> = Vec::new();
        for (wait, wished) in looks {
            now += wait;
            let leave = pace.leave(at(now), wished, limits);
            prop_assert!(leave.calls <= wished);
            prop_assert_eq!(leave.look_at.is_some(), leave.calls < wished);
            prop_assert!(leave.look_at.is_none_or(|look| look > at(now)));
            pace = pace.spend(at(now), leave.calls, limits);
            left.push((now, leave.calls));
        }
        for (begin, _) in &left {
            let within: u32 = left.iter().filter(|(at, _)| (*begin..begin + 1000).contains(at)).map(|(_, n)| n).sum();
            prop_assert!(within <= rate, "{within} in the second from {begin}");
        }
    }

    #[test]
    fn whoever_looks_again_when_told_may_go(rate in 1_u32..1000, wished in 1_u32..100) {
        let limits = limited(rate);
        let (mut pace, mut now, mut left) = (Pace::default(), at(0), 0);
        for _ in 0..50 {
            let leave = pace.leave(now, wished, limits);
            pace = pace.spend(now, leave.calls, limits);
            left += leave.calls;
            if let Some(look_at) = leave.look_at {
                prop_assert!(pace.leave(look_at, 1, limits).calls == 1, "{pace:?} at {look_at}");
                now = look_at;
            } else {
                now += Duration::from_millis(1);
            }
        }
        prop_assert!(left >= 50);
    }
}
