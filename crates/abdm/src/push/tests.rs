//! Addresses that a stranger may name, and where they lead.

use super::*;

#[test]
fn only_the_public_internet_is_public() {
    for (ip, reach) in [
        ("8.8.8.8", Reach::Public),
        ("13.203.243.253", Reach::Public),
        ("172.15.255.255", Reach::Public),
        ("172.32.0.1", Reach::Public),
        ("100.63.255.255", Reach::Public),
        ("100.128.0.1", Reach::Public),
        ("192.0.1.1", Reach::Public),
        ("223.255.255.255", Reach::Public),
        ("2400:cb00:2048:1::c629:d7a2", Reach::Public),
        ("2001:4860:4860::8888", Reach::Public),
        ("10.0.0.1", Reach::Private),
        ("172.16.0.1", Reach::Private),
        ("172.31.255.255", Reach::Private),
        ("192.168.1.1", Reach::Private),
        ("100.64.0.1", Reach::Private),
        ("100.127.255.255", Reach::Private),
        ("fc00::1", Reach::Private),
        ("fdff::1", Reach::Private),
        ("fd00:ec2::254", Reach::Private),
        ("127.0.0.1", Reach::Loopback),
        ("127.255.255.255", Reach::Loopback),
        ("::1", Reach::Loopback),
        ("::ffff:127.0.0.1", Reach::Loopback),
        ("169.254.169.254", Reach::LinkLocal),
        ("::ffff:169.254.169.254", Reach::LinkLocal),
        ("fe80::1", Reach::LinkLocal),
        ("febf::1", Reach::LinkLocal),
        ("::ffff:10.0.0.1", Reach::Private),
        ("::ffff:8.8.8.8", Reach::Reserved),
        ("::8.8.8.8", Reach::Reserved),
        ("::", Reach::Reserved),
        ("0.0.0.0", Reach::Reserved),
        ("0.1.2.3", Reach::Reserved),
        ("192.0.0.1", Reach::Reserved),
        ("192.0.2.1", Reach::Reserved),
        ("192.88.99.1", Reach::Reserved),
        ("198.18.0.1", Reach::Reserved),
        ("198.51.100.1", Reach::Reserved),
        ("203.0.113.1", Reach::Reserved),
        ("224.0.0.1", Reach::Reserved),
        ("240.0.0.1", Reach::Reserved),
        ("255.255.255.255", Reach::Reserved),
        ("64:ff9b::7f00:1", Reach::Reserved),
        ("64:ff9b::808:808", Reach::Reserved),
        ("64:ff9b:1::1", Reach::Reserved),
        ("100::1", Reach::Reserved),
        ("2001::1", Reach::Reserved),
        ("2001:db8::1", Reach::Reserved),
        ("2002:7f00:1::1", Reach::Reserved),
        ("3fff::1", Reach::Reserved),
        ("5f00::1", Reach::Reserved),
        ("fec0::1", Reach::Reserved),
        ("ff02::1", Reach::Reserved),
        ("4000::1", Reach::Reserved),
    ] {
        let parsed: IpAddr = ip.parse().unwrap();
        assert_eq!(super::reach(parsed), reach, "{ip}");
        assert_eq!(is_public(parsed), reach == Reach::Public, "{ip}");
    }
}

