use super::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap()
}

fn hip() -> ServiceId {
    "IN2810014366".parse().unwrap()
}

/// Granted for days -100 to 0, until day 30.
fn artefact() -> Artefact {
    Artefact {
        id: "3fa85f64-5717-4562-b3fc-2c963f66afa6".parse().unwrap(),
        abha_address: "asha.rao@sbx".parse().unwrap(),
        hip_id: Some(hip()),
        hiu_id: None,
        care_contexts: vec![Named { patient: "P1".into(), care_context: "V1".into() }],
        hi_types: vec![HiType::Prescription],
        from: at(-100),
        to: at(0),
        erase_at: at(30),
    }
}

/// A request that nothing is wrong with.
fn asked(hip_id: &ServiceId) -> Asked<'_> {
    Asked { hip_id, hiu_id: None, from: at(-50), to: at(-10), unusable: None, whose: Whose::Theirs }
}

fn held(status: ConsentStatus, artefact: &Artefact) -> Held<'_> {
    Held { status, artefact: Some(artefact) }
}

/// Every reason to refuse, in the order of precedence; each is one fault that a request or a consent can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Unknown,
    Status(ConsentStatus),
    WithoutArtefact,
    Over,
    OtherHip,
    OtherHiu,
    Range(i64, i64),
    Unusable(Unusable),
    NotTheirs,
}

impl Fault {
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Unknown];
        all.extend(
            ConsentStatus::ALL
                .iter()
                .filter(|one| **one != ConsentStatus::Granted)
                .map(|one| Self::Status(*one)),
        );
        all.extend([Self::WithoutArtefact, Self::Over, Self::OtherHip, Self::OtherHiu]);
        // Too early, too late, both, turned round, and wholly outside on either side.
        all.extend(
            [(-101, -10), (-50, 1), (-101, 1), (-10, -50), (-200, -150), (5, 6)]
                .map(|(from, to)| Self::Range(from, to)),
        );
        all.extend(Unusable::ALL.map(Self::Unusable));
        all.push(Self::NotTheirs);
        all
    }

    /// Faults of the same rank exclude each other.
    fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Status(_) => 1,
            Self::WithoutArtefact => 2,
            Self::Over => 3,
            Self::OtherHip => 4,
            Self::OtherHiu => 5,
            Self::Range(..) => 6,
            Self::Unusable(_) => 7,
            Self::NotTheirs => 8,
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Unknown | Self::WithoutArtefact => Refusal::Unknown,
            Self::Status(ConsentStatus::Expired) | Self::Over => Refusal::Expired,
            Self::Status(_) | Self::OtherHiu => Refusal::NotGranted,
            Self::OtherHip | Self::NotTheirs => Refusal::WrongCareContexts,
            Self::Range(..) => Refusal::RangeOutside,
            Self::Unusable(what) => Refusal::Unusable(what),
        }
    }
}

/// Decides on a request with these faults.
fn with(faults: &[Fault]) -> Result<(), Refusal> {
    let (ours, other): (ServiceId, ServiceId) = (hip(), "IN2810014366_2".parse().unwrap());
    let (granted_to, stranger): (ServiceId, ServiceId) = ("HIU1".parse().unwrap(), "HIU2".parse().unwrap());
    let mut artefact = Artefact { hiu_id: Some(granted_to.clone()), ..artefact() };
    let (mut known, mut detail, mut status, mut now) = (true, true, ConsentStatus::Granted, at(1));
    let mut request = Asked { hiu_id: Some(&granted_to), ..asked(&ours) };
    for fault in faults {
        match *fault {
            Fault::Unknown => known = false,
            Fault::Status(other) => status = other,
            Fault::WithoutArtefact => detail = false,
            Fault::Over => now = at(31),
            Fault::OtherHip => artefact.hip_id = Some(other.clone()),
            Fault::OtherHiu => request.hiu_id = Some(&stranger),
            Fault::Range(from, to) => (request.from, request.to) = (at(from), at(to)),
            Fault::Unusable(what) => request.unusable = Some(what),
            Fault::NotTheirs => request.whose = Whose::NotTheirs,
        }
    }
    let held = Held { status, artefact: detail.then_some(&artefact) };
    decide(known.then_some(held), &request, now)
}

#[test]
fn each_fault_alone_refuses_with_its_own_reason() {
    assert_eq!(with(&[]), Ok(()));
    for fault in Fault::all() {
        assert_eq!(with(&[fault]), Err(fault.refusal()), "{fault:?}");
    }
}

