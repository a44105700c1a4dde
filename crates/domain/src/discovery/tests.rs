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
