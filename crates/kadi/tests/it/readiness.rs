//! Whether a bridge says truly that it can work, and what the doctor finds in its house.

use std::process::Command;

use crate::serving::{House, Serving, command};
use crate::world::PATIENCE;

async fn ready(serving: &Serving) -> u16 {
    reqwest::get(format!("http://{}/readyz", serving.private)).await.unwrap().status().as_u16()
}

/// How long a file of this process may become.
fn limit_files(serving: &Serving, limit: &str) {
    let pid = serving.id().to_string();
    let limit = format!("--fsize={limit}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_not_ready_and_is_again_without_a_restart() {
    let house = House::new("").await;
    let key = house.admin_key();
    // A write beyond the limit fails then, as it does on a full disk, instead of ending the process.
    let kadi = command(house.folder.path(), &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" serve"]).arg(kadi.get_program());
    shell.current_dir(house.folder.path()).env_remove("KADI_CONFIG");
    let serving = Serving::start(shell);
    serving.put_facility(&key).await;
    assert_eq!(ready(&serving).await, 200);
    limit_files(&serving, "1");
    let until = async |status: u16| {
        let looking = async { while ready(&serving).await != status {} };
        tokio::time::timeout(PATIENCE, looking).await.expect("it says so in time");
    };
    until(503).await;
    assert_eq!(serving.put_patient(&key, "P1").await, 503);
    assert_eq!(serving.name_of(&key, "P1").await, None);
    limit_files(&serving, "unlimited");
    until(200).await;
    assert_eq!(serving.put_patient(&key, "P1").await, 201);
}

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
