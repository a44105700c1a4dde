//! Codes that go by a common name: only those of NRCeS's own value sets, and
//! only names that mean nothing else.

/// Blood pressure panel.
pub(crate) const PRESSURE: &str = "85354-9";

/// LOINC code and display of a vital sign or body measurement.
pub(crate) fn loinc(name: &str) -> Option<(&'static str, &'static str)> {
    const NAMES: [(&str, &str, &str); 24] = [
        ("blood pressure", PRESSURE, "Blood pressure panel with all children optional"),
        ("bp", PRESSURE, "Blood pressure panel with all children optional"),
        ("heart rate", "8867-4", "Heart rate"),
        ("pulse", "8867-4", "Heart rate"),
        ("pulse rate", "8867-4", "Heart rate"),
        ("respiratory rate", "9279-1", "Respiratory rate"),
        ("respiration rate", "9279-1", "Respiratory rate"),
        ("rr", "9279-1", "Respiratory rate"),
        ("spo2", "2708-6", "Oxygen saturation in Arterial blood"),
        ("oxygen saturation", "2708-6", "Oxygen saturation in Arterial blood"),
        ("body surface temperature", "61008-9", "Body surface temperature"),
        ("height", "8302-2", "Body height"),
        ("body height", "8302-2", "Body height"),
        ("weight", "29463-7", "Body weight"),
        ("body weight", "29463-7", "Body weight"),
        ("bmi", "39156-5", "Body mass index (BMI) [Ratio]"),
        ("body mass index", "39156-5", "Body mass index (BMI) [Ratio]"),
        ("systolic", "8480-6", "Systolic blood pressure"),
        ("systolic blood pressure", "8480-6", "Systolic blood pressure"),
        ("diastolic", "8462-4", "Diastolic blood pressure"),
        ("diastolic blood pressure", "8462-4", "Diastolic blood pressure"),
        ("steps", "55423-8", "Number of steps in unspecified time Pedometer"),
        ("number of steps", "55423-8", "Number of steps in unspecified time Pedometer"),
        ("sleep duration", "93832-4", "Sleep duration"),
    ];
    NAMES.iter().find(|(n, ..)| n.eq_ignore_ascii_case(name)).map(|(_, code, display)| (*code, *display))
}

/// HL7's interpretation code and display of a letter or word.
pub(crate) fn interpretation(text: &str) -> Option<(&'static str, &'static str)> {
    const CODES: [(&str, &str); 19] = [
        ("N", "Normal"),
        ("A", "Abnormal"),
        ("AA", "Critical abnormal"),
        ("H", "High"),
        ("HH", "Critical high"),
        ("HU", "Significantly high"),
        ("L", "Low"),
        ("LL", "Critical low"),
        ("LU", "Significantly low"),
        ("POS", "Positive"),
        ("NEG", "Negative"),
        ("DET", "Detected"),
        ("ND", "Not detected"),
        ("RR", "Reactive"),
        ("NR", "Non-reactive"),
        ("IND", "Indeterminate"),
        ("S", "Susceptible"),
        ("I", "Intermediate"),
        ("R", "Resistant"),
    ];
    CODES
        .iter()
        .find(|(code, display)| code.eq_ignore_ascii_case(text) || display.eq_ignore_ascii_case(text))
        .map(|(code, display)| (*code, *display))
}
