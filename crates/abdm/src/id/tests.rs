use proptest::prelude::*;

use super::*;

#[test]
fn an_abha_number_is_read_with_or_without_dashes_and_written_plain() {
    for text in ["91-1234-5678-9015", "91123456789015", " 91 1234 5678 9015 "] {
        let number: AbhaNumber = text.parse().unwrap();
        assert_eq!(number.to_string(), "91123456789015");
        assert_eq!(number.dashed(), "91-1234-5678-9015");
    }
    assert_eq!("00000000000018".parse::<AbhaNumber>().unwrap().to_string(), "00000000000018");
}

#[test]
fn what_has_not_14_digits_is_no_abha_number() {
    for text in [
        "",
        "-",
        "9112345678901",
        "911234567890155",
        "91-1234-5678-901X",
        "--------------",
        "+91123456789015",
    ] {
        assert_eq!(text.parse::<AbhaNumber>(), Err(IdError::AbhaNumber), "{text}");
    }
}

#[test]
fn the_check_digit_is_luhns_and_reported_not_enforced() {
    for (text, ok) in [
        ("91-1234-5678-9015", true),
        ("91-2345-6789-0129", true),
        ("91-1234-5678-9012", false),
        ("91-1234-5678-9051", false),
    ] {
        assert_eq!(text.parse::<AbhaNumber>().unwrap().checksum_ok(), ok, "{text}");
    }
}

#[test]
fn an_abha_number_may_be_a_json_string_or_number_and_is_written_as_a_string() {
    for json in ["\"91-1234-5678-9015\"", "\"91123456789015\"", "91123456789015"] {
        let number: AbhaNumber = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"91123456789015\"");
    }
    for json in ["9112345678901", "null", "\"\"", "91123456789015.5", "true"] {
        assert!(serde_json::from_str::<AbhaNumber>(json).is_err(), "{json}");
    }
}

#[test]
fn abha_addresses_are_equal_without_case_and_keep_their_writing() {
    let (a, b): (AbhaAddress, AbhaAddress) =
        ("Ramesh.K_85@SBX".parse().unwrap(), " ramesh.k_85@sbx".parse().unwrap());
    assert_eq!(a, b);
    assert_eq!(a.key(), "ramesh.k_85@sbx");
    assert_eq!(a.suffix(), "sbx");
    assert_eq!(a.to_string(), "Ramesh.K_85@SBX");
    assert_eq!(a.cmp(&b), std::cmp::Ordering::Equal);
}

#[test]
fn old_and_default_abha_addresses_are_taken_and_others_not() {
    for text in ["a-b1@abdm", "abc@sbx", "91123456789015@sbx", "a!b@sbx"] {
        assert!(text.parse::<AbhaAddress>().is_ok(), "{text}");
    }
    for text in
        ["", "@sbx", "ab@sbx", ".abc@sbx", "abc.@sbx", "abc", "abc@gmail", "a b@sbx", "a@b@sbx", "राम@sbx"]
    {
        assert_eq!(text.parse::<AbhaAddress>(), Err(IdError::AbhaAddress), "{text}");
    }
}

#[test]
fn a_mobile_is_its_last_ten_digits() {
    for text in
        ["9876543210", "+919876543210", "+91-9876543210", "09876543210", "+91 98765-43210", "919876543210"]
    {
        assert_eq!(text.parse::<Mobile>().unwrap().to_string(), "9876543210", "{text}");
    }
    assert_eq!("9876543210".parse::<Mobile>().unwrap().masked(), "******3210");
    for text in ["", "987654321", "0000000000", "98765432l0", "9876543210987654"] {
        assert_eq!(text.parse::<Mobile>(), Err(IdError::Mobile), "{text}");
    }
}

#[test]
fn hi_types_are_spelled_exactly_so() {
    for hi_type in HiType::ALL {
        assert_eq!(hi_type.as_str().parse(), Ok(hi_type));
        assert_eq!(serde_json::to_string(&hi_type).unwrap(), format!("\"{hi_type}\""));
    }
    for text in ["PRESCRIPTION", "prescription", "OpConsultation", ""] {
        assert_eq!(text.parse::<HiType>(), Err(IdError::HiType), "{text}");
    }
}