#[test]
fn a_push_address_must_be_https_and_public() {
    use PushUrlRefused::{Address, Credentials, NotAUrl, NotHttps, TooLong};
    let long = format!("https://hiu.example.org/{}", "a".repeat(2100));
    for (url, strict, loose) in [
        ("https://hiu.example.org/data/push?id=1", None, None),
        (" https://hiu.example.org:8443/data ", None, None),
        ("https://8.8.8.8/x", None, None),
        ("http://hiu.example.org/data", Some(NotHttps), None),
        ("https://127.0.0.1/x", Some(Address), None),
        ("https://127.1/x", Some(Address), None),
        ("https://2130706433/x", Some(Address), None),
        ("https://0x7f.0.0.1/x", Some(Address), None),
        ("https://[::1]/x", Some(Address), None),
        ("https://10.1.2.3/x", Some(Address), None),
        ("https://localhost/x", Some(Address), None),
        ("https://LOCALHOST./x", Some(Address), None),
        ("https://a.localhost/x", Some(Address), None),
        ("http://169.254.169.254/latest/meta-data", Some(NotHttps), Some(Address)),
        ("https://169.254.169.254/latest/meta-data", Some(Address), Some(Address)),
        ("https://[::ffff:169.254.169.254]/", Some(Address), Some(Address)),
        ("https://[fe80::1]/x", Some(Address), Some(Address)),
        ("https://[::ffff:8.8.8.8]/x", Some(Address), Some(Address)),
        ("https://[64:ff9b::7f00:1]/x", Some(Address), Some(Address)),
        ("https://0.0.0.0/x", Some(Address), Some(Address)),
        ("https://user:pass@hiu.example.org/x", Some(Credentials), Some(Credentials)),
        ("https://user@hiu.example.org/x", Some(Credentials), Some(Credentials)),
        ("ftp://hiu.example.org/x", Some(NotHttps), Some(NotHttps)),
        ("file:///etc/passwd", Some(NotAUrl), Some(NotAUrl)),
        ("https://", Some(NotAUrl), Some(NotAUrl)),
        ("hiu.example.org", Some(NotAUrl), Some(NotAUrl)),
        ("", Some(NotAUrl), Some(NotAUrl)),
        (&long, Some(TooLong), Some(TooLong)),
    ] {
        assert_eq!(check_push_url(url, false).err(), strict, "{url}");
        assert_eq!(check_push_url(url, true).err(), loose, "{url}");
    }
}

#[test]
fn an_hius_answers_are_classed_by_status() {
    for (status, retry, delivery) in [
        (400, Retry::Never, Delivery::Refused),
        (401, Retry::Later, Delivery::Refused),
        (404, Retry::Never, Delivery::Refused),
        (413, Retry::Never, Delivery::Refused),
        (302, Retry::Never, Delivery::Refused),
        (429, Retry::After(Duration::from_secs(9)), Delivery::Refused),
        (500, Retry::After(Duration::from_secs(9)), Delivery::Refused),
        (504, Retry::After(Duration::from_secs(9)), Delivery::Unknown),
    ] {
        let wait = matches!(retry, Retry::After(_)).then_some(Duration::from_secs(9));
        let failure = refused(Answer { status, retry_after: wait, ..Answer::default() });
        assert_eq!((failure.retry, failure.delivery), (retry, delivery), "{status}");
        assert!(failure.explanation.contains(&status.to_string()));
    }
}

#[tokio::test]
async fn a_name_of_this_machine_is_refused_when_it_is_resolved() {
    let names: Arc<dyn Names> = Arc::new(SystemNames);
    let strict = Guard { allow_insecure: false, names: Arc::clone(&names) };
    assert!(matches!(strict.resolve_checked("localhost").await, Err(ResolveError::Refused)));
    assert!(matches!(strict.resolve_checked("[::1]").await, Err(ResolveError::Refused)));
    assert!(Guard { allow_insecure: true, names }.resolve_checked("localhost").await.is_ok());
}

/// A name with addresses of the test's choosing.
#[derive(Debug)]
struct Fixed(&'static [&'static str]);

impl Names for Fixed {
    fn look_up(&self, _: String) -> Addresses {
        let found = self.0.iter().map(|address| address.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    }
}

#[tokio::test]
async fn of_a_names_addresses_only_those_outside_are_connected_to() {
    let cases: [(&'static [&'static str], usize, usize); 6] = [
        (&["8.8.8.8"], 1, 1),
        (&["8.8.8.8", "2001:4860:4860::8888"], 2, 2),
        (&["10.0.0.7", "8.8.8.8"], 1, 2),
        (&["127.0.0.1"], 0, 1),
        (&["169.254.169.254"], 0, 0),
        (&[], 0, 0),
    ];
    for (addresses, strict, loose) in cases {
        for (allow_insecure, expected) in [(false, strict), (true, loose)] {
            let guard = Guard { allow_insecure, names: Arc::new(Fixed(addresses)) };
            let found = guard.resolve_checked("hiu.example.org").await;
            let kept = found.map_or(0, |kept| kept.len());
            assert_eq!(kept, expected, "{addresses:?} {allow_insecure}");
        }
    }
}
