//! The bridge as ABDM knows it, compared with what we take for granted: that callbacks come here, and that each
//! facility is called by the service id that its registry issued.
//!
//! A service id is never derived (ABDM V3, observed: a call with a wrong one is answered 202 and its callback never
//! comes). What this module proposes is one that ABDM's own list holds, and only if there is just one that it can be.

use abdm::id::FacilityId;

use crate::facility::{Facility, Role};
use crate::words;

/// Whom the registered address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// It is ours.
    Ours,
    /// It is another's: whoever registered last takes all callbacks.
    Other,
    /// None is registered.
    Nobody,
}

words!(Holder, "holder of the bridge's URL": Ours = "ours", Other = "other", Nobody = "nobody");

/// Whether two addresses lead to the same place: without regard to a slash at the end, the usual port, and the case of
/// scheme and host.
#[must_use]
pub fn same_address(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

/// Whom the address that ABDM has belongs to, given those that are ours.
#[must_use]
pub fn holder<'a>(registered: Option<&str>, ours: impl IntoIterator<Item = &'a str>) -> Holder {
    match registered.map(str::trim).filter(|url| !url.is_empty()) {
        None => Holder::Nobody,
        Some(url) if ours.into_iter().any(|own| same_address(url, own)) => Holder::Ours,
        Some(_) => Holder::Other,
    }
}

fn normal(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let scheme = scheme.to_ascii_lowercase();
    let (host, path) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = host.to_ascii_lowercase();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}{path}", host.strip_suffix(usual).unwrap_or(&host))
}

/// A service of ABDM's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The service id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `HIP`, `HIU` and others.
    pub types: Vec<String>,
    /// Whether it may be used.
    pub active: bool,
}

/// What the list says of a facility's service id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the list, in this role, and active.
    Right,
    /// It is in the list and switched off.
    Inactive,
    /// It is not in the list, and this one is the facility's.
    Wrong(String),
    /// It is not in the list, and each of these may be meant.
    Unclear(Vec<String>),
    /// The list holds none for this facility: it is not linked to the bridge.
    Missing,
}

/// Compares the id by which a facility is called in a role with the list.
#[must_use]
pub fn judge(facility: &Facility, role: Role, listed: &[Listed]) -> Verdict {
    let own = match role {
        Role::Hip => facility.hip_id.as_str(),
        Role::Hiu => facility.hiu_id.as_str(),
    };
    let plays = |service: &&Listed| service.types.iter().any(|kind| kind == role.as_str());
    if let Some(service) = listed.iter().filter(plays).find(|service| service.id == own) {
        return if service.active { Verdict::Right } else { Verdict::Inactive };
    }
    let candidates = listed.iter().filter(plays).filter(|service| is_of(&service.id, &facility.id));
    let (active, inactive): (Vec<&Listed>, Vec<&Listed>) = candidates.partition(|service| service.active);
    match (active.as_slice(), inactive.as_slice()) {
        ([one], _) => Verdict::Wrong(one.id.clone()),
        ([], []) => Verdict::Missing,
        ([], _) => Verdict::Inactive,
        (several, _) => Verdict::Unclear(several.iter().map(|service| service.id.clone()).collect()),
    }
}

/// Whether a service id is one that a registry issues for this facility: its id, or its id and a number
/// (`IN1410000232_1`, ABDM V3, observed).
fn is_of(service: &str, facility: &FacilityId) -> bool {
    let rest = service.strip_prefix(facility.as_str());
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('_')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit()))
    })
}