#[test]
fn of_every_two_and_three_faults_the_first_in_order_is_named() {
    let all = Fault::all();
    let mut tried = 0;
    for one in &all {
        for two in &all {
            for three in &all {
                let ranks = [one.rank(), two.rank(), three.rank()];
                if ranks[0] >= ranks[1] || ranks[1] > ranks[2] || (ranks[1] == ranks[2] && two != three) {
                    continue;
                }
                // In any order of arrival.
                for faults in [[*one, *two, *three], [*three, *two, *one], [*two, *three, *one]] {
                    assert_eq!(with(&faults), Err(one.refusal()), "{faults:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn every_status_at_every_side_of_the_end_and_of_the_range() {
    use ConsentStatus as S;
    use Refusal as R;
    let ranges = [
        ((-50, -10), true),
        ((-100, 0), true),
        ((-10, -10), true),
        ((-100, -100), true),
        ((0, 0), true),
        ((-101, -10), false),
        ((-50, 1), false),
        ((-10, -50), false),
    ];
    let (artefact, hip) = (artefact(), hip());
    for status in S::ALL {
        for day in [1, 29, 30, 31] {
            for ((from, to), inside) in ranges {
                let expected = match status {
                    S::Granted if day >= 30 => Err(R::Expired),
                    S::Granted if inside => Ok(()),
                    S::Granted => Err(R::RangeOutside),
                    S::Expired => Err(R::Expired),
                    S::Requested | S::Denied | S::Revoked => Err(R::NotGranted),
                };
                let asked = Asked { from: at(from), to: at(to), ..asked(&hip) };
                let verdict = decide(Some(held(*status, &artefact)), &asked, at(day));
                assert_eq!(verdict, expected, "{status} {from}..{to} on day {day}");
            }
        }
    }
}

#[test]
fn a_consent_ends_at_its_moment_and_not_before() {
    let (artefact, hip) = (artefact(), hip());
    let moment = |milliseconds: i64| at(30) + jiff::SignedDuration::from_millis(milliseconds);
    for (milliseconds, allowed) in [(-1, true), (0, false), (1, false)] {
        let verdict =
            decide(Some(held(ConsentStatus::Granted, &artefact)), &asked(&hip), moment(milliseconds));
        assert_eq!(verdict.is_ok(), allowed, "{milliseconds} ms");
    }
}

#[test]
fn a_facility_or_requester_counts_only_where_both_sides_name_one() {
    let hip = hip();
    let id = |text: &str| -> ServiceId { text.parse().unwrap() };
    for (granted, asking, allowed) in [
        (None, None, true),
        (None, Some("HIU1"), true),
        (Some("HIU1"), None, true),
        (Some("HIU1"), Some("HIU1"), true),
        (Some("HIU1"), Some("HIU2"), false),
    ] {
        let artefact = Artefact { hiu_id: granted.map(id), ..artefact() };
        let asking = asking.map(id);
        let asked = Asked { hiu_id: asking.as_ref(), ..asked(&hip) };
        let verdict = decide(Some(held(ConsentStatus::Granted, &artefact)), &asked, at(1));
        assert_eq!(verdict.is_ok(), allowed, "{granted:?} {asking:?}");
    }
    let unnamed = Artefact { hip_id: None, ..artefact() };
    assert_eq!(decide(Some(held(ConsentStatus::Granted, &unnamed)), &asked(&hip), at(1)), Ok(()));
}

#[test]
fn what_has_ended_stays_ended() {
    use ConsentStatus as S;
    for ended in [S::Denied, S::Revoked, S::Expired] {
        for notice in S::ALL {
            assert_eq!(ended.after(*notice), ended);
        }
    }
    assert_eq!(S::Granted.after(S::Revoked), S::Revoked);
    assert_eq!(S::Requested.after(S::Granted), S::Granted);
}

#[test]
fn every_refusal_has_a_code_and_words_that_abdm_takes() {
    let codes = [
        (Refusal::Unknown, "ABDM-1112"),
        (Refusal::NotGranted, "ABDM-1062"),
        (Refusal::Expired, "ABDM-1061"),
        (Refusal::RangeOutside, "ABDM-1063"),
        (Refusal::WrongCareContexts, "ABDM-1057"),
    ];
    let unusable = Unusable::ALL.map(|what| (Refusal::Unusable(what), "ABDM-1031"));
    for (refusal, code) in codes.into_iter().chain(unusable) {
        assert_eq!(refusal.code(), code);
        let allowed = |ch: char| ch.is_ascii_alphanumeric() || "_-@,. \":".contains(ch);
        assert!(refusal.message().chars().all(allowed), "{}", refusal.message());
    }
}
