//! Whose message it is: the PID segment.

use abdm::id::{AbhaAddress, AbhaNumber, Gender, Mobile};
use any_ascii::any_ascii;
use domain::patient::{Birth, Patient};
use domain::reference::PatientRef;
use jiff::civil::Date;

use super::fault::{Condition, Fault};
use super::message::{Part, Segment};
use super::{names, time};

/// The person that PID describes. What only a new patient needs may be missing or wrong.
#[derive(Clone)]
pub struct Person {
    /// The facility's number of the patient.
    pub mr: Option<String>,
    /// If PID-3 carries one.
    pub abha_number: Option<AbhaNumber>,
    /// If PID-3 carries one.
    pub abha_address: Option<AbhaAddress>,
    /// A mobile number, if PID-13 holds one.
    pub mobile: Option<Mobile>,
    name: Result<String, Fault>,
    gender: Result<Gender, Fault>,
    birth: Result<Birth, Fault>,
}

impl Person {
    /// Reads PID.
    ///
    /// # Errors
    /// An ABHA number or address that is none, or no identifier at all.
    pub fn read(pid: &Segment<'_>, today: Date) -> Result<Self, Fault> {
        let (mut mr, mut other) = (None, None);
        let (mut abha_number, mut abha_address) = (None, None);
        for id in pid.all(3) {
            let Some(value) = id.component(1).text() else { continue };
            let kind = id.component(5).text().unwrap_or_default().to_ascii_uppercase();
            match kind.as_str() {
                "ABHA" | "HIN" | "ABHANUMBER" | "ABHAADDRESS" if value.contains('@') => {
                    abha_address = Some(value.parse().map_err(|_| bad_abha("address, such as name@abdm"))?);
                }
                "ABHA" | "HIN" | "ABHANUMBER" | "ABHAADDRESS" => {
                    abha_number = Some(value.parse().map_err(|_| bad_abha("number of 14 digits"))?);
                }
                "MR" => mr = mr.or(Some(value)),
                "" | "PI" | "PT" => other = other.or(Some(value)),
                _ => {}
            }
        }
        let mr = mr.or(other);
        if mr.is_none() && abha_number.is_none() && abha_address.is_none() {
            let message =
                "PID-3 must carry the patient's MR number, or an ABHA number or address (type HIN or ABHA)";
            return Err(Fault::missing(message).at("PID", 1, 3));
        }
        let mobile = pid.all(13).chain(pid.all(14)).find_map(mobile);
        let (name, gender, birth) = (name(pid), gender(pid), birth(pid, today));
        Ok(Self { mr, abha_number, abha_address, mobile, name, gender, birth })
    }

    /// The MR number as a reference, if it can be one.
    pub fn reference(&self) -> Option<PatientRef> {
        self.mr.as_ref()?.parse().ok()
    }

    /// A patient made of what PID says.
    ///
    /// # Errors
    /// Something that a patient needs is missing or wrong.
    pub fn new_patient(&self) -> Result<Patient, Fault> {
        let Some(mr) = &self.mr else {
            let message = "the patient is not stored yet, and PID-3 carries no MR number to store them under";
            return Err(Fault::error(Condition::UnknownKey, message).at("PID", 1, 3));
        };
        let reference = mr.parse().map_err(|_| {
            let message = "the patient is not stored yet, and the MR number can't be a reference: it may hold 1 to 255 letters, digits and - _ . : /";
            Fault::error(Condition::DataType, message).at("PID", 1, 3)
        })?;
        Ok(Patient {
            reference,
            name: self.name.clone()?,
            gender: self.gender.clone()?,
            birth: self.birth.clone()?,
            mobile: self.mobile,
            abha_number: self.abha_number,
            abha_address: self.abha_address.clone(),
            identifiers: Vec::new(),
            provisional: false,
        })
    }

    /// Whether PID describes somebody else than this patient, though a number leads there: another ABHA, or at least
    /// two of name, gender and year of birth. A result must not end in another patient's file.
    pub fn is_somebody_else(&self, patient: &Patient) -> bool {
        let number = matches!((self.abha_number, patient.abha_number), (Some(a), Some(b)) if a != b);
        let address = matches!((&self.abha_address, &patient.abha_address), (Some(a), Some(b)) if a != b);
        let name = self.name.as_ref().is_ok_and(|name| !share_a_word(name, &patient.name));
        let known = |gender: &Gender| matches!(gender, Gender::Male | Gender::Female);
        let gender = self
            .gender
            .as_ref()
            .is_ok_and(|gender| known(gender) && known(&patient.gender) && *gender != patient.gender);
        let birth = self.birth.as_ref().is_ok_and(|birth| birth.year() != patient.birth.year());
        number || address || u8::from(name) + u8::from(gender) + u8::from(birth) >= 2
    }
}

