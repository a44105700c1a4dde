//! The form of a push address.

use std::net::IpAddr;

use reqwest::Url;

use super::allowed;

/// Why an address is not pushed to. The text may be answered to the HIU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushUrlRefused {
    /// Not an address.
    #[error("dataPushUrl is not a URL with a host")]
    NotAUrl,
    /// Longer than any real one.
    #[error("dataPushUrl is longer than 2048 characters")]
    TooLong,
    /// In the clear.
    #[error("dataPushUrl must be https")]
    NotHttps,
    /// With user or password.
    #[error("dataPushUrl must not hold a user or password")]
    Credentials,
    /// Leads, or its name leads, elsewhere than to the public internet.
    #[error("dataPushUrl does not lead to a public address")]
    Address,
}

const LONGEST: usize = 2048;

/// Whether pages may be pushed to this address, as far as its text tells. Names are checked as they are resolved.
/// `allow_insecure` lets `http://`, private networks and this machine pass; never the local link.
///
/// # Errors
/// They may not.
pub fn check_push_url(url: &str, allow_insecure: bool) -> Result<Url, PushUrlRefused> {
    if url.len() > LONGEST {
        return Err(PushUrlRefused::TooLong);
    }
    let url = Url::parse(url.trim()).map_err(|_| PushUrlRefused::NotAUrl)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(PushUrlRefused::NotAUrl)?;
    if !(url.scheme() == "https" || allow_insecure && url.scheme() == "http") {
        return Err(PushUrlRefused::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PushUrlRefused::Credentials);
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if literal.is_ok_and(|ip| !allowed(ip, allow_insecure)) || (!allow_insecure && names_this_machine(host)) {
        return Err(PushUrlRefused::Address);
    }
    Ok(url)
}

/// `localhost` is this machine whatever a resolver says (RFC 6761).
fn names_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost")
}