/// A name for a facility's service that the registry takes: at most 15 letters, digits and spaces (ABDM V3).
#[must_use]
pub fn service_name(name: &str) -> String {
    let kept: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' }).collect();
    let mut short = String::new();
    for word in kept.split_whitespace() {
        let gap = usize::from(!short.is_empty());
        if short.len() + gap + word.len() > 15 {
            if short.is_empty() {
                short.extend(word.chars().take(15));
            }
            break;
        }
        if gap > 0 {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility(hip_id: &str) -> Facility {
        Facility {
            id: "IN2710000001".parse().unwrap(),
            name: "Clinic".into(),
            roles: vec![Role::Hip],
            hip_id: hip_id.parse().unwrap(),
            hiu_id: hip_id.parse().unwrap(),
            counters: Vec::new(),
        }
    }

    fn listed(id: &str, types: &[&str], active: bool) -> Listed {
        let types = types.iter().map(|&kind| kind.to_owned()).collect();
        Listed { id: id.into(), name: "A clinic".into(), types, active }
    }

    #[test]
    fn addresses_are_compared_as_a_client_reads_them() {
        for (one, other, same) in [
            ("https://a.example", "https://a.example/", true),
            ("https://A.example/kadi", "HTTPS://a.example:443/kadi/", true),
            ("https://a.example/kadi", "https://a.example/Kadi", false),
            ("https://a.example", "http://a.example", false),
            ("http://127.0.0.1:8480", "http://127.0.0.1:8481", false),
        ] {
            assert_eq!(same_address(one, other), same, "{one} {other}");
        }
        assert_eq!(holder(None, ["https://a.example"]), Holder::Nobody);
        assert_eq!(holder(Some(" "), ["https://a.example"]), Holder::Nobody);
        assert_eq!(
            holder(Some("https://a.example/"), ["https://b.example", "https://a.example"]),
            Holder::Ours
        );
        assert_eq!(holder(Some("https://c.example"), ["https://a.example"]), Holder::Other);
    }

    #[test]
    fn the_right_id_is_the_one_that_the_list_holds_for_the_facility() {
        let both: &[&str] = &["HIP", "HIU"];
        let list = [listed("IN2710000001_1", both, true), listed("IN2810014366", both, true)];
        assert_eq!(judge(&facility("IN2710000001_1"), Role::Hip, &list), Verdict::Right);
        let wrong = Verdict::Wrong("IN2710000001_1".into());
        assert_eq!(judge(&facility("IN2710000001"), Role::Hip, &list), wrong);
        assert_eq!(judge(&facility("IN2710000001"), Role::Hip, &list[1..]), Verdict::Missing);
    }

    #[test]
    fn an_id_of_a_facility_whose_id_begins_alike_is_not_taken() {
        for other in ["IN27100000011", "IN2710000001x", "IN2710000001_", "IN2710000001_x"] {
            let list = [listed(other, &["HIP"], true)];
            assert_eq!(judge(&facility("IN2710000001"), Role::Hip, &list), Verdict::Missing, "{other}");
        }
    }

    #[test]
    fn of_several_none_is_chosen_and_one_that_is_off_is_said_to_be() {
        let hip: &[&str] = &["HIP"];
        let list = [listed("IN2710000001_1", hip, true), listed("IN2710000001_2", hip, true)];
        let several = Verdict::Unclear(vec!["IN2710000001_1".into(), "IN2710000001_2".into()]);
        assert_eq!(judge(&facility("IN2710000001"), Role::Hip, &list), several);
        assert_eq!(judge(&facility("IN2710000001_2"), Role::Hip, &list), Verdict::Right);
        let off = [listed("IN2710000001_1", hip, false)];
        assert_eq!(judge(&facility("IN2710000001_1"), Role::Hip, &off), Verdict::Inactive);
        assert_eq!(judge(&facility("IN2710000001"), Role::Hip, &off), Verdict::Inactive);
        assert_eq!(judge(&facility("IN2710000001"), Role::Hiu, &list), Verdict::Missing, "another role");
    }

    #[test]
    fn a_services_name_is_short_and_plain() {
        for (name, short) in [
            ("Kadi Demo Hospital", "Kadi Demo"),
            ("St. Mary's Clinic & Lab", "St Mary s"),
            ("Chhatrapatishivajihospital", "Chhatrapatishiv"),
            ("अस्पताल", ""),
        ] {
            assert_eq!(service_name(name), short);
        }
    }
}
