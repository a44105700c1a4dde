use super::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap()
}

fn hip() -> ServiceId {
    "IN2810014366".parse().unwrap()
}

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

fn decide(status: ConsentStatus, asked: (i64, i64), now: i64) -> Result<(), Refusal> {
    let hip = hip();
    let asked = Asked { hip_id: &hip, hiu_id: None, from: at(asked.0), to: at(asked.1) };
    check(Some((status, &artefact())), &asked, at(now))
}

#[test]
fn every_status_before_and_after_the_end_inside_and_outside_the_range() {
    use ConsentStatus as S;
    use Refusal as R;
    let inside = (-50, -10);
    let whole = (-100, 0);
    let early = (-101, -10);
    let late = (-50, 1);
    let turned = (-10, -50);
    let table = [
        (S::Granted, inside, 1, Ok(())),
        (S::Granted, whole, 1, Ok(())),
        (S::Granted, (-10, -10), 1, Ok(())),
        (S::Granted, early, 1, Err(R::RangeOutside)),
        (S::Granted, late, 1, Err(R::RangeOutside)),
        (S::Granted, (-101, 1), 1, Err(R::RangeOutside)),
        (S::Granted, turned, 1, Err(R::RangeOutside)),
        (S::Granted, inside, 29, Ok(())),
        (S::Granted, inside, 30, Err(R::Expired)),
        (S::Granted, inside, 31, Err(R::Expired)),
        (S::Granted, early, 31, Err(R::Expired)),
        (S::Expired, inside, 1, Err(R::Expired)),
        (S::Expired, early, 31, Err(R::Expired)),
        (S::Revoked, inside, 1, Err(R::NotGranted)),
        (S::Revoked, inside, 31, Err(R::NotGranted)),
        (S::Denied, inside, 1, Err(R::NotGranted)),
        (S::Requested, inside, 1, Err(R::NotGranted)),
    ];
    for (status, asked, now, expected) in table {
        assert_eq!(decide(status, asked, now), expected, "{status} {asked:?} on day {now}");
    }
}

#[test]
fn an_unknown_consent_is_refused_as_such() {
    let hip = hip();
    let asked = Asked { hip_id: &hip, hiu_id: None, from: at(-50), to: at(-10) };
    assert_eq!(check(None, &asked, at(1)), Err(Refusal::Unknown));
}

#[test]
fn another_facility_or_another_requester_gets_nothing() {
    let other: ServiceId = "IN2810014366_2".parse().unwrap();
    let asked = Asked { hip_id: &other, hiu_id: None, from: at(-50), to: at(-10) };
    assert_eq!(
        check(Some((ConsentStatus::Granted, &artefact())), &asked, at(1)),
        Err(Refusal::WrongCareContexts)
    );
    let named = Artefact { hiu_id: Some("HIU1".parse().unwrap()), ..artefact() };
    let hip = hip();
    let table = [(None, true), (Some("HIU1"), true), (Some("HIU2"), false)];
    for (asking, allowed) in table {
        let asking: Option<ServiceId> = asking.map(|id| id.parse().unwrap());
        let asked = Asked { hip_id: &hip, hiu_id: asking.as_ref(), from: at(-50), to: at(-10) };
        let verdict = check(Some((ConsentStatus::Granted, &named)), &asked, at(1));
        assert_eq!(verdict.is_ok(), allowed, "{asking:?}");
    }
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
    let refusals = [
        Refusal::Unknown,
        Refusal::NotGranted,
        Refusal::Expired,
        Refusal::RangeOutside,
        Refusal::WrongCareContexts,
        Refusal::Unusable("the public key has expired".into()),
    ];
    for refusal in refusals {
        assert!(refusal.code().starts_with("ABDM-1"));
        let allowed = |ch: char| ch.is_ascii_alphanumeric() || "_-@,. \":".contains(ch);
        assert!(refusal.message().chars().all(allowed), "{}", refusal.message());
    }
}
