//! How values are written: durations, sizes, and text that may be empty.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use abdm::id::FacilityId;
use ipnet::IpNet;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, Error};

use crate::sources::hl7::charset::Charset;

/// `200ms`, `30s`, `10m`, `24h`. Zero and less are refused: nothing configured here may take no time.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| D::Error::custom("expected a duration such as \"200ms\", \"30s\", \"10m\" or \"24h\""))
}

/// `512KiB`, `8MiB`, `1GiB`, in bytes.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text)
        .ok_or_else(|| D::Error::custom("expected a size such as \"512KiB\", \"8MiB\" or \"1GiB\""))
}

fn parse_size(text: &str) -> Option<usize> {
    const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let (number, unit) =
        UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes)))?;
    number.parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// Text; empty is none.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// An address with its port; empty is none.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let read = |text: String| {
        text.parse()
            .map_err(|_| D::Error::custom("expected an address with a port, such as \"127.0.0.1:2575\""))
    };
    text(deserializer)?.map(read).transpose()
}

/// Addresses and networks with commas between them; may be empty.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| {
        let network = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            D::Error::custom(
                "expected addresses or networks with commas between, such as \"10.0.0.5, 10.1.0.0/16\"",
            )
        })
    };
    parts.map(read).collect()
}

/// The id of a facility; empty is none.
pub(super) fn facility<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FacilityId>, D::Error> {
    text(deserializer)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

/// The name of a character set.
pub(super) fn charset<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Charset, D::Error> {
    let text = String::deserialize(deserializer)?;
    Charset::named(&text)
        .ok_or_else(|| D::Error::custom("expected a character set: \"UTF-8\", \"8859/1\" or \"ASCII\""))
}

/// A path; empty is none.
pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(text(deserializer)?.map(PathBuf::from))
}

/// A secret; empty is none.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(if text.is_empty() { None } else { Some(SecretString::from(text)) })
}

/// A count of at least one.
pub(super) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number == 0 { Err(D::Error::custom("expected 1 or more")) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_in_powers_of_two_and_have_a_unit() {
        assert_eq!(parse_size("8MiB"), Some(8 * 1024 * 1024));
        assert_eq!(parse_size("1 KiB"), Some(1024));
        assert_eq!(parse_size("17B"), Some(17));
        for odd in ["", "8", "8MB", "MiB", "-1MiB", "1.5MiB", "0MiB", "99999999999999GiB"] {
            assert_eq!(parse_size(odd), None, "{odd}");
        }
    }

    #[test]
    fn durations_have_a_unit_and_take_some_time() {
        let read = |text: &str| {
            duration(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
        };
        assert_eq!(read("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(read("30s"), Some(Duration::from_secs(30)));
        assert_eq!(read("10m"), Some(Duration::from_mins(10)));
        assert_eq!(read("24h"), Some(Duration::from_hours(24)));
        for odd in ["", "5", "0s", "-5s", "5 bananas", "s"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
