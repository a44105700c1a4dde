//! So many requests a second from one source address, on both listeners, before anything else is looked at.
//!
//! The source is who connected; behind a proxy that is trusted (`server.trusted_proxies`), whom the proxy names. IPv6
//! sources count by /64, of which everybody has at least one. Each source has a token bucket that holds one second's worth.
//! The buckets are a fixed number, which sources are spread over by a hash that nobody outside knows: however many
//! addresses come, memory does not grow, and who shares a bucket with a busy one is bad luck of one in a hundred thousand.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::SharedClock;
use abdm::wire::error::{ErrorObject, Refusal};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;

use super::listener::Peer;
use super::problem::{Code, Problem};
use crate::metrics;

/// How many sources are told apart.
const BUCKETS: u64 = 1 << 17;
/// What a monitor asks, which must not be turned away because of others behind the same address.
const FREE: [&str; 2] = ["/healthz", "/readyz"];

/// How a listener says that it is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// As ABDM does.
    Abdm,
    /// As a problem document.
    Problem,
}

/// The injected clock, as the token buckets read it.
#[derive(Clone)]
struct Time(SharedClock);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Buckets = RateLimiter<u64, HashMapStateStore<u64>, Time, NoOpMiddleware<Duration>>;

/// The limit of one listener.
pub struct Limit {
    buckets: Option<Buckets>,
    trusted: Vec<IpNet>,
    hasher: RandomState,
    tongue: Tongue,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("tongue", &self.tongue).finish_non_exhaustive()
    }
}

impl Limit {
    /// `rate` requests a second; 0: no limit.
    pub fn new(rate: u32, trusted: Vec<IpNet>, tongue: Tongue, clock: SharedClock) -> Arc<Self> {
        let buckets = NonZeroU32::new(rate)
            .map(|rate| RateLimiter::new(Quota::per_second(rate), HashMapStateStore::default(), Time(clock)));
        Arc::new(Self { buckets, trusted, hasher: RandomState::new(), tongue })
    }

    /// Nothing, or how long until a request of this source is taken again.
    fn wait(&self, source: IpAddr) -> Option<Duration> {
        let buckets = self.buckets.as_ref()?;
        let bucket = self.hasher.hash_one(prefix(source)) % BUCKETS;
        let refused = buckets.check_key(&bucket).err()?;
        Some(refused.wait_time_from(buckets.clock().now()))
    }

    fn refusal(&self, wait: Duration) -> Response {
        let mut response = match self.tongue {
            Tongue::Abdm => {
                let error = ErrorObject::new("ABDM-1022", "Too many requests");
                (StatusCode::TOO_MANY_REQUESTS, Json(Refusal { error })).into_response()
            }
            Tongue::Problem => Problem::new(Code::RateLimited).into_response(),
        };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        response
    }
}

/// Puts the limit before everything that `router` does.
pub fn limited(router: Router, limit: &Arc<Limit>) -> Router {
    if limit.buckets.is_none() {
        return router;
    }
    router.layer(middleware::from_fn_with_state(Arc::clone(limit), check))
}

async fn check(State(limit): State<Arc<Limit>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let free = FREE.contains(&request.uri().path());
    if let Some(peer) = peer.filter(|_| !free) {
        let source = source(peer, request.headers(), &limit.trusted);
        if let Some(wait) = limit.wait(source) {
            metrics::too_many(limit.tongue == Tongue::Abdm);
            return limit.refusal(wait);
        }
    }
    next.run(request).await
}

/// Who asks: the peer, or, if that is a trusted proxy, the last address that no trusted proxy has. What stands before
/// that in a header may be anybody's invention.
fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(&peer) {
        return peer;
    }
    let mut last = peer;
    for named in named(headers).into_iter().rev() {
        // What a trusted proxy wrote and can't be read names nobody: the proxy itself counts.
        let Some(named) = named else { return last };
        last = named;
        if !is_trusted(&named) {
            break;
        }
    }
    last
}

/// The addresses that proxies named, in the order of the way: of `Forwarded` (RFC 7239) if it is there, else of
/// `X-Forwarded-For`.
fn named(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| -> Vec<String> {
        let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).map(|text| text.trim().to_owned()).collect()
    };
    let forwarded = values("forwarded");
    if forwarded.is_empty() {
        return values("x-forwarded-for").iter().map(|text| address(text)).collect();
    }
    let of_element = |element: &String| {
        let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut named = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
        named.next().and_then(|(_, value)| address(value.trim_matches('"')))
    };
    forwarded.iter().map(of_element).collect()
}

/// An address with or without a port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

fn prefix(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use abdm::clock::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_source_may_ask_so_often_in_a_second_and_others_are_not_touched() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let limit = Limit::new(3, Vec::new(), Tongue::Problem, Arc::new(clock.clone()));
        let one = ip("192.0.2.1");
        let refused = |source| limit.wait(source).is_some();
        assert_eq!([refused(one), refused(one), refused(one), refused(one)], [false, false, false, true]);
        assert!(!refused(ip("192.0.2.2")));
        clock.advance(Duration::from_millis(334));
        assert_eq!([refused(one), refused(one)], [false, true]);
        clock.advance(Duration::from_hours(1));
        assert_eq!([refused(one), refused(one), refused(one), refused(one)], [false, false, false, true]);
    }

    #[test]
    fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
        assert_eq!(prefix(ip("2001:db8:1:2:3:4:5:6")), prefix(ip("2001:db8:1:2::9")));
        assert_ne!(prefix(ip("2001:db8:1:2::1")), prefix(ip("2001:db8:1:3::1")));
        assert_eq!(prefix(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn buckets_are_bounded_whoever_comes() {
        let limit = Limit::new(1, Vec::new(), Tongue::Abdm, Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)));
        for number in 0..300_000_u32 {
            limit.wait(IpAddr::from(number.to_be_bytes()));
        }
        assert!(limit.buckets.as_ref().unwrap().len() as u64 <= BUCKETS);
    }

    #[test]
    fn only_trusted_proxies_name_the_source() {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let forged = [("x-forwarded-for", "198.51.100.7, 203.0.113.9")];
        let cases = [
            ("192.0.2.1", &forged[..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &forged, "203.0.113.9"),
            ("::ffff:10.0.0.1", &forged, "203.0.113.9"),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, 10.0.0.2")], "203.0.113.9"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "10.9.9.9")],
                "203.0.113.9",
            ),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, nonsense")], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, nonsense, 10.0.0.2")], "10.0.0.2"),
            (
                "10.0.0.1",
                &[("forwarded", "for=203.0.113.9;proto=https, for=\"[2001:db8::1]:443\"")],
                "203.0.113.9",
            ),
            ("10.0.0.1", &[("forwarded", "for=\"[2a00::1]:4711\";by=10.0.0.1")], "2a00::1"),
            ("10.0.0.1", &[("forwarded", "for=unknown"), ("x-forwarded-for", "203.0.113.9")], "10.0.0.1"),
        ];
        for (peer, given, expected) in cases {
            assert_eq!(source(ip(peer), &headers(given), &proxies), ip(expected), "{peer} {given:?}");
        }
    }
}
