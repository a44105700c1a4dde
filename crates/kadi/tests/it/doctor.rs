//! What the doctor finds in a bridge's house.

use crate::serving::House;

/// The doctor's findings, a line each.
fn findings(house: &House) -> Vec<String> {
    let output = house.run(&["doctor"]);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn find<'a>(findings: &'a [String], what: &str) -> &'a str {
    let found = findings.iter().find(|line| line.split('\t').nth(1) == Some(what));
    found.unwrap_or_else(|| panic!("nothing of {what} in {findings:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_keys_folders_and_disks() {
    let house = House::new("").await;
    house.admin_key();
    let all = findings(&house);
    for what in ["writing", "master key", "objects"] {
        assert!(find(&all, what).starts_with("ok\t"), "{}", find(&all, what));
    }
    assert!(find(&all, "disk of the store").contains("MiB free"));
    assert!(!house.path("objects").exists(), "nothing is changed");

    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(house.path("master.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(house.path("objects"), "a file").unwrap();
    house.succeeds(&["key", "rotate-master", "--keep-old"]);
    std::fs::set_permissions(house.path("master.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let all = findings(&house);
    let keys: Vec<_> = all.iter().filter(|line| line.starts_with("warn\tmaster key")).collect();
    assert!(keys.len() == 2 && keys[0].contains("is under way") && keys[1].contains("chmod 600"), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_certificate() {
    let house = House::new("").await;
    house.admin_key();
    let key = rcgen::KeyPair::generate().unwrap();
    let write = |years: [i32; 2]| {
        let mut params = rcgen::CertificateParams::new(vec!["abdm.hospital.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
        params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
        std::fs::write(house.path("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    };
    std::fs::write(house.path("key.pem"), key.serialize_pem()).unwrap();
    let config = std::fs::read_to_string(house.path("kadi.toml")).unwrap();
    let with = |host: &str| {
        let text = format!(
            "server.public_url = 'https://{host}'\nserver.tls_cert_file = 'cert.pem'\nserver.tls_key_file = 'key.pem'\n{config}"
        );
        std::fs::write(house.path("kadi.toml"), text).unwrap();
        findings(&house)
    };
    write([2020, 2200]);
    assert!(
        find(&with("abdm.hospital.example"), "certificate").starts_with("ok\tcertificate\tvalid until 2200")
    );
    assert!(
        find(&with("other.example"), "certificate")
            .starts_with("fail\tcertificate\tis not for other.example")
    );
    write([2020, 2021]);
    assert!(
        find(&with("abdm.hospital.example"), "certificate").starts_with("fail\tcertificate\texpired at 2021")
    );
    std::fs::write(house.path("key.pem"), "").unwrap();
    assert!(find(&with("abdm.hospital.example"), "certificate").contains("holds no private key"));
}
