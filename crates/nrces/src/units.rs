//! UCUM codes of units as hospitals write them. Only what can mean one thing.

use std::sync::LazyLock;

use crate::bytes::same;

/// The UCUM code of a unit, if it is certain.
pub(crate) fn ucum(unit: &str) -> Option<&'static str> {
    let unit = unit.trim();
    let (exact, any_case) = BY_LENGTH.get(unit.len())?;
    let exact = exact.iter().find(|(name, _)| same(name.as_bytes(), unit.as_bytes()));
    let found = exact.or_else(|| any_case.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)));
    found.map(|(_, code)| *code)
}

/// Units, exact ones and others, by the number of bytes in which they are written.
static BY_LENGTH: LazyLock<Vec<(Vec<Unit>, Vec<Unit>)>> = LazyLock::new(|| {
    let of =
        |units: &[Unit], length| units.iter().filter(|(name, _)| name.len() == length).copied().collect();
    let longest = EXACT.iter().chain(&ANY_CASE).map(|(name, _)| name.len()).max().unwrap_or_default();
    (0..=longest).map(|length| (of(&EXACT, length), of(&ANY_CASE, length))).collect()
});

/// How it is written, and its code.
type Unit = (&'static str, &'static str);

/// Where the case of a letter tells two units apart.
const EXACT: [Unit; 22] = [
    ("m", "m"),
    ("M", "m"),
    ("C", "Cel"),
    ("F", "[degF]"),
    ("fL", "fL"),
    ("fl", "fL"),
    ("pg", "pg"),
    ("mmol/L", "mmol/L"),
    ("mmol/l", "mmol/L"),
    ("µmol/L", "umol/L"),
    ("umol/L", "umol/L"),
    ("nmol/L", "nmol/L"),
    ("pmol/L", "pmol/L"),
    ("mEq/L", "meq/L"),
    ("meq/L", "meq/L"),
    ("mIU/L", "m[IU]/L"),
    ("µIU/mL", "u[IU]/mL"),
    ("uIU/mL", "u[IU]/mL"),
    ("mIU/mL", "m[IU]/mL"),
    ("IU/L", "[IU]/L"),
    ("IU/mL", "[IU]/mL"),
    ("MET", "[MET]"),
];

const ANY_CASE: [Unit; 84] = [
    ("%", "%"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("km", "km"),
    ("inch", "[in_i]"),
    ("inches", "[in_i]"),
    ("ft", "[ft_i]"),
    ("feet", "[ft_i]"),
    ("kg", "kg"),
    ("kgs", "kg"),
    ("g", "g"),
    ("gm", "g"),
    ("mg", "mg"),
    ("mcg", "ug"),
    ("µg", "ug"),
    ("ug", "ug"),
    ("ng", "ng"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("l", "L"),
    ("ml", "mL"),
    ("dl", "dL"),
    ("kg/m2", "kg/m2"),
    ("kg/m²", "kg/m2"),
    ("mmhg", "mm[Hg]"),
    ("mm hg", "mm[Hg]"),
    ("mm of hg", "mm[Hg]"),
    ("mm[hg]", "mm[Hg]"),
    ("bpm", "/min"),
    ("/min", "/min"),
    ("per minute", "/min"),
    ("beats/min", "/min"),
    ("beats/minute", "/min"),
    ("breaths/min", "/min"),
    ("breaths/minute", "/min"),
    ("°c", "Cel"),
    ("cel", "Cel"),
    ("celsius", "Cel"),
    ("deg c", "Cel"),
    ("°f", "[degF]"),
    ("fahrenheit", "[degF]"),
    ("deg f", "[degF]"),
    ("[degf]", "[degF]"),
    ("g/dl", "g/dL"),
    ("gm/dl", "g/dL"),
    ("gm%", "g/dL"),
    ("g%", "g/dL"),
    ("g/l", "g/L"),
    ("mg/dl", "mg/dL"),
    ("mg%", "mg/dL"),
    ("mg/l", "mg/L"),
    ("mcg/dl", "ug/dL"),
    ("µg/dl", "ug/dL"),
    ("ug/dl", "ug/dL"),
    ("mcg/l", "ug/L"),
    ("µg/l", "ug/L"),
    ("ng/ml", "ng/mL"),
    ("ng/dl", "ng/dL"),
    ("pg/ml", "pg/mL"),
    ("mcg/ml", "ug/mL"),
    ("µg/ml", "ug/mL"),
    ("u/l", "U/L"),
    ("mm/hr", "mm/h"),
    ("mm/h", "mm/h"),
    ("mm/1st hr", "mm/h"),
    ("mm/1st hour", "mm/h"),
    ("/cumm", "/mm3"),
    ("cells/cumm", "/mm3"),
    ("/mm3", "/mm3"),
    ("cells/mm3", "/mm3"),
    ("/ul", "/uL"),
    ("/µl", "/uL"),
    ("cells/µl", "/uL"),
    ("10^3/ul", "10*3/uL"),
    ("10^3/µl", "10*3/uL"),
    ("10*3/ul", "10*3/uL"),
    ("10^6/ul", "10*6/uL"),
    ("10^6/µl", "10*6/uL"),
    ("10*6/ul", "10*6/uL"),
    ("hours", "h"),
    ("minutes", "min"),
    ("min", "min"),
    ("kcal", "kcal"),
    ("mg/g", "mg/g"),
];

#[cfg(test)]
mod tests {
    use super::ucum;

    #[test]
    fn units_as_they_are_written_become_ucum() {
        for (unit, code) in [
            ("CM", "cm"),
            ("KG", "kg"),
            ("mmHg", "mm[Hg]"),
            ("gm/dL", "g/dL"),
            ("µIU/mL", "u[IU]/mL"),
            ("bpm", "/min"),
        ] {
            assert_eq!(ucum(unit), Some(code), "{unit}");
        }
    }

    #[test]
    fn what_may_mean_two_things_stays_text() {
        for unit in ["tablet", "units", "", "MMOL/L", "lakhs/cumm"] {
            assert_eq!(ucum(unit), None, "{unit}");
        }
    }
}
