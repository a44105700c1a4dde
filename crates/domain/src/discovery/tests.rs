//! The decision as a table.

use super::*;
use crate::patient::{Birth, Identifier};

fn asked() -> Asked {
    Asked {
        abha_address: "asha.rao@sbx".parse().unwrap(),
        name: "Asha Rao".into(),
        gender: Gender::Female,
        year_of_birth: Some(1985),
        verified: Identifiers::read([("MOBILE", "+91-9812345678")]),
        unverified: Identifiers::default(),
    }
}

fn patient(reference: &str) -> Patient {
    Patient {
        reference: reference.parse().unwrap(),
        name: "Asha Rao".into(),
        gender: Gender::Female,
        birth: Birth::YearOfBirth(1985),
        mobile: Some("9812345678".parse().unwrap()),
        abha_number: None,
        abha_address: None,
        identifiers: Vec::new(),
        provisional: false,
    }
}

fn one(reference: &str, matched_by: &[MatchedBy]) -> Found {
    Found::One { patient: reference.parse().unwrap(), matched_by: matched_by.to_vec() }
}

fn found(asked: &Asked, candidates: &[Patient]) -> Found {
    decide(asked, candidates, Settings::default())
}

#[test]
fn mobile_gender_year_and_name_together_find_one() {
    assert_eq!(found(&asked(), &[patient("p1")]), one("p1", &[MatchedBy::Mobile]));
    assert_eq!(found(&asked(), &[]), Found::None);
    assert_eq!(found(&asked(), &[patient("p1"), patient("p2")]), Found::Several);
}

#[test]
fn abha_comes_before_mobile_and_needs_nothing_else() {
    let other = Patient { name: "Somebody Else".into(), gender: Gender::Male, mobile: None, ..patient("p0") };
    let by_address = Patient { abha_address: Some("Asha.Rao@sbx".parse().unwrap()), ..other.clone() };
    assert_eq!(found(&asked(), &[patient("p1"), by_address]), one("p0", &[MatchedBy::AbhaAddress]));
    let by_number = Patient { abha_number: Some("91-1234-5678-9015".parse().unwrap()), ..other };
    let mut asked = asked();
    assert_eq!(found(&asked, std::slice::from_ref(&by_number)), Found::None);
    asked.verified.abha_numbers.push("91123456789015".parse().unwrap());
    assert_eq!(found(&asked, &[patient("p1"), by_number]), one("p0", &[MatchedBy::AbhaNumber]));
}

#[test]
fn a_match_by_mobile_needs_gender_year_and_name() {
    let misfits = [
        Patient { gender: Gender::Male, ..patient("p1") },
        Patient { gender: Gender::Unknown, ..patient("p1") },
        Patient { birth: Birth::YearOfBirth(1982), ..patient("p1") },
        Patient { birth: Birth::YearOfBirth(1988), ..patient("p1") },
        Patient { name: "Vijay Kumar".into(), ..patient("p1") },
        Patient { mobile: None, ..patient("p1") },
        Patient { mobile: Some("9812345679".parse().unwrap()), ..patient("p1") },
    ];
    for (case, misfit) in misfits.into_iter().enumerate() {
        assert_eq!(found(&asked(), &[misfit]), Found::None, "case {case}");
    }
    for year in 1983..=1987 {
        let near = Patient { birth: Birth::YearOfBirth(year), ..patient("p1") };
        assert_eq!(found(&asked(), &[near]), one("p1", &[MatchedBy::Mobile]), "{year}");
    }
}

#[test]
fn a_record_number_narrows_and_never_finds() {
    let mut asked = asked();
    asked.unverified = Identifiers::read([("MR", " mrn-2 ")]);
    let family = [patient("MRN-1"), patient("MRN-2")];
    assert_eq!(found(&asked, &family), one("MRN-2", &[MatchedBy::Mobile, MatchedBy::Mr]));
    assert_eq!(found(&asked, &family[..1]), Found::None);
    let without_mobile = Patient { mobile: None, ..patient("MRN-2") };
    assert_eq!(found(&asked, &[without_mobile]), Found::None);
    let identifier = Identifier { kind: "MR".into(), value: "MRN-2".into() };
    let by_identifier = Patient { identifiers: vec![identifier], ..patient("p9") };
    assert_eq!(
        found(&asked, &[patient("p1"), by_identifier]),
        one("p9", &[MatchedBy::Mobile, MatchedBy::Mr])
    );
    let by_abha = Patient { abha_address: Some(asked.abha_address.clone()), ..patient("p1") };
    assert_eq!(found(&asked, &[by_abha]), one("p1", &[MatchedBy::AbhaAddress, MatchedBy::Mobile]));
}

/// One thing about a candidate or a request, that may or may not be so.
const FACTS: u32 = 9;