#[test]
fn genders_are_read_loosely_and_never_stop_a_message() {
    for (text, letter) in
        [("M", "M"), ("female", "F"), ("Others", "O"), ("d", "D"), ("T", "T"), ("", "U"), ("?", "U")]
    {
        assert_eq!(Gender::lenient(text).as_str(), letter, "{text}");
    }
    assert_eq!(serde_json::from_str::<Gender>("\"X\"").unwrap(), Gender::Unknown);
    assert_eq!("X".parse::<Gender>(), Err(IdError::Gender));
}

#[test]
fn purposes_unknown_to_us_are_kept() {
    assert_eq!("patrqt".parse(), Ok(PurposeCode::SelfRequested));
    assert_eq!("NEWONE".parse::<PurposeCode>().unwrap().to_string(), "NEWONE");
    for code in PurposeCode::KNOWN {
        assert_eq!(code.as_str().parse(), Ok(code.clone()));
        assert!(code.text().contains(' '));
    }
}

#[test]
fn request_ids_are_uuids_in_any_writing() {
    let id: RequestId = "6F0B4665A9154C92AA3665AFB4A2CD71".parse().unwrap();
    assert_eq!(id.to_string(), "6f0b4665-a915-4c92-aa36-65afb4a2cd71");
    assert_eq!(MessageId::from(id).as_request_id(), Some(id));
    assert_eq!("req-1".parse::<MessageId>().unwrap().as_request_id(), None);
    assert_eq!(RequestId::random().as_uuid().get_version_num(), 4);
    assert_eq!("".parse::<RequestId>(), Err(IdError::RequestId));
}

#[test]
fn service_and_facility_ids_are_words() {
    for text in ["IN2810014366", "IN1410000232_1", "SBX_000000", "my-hip"] {
        assert!(text.parse::<ServiceId>().is_ok(), "{text}");
        assert!(text.parse::<FacilityId>().is_ok(), "{text}");
    }
    for text in ["", "a b", "a/b", "a\r\nX: y", "é"] {
        assert!(text.parse::<ServiceId>().is_err(), "{text}");
        assert!(text.parse::<FacilityId>().is_err(), "{text}");
    }
    assert!("_a".parse::<ServiceId>().is_err());
    assert!("IN2810014366".parse::<FacilityId>().unwrap().registry_form());
    assert!(!"in2810014366".parse::<FacilityId>().unwrap().registry_form());
}

#[test]
fn opaque_ids_are_anything_printable() {
    assert!("49455d89-cb13-483d-ad71-7a57d5f669a8".parse::<TransactionId>().is_ok());
    assert!("x".repeat(255).parse::<ConsentId>().is_ok());
    for text in [String::new(), "x".repeat(256), "a\nb".to_owned()] {
        assert!(text.parse::<ConsentId>().is_err());
    }
}

#[test]
fn personal_things_do_not_show_in_debug() {
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        "ramesh@sbx".parse::<AbhaAddress>().unwrap(),
        "91123456789015".parse::<AbhaNumber>().unwrap(),
        "9876543210".parse::<Mobile>().unwrap(),
        Personal::from("Ramesh"),
        LinkToken::from("eyJ"),
        Otp::from("123456"),
    );
    assert_eq!(shown, "AbhaAddress(..) AbhaNumber(..) Mobile(..) Personal(..) LinkToken(..) Otp(..)");
}

proptest! {
    #[test]
    fn a_written_abha_number_is_read_back_and_one_wrong_digit_is_found(
        digits in 0_u64..10_000_000_000_000, place in 0_usize..14, add in 1_u8..10,
    ) {
        let number = (0..10)
            .map(|check| format!("{digits:013}{check}").parse::<AbhaNumber>().unwrap())
            .find(|number| number.checksum_ok())
            .unwrap();
        prop_assert_eq!(number.dashed().parse(), Ok(number));
        let mut wrong = number.to_string().into_bytes();
        wrong[place] = (wrong[place] - b'0' + add) % 10 + b'0';
        let wrong: AbhaNumber = String::from_utf8(wrong).unwrap().parse().unwrap();
        prop_assert!(!wrong.checksum_ok());
    }

    #[test]
    fn any_text_is_an_id_or_an_error_that_does_not_repeat_it(text in "\\PC{0,40}") {
        let errors = [
            text.parse::<AbhaNumber>().err(), text.parse::<AbhaAddress>().err(), text.parse::<Mobile>().err(),
            text.parse::<ServiceId>().err(), text.parse::<RequestId>().err(), text.parse::<TransactionId>().err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(text.len() < 8 || !error.to_string().contains(text.as_str()));
        }
    }
}