/// Names nobody.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

fn bad_abha(what: &str) -> Fault {
    let message = format!("an identifier of type ABHA or HIN must be an ABHA {what}");
    Fault::error(Condition::DataType, message).at("PID", 1, 3)
}

/// Whether two names have a word in common, or one that begins like a word of the other, in any script.
fn share_a_word(one: &str, other: &str) -> bool {
    let words = |name: &str| -> Vec<String> {
        let plain = any_ascii(name).to_ascii_lowercase();
        let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 1);
        words
            .filter(|word| {
                !matches!(*word, "mr" | "mrs" | "ms" | "dr" | "smt" | "shri" | "kum" | "master" | "baby")
            })
            .map(str::to_owned)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    if one.is_empty() || other.is_empty() {
        return true;
    }
    one.iter().any(|a| {
        other
            .iter()
            .any(|b| a.starts_with(b.as_str()) || b.starts_with(a.as_str()) || strsim::levenshtein(a, b) == 1)
    })
}

fn name(pid: &Segment<'_>) -> Result<String, Fault> {
    let legal = |part: &Part<'_>| matches!(part.component(7).text().as_deref(), None | Some("L"));
    let part = pid.all(5).find(legal).or_else(|| pid.all(5).next());
    let name = part.and_then(|part| names::full(|number| part.component(number).subcomponent(1).text(), 1));
    let name = name.map(|name| name.replace(char::is_control, " "));
    name.filter(|name| name.chars().count() <= 1000).ok_or_else(|| {
        Fault::missing("the patient is not stored yet, and PID-5 holds no name").at("PID", 1, 5)
    })
}

fn gender(pid: &Segment<'_>) -> Result<Gender, Fault> {
    let Some(text) = pid.text(8) else {
        let message = "the patient is not stored yet, and PID-8 holds no gender";
        return Err(Fault::missing(message).at("PID", 1, 8));
    };
    // Table 0001 has A (ambiguous) and N (not applicable) besides.
    match text.to_ascii_uppercase().as_str() {
        "A" => Ok(Gender::Other),
        "N" => Ok(Gender::Unknown),
        _ => text.parse().map_err(|_| {
            let message = "the patient is not stored yet, and PID-8 is no gender: M, F, O or U";
            Fault::error(Condition::TableValue, message).at("PID", 1, 8)
        }),
    }
}

fn birth(pid: &Segment<'_>, today: Date) -> Result<Birth, Fault> {
    let part = pid.get(7);
    if part.is_blank() {
        let message = "the patient is not stored yet, and PID-7 holds no date or year of birth";
        return Err(Fault::missing(message).at("PID", 1, 7));
    }
    time::birth(part, today).ok_or_else(|| {
        let message = "the patient is not stored yet, and PID-7 is no date of birth: YYYYMMDD, or YYYY";
        Fault::error(Condition::DataType, message).at("PID", 1, 7)
    })
}