/// All candidates that can be told apart by what the decision looks at, each with what they ought to be.
fn every_candidate() -> impl Iterator<Item = (u32, Patient, bool)> {
    (0..1_u32 << FACTS).map(|facts| {
        let is = |fact: u32| facts & (1 << fact) != 0;
        let [address, number, another_number, mobile, gender, year, name, record, unverified] =
            std::array::from_fn(|fact| is(u32::try_from(fact).unwrap()));
        let mut patient = patient("p1");
        patient.abha_address = address.then(|| "ASHA.rao@sbx".parse().unwrap());
        patient.abha_number = if number {
            Some("91123456789015".parse().unwrap())
        } else {
            another_number.then(|| "91123456789023".parse().unwrap())
        };
        patient.mobile = mobile.then(|| "9812345678".parse().unwrap());
        patient.gender = if gender { Gender::Female } else { Gender::Male };
        patient.birth = Birth::YearOfBirth(if year { 1987 } else { 1988 });
        patient.name = if name { "RAO Asha".into() } else { "Usha Rao".into() };
        let kind = if unverified { "OTHER" } else { "mr" };
        patient.identifiers =
            vec![Identifier { kind: kind.into(), value: if record { "7/26".into() } else { "8/26".into() } }];
        let record = record && !unverified;
        let by_mobile = mobile && gender && year && name && record && (number || !another_number);
        (facts, patient, address || number || by_mobile)
    })
}

#[test]
fn of_all_that_a_candidate_can_be_only_the_right_ones_are_found() {
    let mut asked = asked();
    asked.verified.abha_numbers.push("91-1234-5678-9015".parse().unwrap());
    asked.unverified =
        Identifiers::read([("MR", "7/26"), ("MOBILE", "9812345678"), ("ABHA_NUMBER", "91123456789023")]);
    let mut count = 0;
    for (facts, patient, right) in every_candidate() {
        let found = found(&asked, std::slice::from_ref(&patient));
        assert_eq!(matches!(found, Found::One { .. }), right, "facts {facts:#b}");
        assert_ne!(found, Found::Several, "facts {facts:#b}");
        count += usize::from(right);
    }
    assert!(count > 300, "{count}");
}

#[test]
fn of_any_two_the_stronger_match_is_found_in_either_order() {
    let strength = |patient: &Patient| match found(&asked(), std::slice::from_ref(patient)) {
        Found::One { matched_by, .. } if matched_by[0] == MatchedBy::AbhaAddress => 2,
        Found::One { .. } => 1,
        _ => 0,
    };
    for (_, one, _) in every_candidate().step_by(7) {
        for (_, other, _) in every_candidate().step_by(11) {
            let other = Patient { reference: "p2".parse().unwrap(), ..other };
            let pair = [one.clone(), other.clone()];
            let expected = match strength(&one).cmp(&strength(&other)) {
                _ if strength(&one) + strength(&other) == 0 => None,
                std::cmp::Ordering::Greater => Some("p1"),
                std::cmp::Ordering::Less => Some("p2"),
                std::cmp::Ordering::Equal => continue,
            };
            for candidates in [pair.clone(), [pair[1].clone(), pair[0].clone()]] {
                match (found(&asked(), &candidates), expected) {
                    (Found::One { patient, .. }, Some(expected)) => assert_eq!(patient.as_str(), expected),
                    (Found::None, None) => {}
                    (found, expected) => panic!("{found:?}, expected {expected:?}"),
                }
            }
        }
    }
}

#[test]
fn identifiers_that_were_not_verified_never_find_anybody() {
    let mut asked = asked();
    asked.verified = Identifiers::default();
    asked.unverified = Identifiers::read([
        ("MOBILE", "9812345678"),
        ("ABHA_NUMBER", "91123456789015"),
        ("ABHA_ADDRESS", "asha.old@sbx"),
        ("MR", "p1"),
    ]);
    let everything = Patient {
        abha_number: Some("91123456789015".parse().unwrap()),
        abha_address: Some("asha.old@sbx".parse().unwrap()),
        ..patient("p1")
    };
    assert_eq!(found(&asked, &[everything]), Found::None);
}

#[test]
fn identifiers_that_were_not_verified_choose_among_several() {
    let mut asked = asked();
    asked.unverified = Identifiers::read([("abhaAddress", "asha.old@sbx")]);
    let older = Patient { abha_address: Some("asha.old@sbx".parse().unwrap()), ..patient("p2") };
    assert_eq!(found(&asked, &[patient("p1"), older]), one("p2", &[MatchedBy::Mobile]));
}

#[test]
fn the_same_name_is_better_than_one_that_is_alike() {
    let alike = Patient { name: "Asha".into(), ..patient("p2") };
    assert_eq!(found(&asked(), &[alike.clone(), patient("p1")]), one("p1", &[MatchedBy::Mobile]));
    assert_eq!(found(&asked(), &[alike.clone()]), one("p2", &[MatchedBy::Mobile]));
    let also_alike = Patient { name: "Asha Devi".into(), ..patient("p3") };
    assert_eq!(found(&asked(), &[alike, also_alike]), Found::Several);
}

