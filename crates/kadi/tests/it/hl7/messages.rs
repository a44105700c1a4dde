//! Messages as laboratories and wards send them. The files have lines; a message has carriage returns.

/// A complete blood count, HL7 2.5.1, LOINC beside local codes.
pub fn cbc() -> String {
    message(include_str!("messages/cbc.hl7"))
}

/// Liver function, HL7 2.3.1, local codes only, no visit number.
pub fn lft() -> String {
    message(include_str!("messages/lft.hl7"))
}

/// A urine culture of an inpatient, with susceptibilities as an order of their own.
pub fn culture() -> String {
    message(include_str!("messages/culture.hl7"))
}

/// A discharge summary as PDF.
pub fn discharge() -> String {
    message(include_str!("messages/discharge.hl7"))
}

/// A message of these lines.
pub fn message(lines: &str) -> String {
    lines.trim_end().replace('\n', "\r")
}

/// A results message of these segments, with a header and a patient in order.
pub fn oru(control_id: &str, segments: &[&str]) -> String {
    let head = format!("MSH|^~\\&|LIS|LAB|KADI|HOSP|20260120120000+0530||ORU^R01|{control_id}|P|2.5");
    let patient = "PID|1||MR-30447^^^LAB^MR||Begum^Farida||19791205|F";
    [&[head.as_str(), patient], segments].concat().join("\r")
}

/// A message as it was, sent at another time under another id.
pub fn again(message: &str, control_id: &str, sent_at: &str) -> String {
    let mut fields: Vec<&str> = message.split('|').collect();
    (fields[6], fields[9]) = (sent_at, control_id);
    fields.join("|")
}