/// A mobile number of an XTN field: as one text, as its twelfth component, or as country, area and local number.
fn mobile(field: Part<'_>) -> Option<Mobile> {
    let part = |number| field.component(number).text().unwrap_or_default();
    if matches!(part(3).as_str(), "FX" | "BP" | "Internet") {
        return None;
    }
    let pieces = [part(5), part(6), part(7)].concat();
    [part(1), part(12), pieces].iter().find_map(|text| {
        let mobile: Mobile = text.parse().ok()?;
        // Indian mobile numbers begin with 6 to 9; a landline receives no password.
        mobile.to_string().starts_with(['6', '7', '8', '9']).then_some(mobile)
    })
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn person(pid: &str) -> Result<Person, Fault> {
        let text = format!("MSH|^~\\&|LIS\r{pid}");
        let message = Message::read(&text).unwrap();
        Person::read(&message.first("PID").unwrap(), "2026-01-20".parse().unwrap())
    }

    fn field(fault: &Fault) -> Option<u32> {
        fault.notice.location.as_ref().map(|at| at.field)
    }

    const ASHA: &str = "PID|1||MR-7^^^CH^MR~91-1234-5678-9015^^^ABDM^HIN~asha.d@sbx^^^ABDM^ABHA||Devi^Asha^K^^Smt||19850723|F|||||^PRN^CP^^91^98765^43210";

    #[test]
    fn a_patient_is_made_of_what_pid_says() {
        let patient = person(ASHA).unwrap().new_patient().unwrap();
        assert_eq!(patient.reference.as_str(), "MR-7");
        assert_eq!(patient.name, "Smt Asha K Devi");
        assert_eq!(patient.gender, Gender::Female);
        assert!(patient.birth == Birth::BirthDate("1985-07-23".parse().unwrap()));
        assert_eq!(patient.mobile.unwrap().to_string(), "9876543210");
        assert_eq!(patient.abha_number.unwrap().to_string(), "91123456789015");
        assert_eq!(patient.abha_address.unwrap().as_str(), "asha.d@sbx");
    }

    #[test]
    fn the_mr_number_is_told_from_others() {
        let mr = |ids: &str| person(&format!("PID|1||{ids}")).unwrap().mr;
        assert_eq!(mr("1^^^X^SS~2^^^X^MR").as_deref(), Some("2"));
        assert_eq!(mr("1").as_deref(), Some("1"));
        assert_eq!(mr("1^^^^PI~2^^^^VN").as_deref(), Some("1"));
        assert_eq!(person("PID|1||1^^^X^SS").unwrap_err().notice.location.unwrap().field, 3);
        assert_eq!(field(&person("PID|1||123^^^ABDM^HIN").unwrap_err()), Some(3));
        assert_eq!(field(&person("PID|1||asha@gmail^^^ABDM^ABHA").unwrap_err()), Some(3));
    }

    #[test]
    fn what_a_new_patient_lacks_is_told_by_its_field() {
        for (pid, at) in [
            ("PID|1||MR-7||||19850723|F", 5),
            ("PID|1||MR-7||Devi^Asha|||F", 7),
            ("PID|1||MR-7||Devi^Asha||18500723|F", 7),
            ("PID|1||MR-7||Devi^Asha||20270101|F", 7),
            ("PID|1||MR-7||Devi^Asha||19850723", 8),
            ("PID|1||MR-7||Devi^Asha||19850723|X", 8),
            ("PID|1||MR 7||Devi^Asha||19850723|F", 3),
            ("PID|1||91123456789015^^^^HIN||Devi^Asha||19850723|F", 3),
        ] {
            assert_eq!(person(pid).unwrap().new_patient().err().as_ref().and_then(field), Some(at), "{pid}");
        }
        let year = person("PID|1||MR-7||Devi^Asha||1985|F").unwrap().new_patient().unwrap();
        assert!(year.birth == Birth::YearOfBirth(1985));
    }

    #[test]
    fn somebody_else_under_the_same_number_is_noticed_and_a_slip_is_not() {
        let asha = person(ASHA).unwrap().new_patient().unwrap();
        for same in [
            "PID|1||MR-7||Devi^Asha||19850723|F",
            "PID|1||MR-7||DEVI^AASHA||1985|F",
            "PID|1||MR-7||Devi^Asha||19900101|F",
            "PID|1||MR-7||आशा देवी||19850723|M",
            "PID|1||MR-7",
        ] {
            assert!(!person(same).unwrap().is_somebody_else(&asha), "{same}");
        }
        for other in [
            "PID|1||MR-7||Khan^Imran||19850723|M",
            "PID|1||MR-7||Khan^Imran||19620101|F",
            "PID|1||MR-7||Devi^Asha||19620101|M",
            "PID|1||MR-7~91-1234-5678-9999^^^^HIN||Devi^Asha||19850723|F",
            "PID|1||MR-7~other.d@sbx^^^^ABHA||Devi^Asha||19850723|F",
        ] {
            assert!(person(other).unwrap().is_somebody_else(&asha), "{other}");
        }
    }

    #[test]
    fn a_landline_is_no_mobile() {
        let mobile = |phone: &str| person(&format!("PID|1||1||||||||||{phone}")).unwrap().mobile.is_some();
        assert!(mobile("+91 98765 43210") && mobile("0161-2200000~9876543210"));
        assert!(!mobile("0161-2200000") && !mobile("^PRN^FX^^91^98765^43210") && !mobile("none"));
    }
}