#[test]
fn the_year_never_chooses() {
    let older = Patient { birth: Birth::BirthDate("1984-12-31".parse().unwrap()), ..patient("p2") };
    assert_eq!(found(&asked(), &[patient("p1"), older]), Found::Several);
}

#[test]
fn a_number_at_abdm_excludes_whoever_has_another() {
    let mut asked = asked();
    asked.verified.abha_numbers.push("91123456789015".parse().unwrap());
    let twin = Patient { abha_number: Some("91123456789023".parse().unwrap()), ..patient("p1") };
    assert_eq!(found(&asked, std::slice::from_ref(&twin)), Found::None);
    assert_eq!(found(&asked, &[twin.clone(), patient("p2")]), one("p2", &[MatchedBy::Mobile]));
    asked.verified.abha_numbers.clear();
    assert_eq!(found(&asked, &[twin]), one("p1", &[MatchedBy::Mobile]), "ABDM names none");
}

#[test]
fn the_address_that_asks_comes_before_another_of_the_same_person() {
    let mut asked = asked();
    asked.verified.abha_addresses = vec!["asha.old@sbx".parse().unwrap(), "asha.rao@sbx".parse().unwrap()];
    let own = Patient { abha_address: Some("asha.rao@sbx".parse().unwrap()), mobile: None, ..patient("p1") };
    let old = Patient { abha_address: Some("asha.old@sbx".parse().unwrap()), ..patient("p2") };
    assert_eq!(found(&asked, &[old.clone(), own]), one("p1", &[MatchedBy::AbhaAddress]));
    assert_eq!(found(&asked, &[old]), one("p2", &[MatchedBy::AbhaAddress, MatchedBy::Mobile]));
}

#[test]
fn a_request_that_cannot_be_narrowed_finds_nobody_by_mobile() {
    let without_year = Asked { year_of_birth: None, ..asked() };
    assert_eq!(found(&without_year, &[patient("p1")]), Found::None);
    let without_name = Asked { name: " . ".into(), ..asked() };
    assert_eq!(found(&without_name, &[patient("p1")]), Found::None);
    let by_address = Patient { abha_address: Some(asked().abha_address), ..patient("p1") };
    assert!(matches!(found(&without_year, &[by_address]), Found::One { .. }));
}

#[test]
fn the_band_of_years_is_a_setting() {
    let far = Patient { birth: Birth::YearOfBirth(1980), ..patient("p1") };
    for (year_band, finds) in [(0, false), (4, false), (5, true), (255, true)] {
        let found = decide(&asked(), std::slice::from_ref(&far), Settings { year_band });
        assert_eq!(found != Found::None, finds, "{year_band}");
    }
    let odd = Asked { year_of_birth: Some(i16::MIN), ..asked() };
    assert_eq!(found(&odd, &[patient("p1")]), Found::None);
}

#[test]
fn abdm_has_three_letters_for_other() {
    for (asked_for, known, fits) in [
        (Gender::Transgender, Gender::Other, true),
        (Gender::D, Gender::Transgender, true),
        (Gender::Unknown, Gender::Unknown, true),
        (Gender::Unknown, Gender::Female, false),
        (Gender::Other, Gender::Female, false),
        (Gender::Other, Gender::Unknown, false),
    ] {
        let asked = Asked { gender: asked_for, ..asked() };
        let known = Patient { gender: known, ..patient("p1") };
        assert_eq!(found(&asked, &[known]) != Found::None, fits, "{asked_for} {fits}");
    }
}

#[test]
fn identifiers_are_read_in_all_their_spellings() {
    let read = Identifiers::read([
        ("MOBILE", "9812345678"),
        ("mobile", "+91-9812345678"),
        ("ABHA_NUMBER", ""),
        ("ABHA_NUMBER", "91-1234-5678-9015"),
        ("abhaNumber", "91123456789015"),
        ("abhaAddress", "asha.rao@sbx"),
        ("ABHA_ADDRESS", "not an address"),
        ("HEALTH_ID", "asha.rao@sbx"),
        ("NDHM_HEALTH_NUMBER", "91123456789015"),
        ("MR", "  "),
        ("MR", " 7/26 "),
        ("EMAIL", "asha@example.org"),
        ("", ""),
    ]);
    assert_eq!((read.mobiles.len(), read.abha_numbers.len(), read.abha_addresses.len()), (2, 3, 2));
    assert_eq!(read.mrs, ["7/26"]);
}

#[test]
fn a_request_shows_nothing_personal_when_debugged() {
    let shown = format!("{:?}", asked());
    assert!(!shown.contains("Asha") && !shown.contains("98123") && !shown.contains("1985"), "{shown}");
}
