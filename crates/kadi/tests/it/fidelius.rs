//! `kadi fidelius` as a process: standard input to standard output, exit codes, and its service.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(args: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
    command.arg("fidelius").args(args);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(streams.spawn().unwrap())
}

/// Runs the command with this input, written while its output is read.
fn run(args: &[&str], input: &str) -> Output {
    let mut running = start(args);
    let mut stdin = running.0.stdin.take().unwrap();
    let (mut stdout, mut stderr) = (running.0.stdout.take().unwrap(), running.0.stderr.take().unwrap());
    std::thread::scope(|scope| {
        // A command that takes no input may have ended before it is written.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        let errors = scope.spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            text
        });
        let mut answers = Vec::new();
        stdout.read_to_end(&mut answers).unwrap();
        Output { status: running.0.wait().unwrap(), stdout: answers, stderr: errors.join().unwrap() }
    })
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The reference implementation's vectors whose content is written out.
fn vectors() -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../../../fidelius/tests/data/fidelius.json")).unwrap();
    let positive = file["positive"].as_array().unwrap();
    positive.iter().filter(|vector| vector["ciphertext"].is_string()).cloned().collect()
}

fn encryption(vector: &Value) -> Value {
    json!({
        "senderPrivateKey": vector["sender"]["privateKey"], "senderNonce": vector["sender"]["nonce"],
        "requesterPublicKey": vector["requester"]["publicKey"], "requesterNonce": vector["requester"]["nonce"],
        "plaintext": vector["plaintext"]["utf8"],
    })
}

fn decryption(vector: &Value) -> Value {
    json!({
        "requesterPrivateKey": vector["requester"]["privateKey"], "requesterNonce": vector["requester"]["nonce"],
        "senderPublicKey": vector["sender"]["x509PublicKey"], "senderNonce": vector["sender"]["nonce"],
        "encryptedData": vector["ciphertext"],
    })
}

fn ndjson(requests: impl IntoIterator<Item = Value>) -> String {
    requests.into_iter().flat_map(|request| [request.to_string(), "\n".to_owned()]).collect()
}

#[test]
fn many_requests_are_answered_line_by_line_as_the_reference_does() {
    let encrypted = run(&["encrypt"], &ndjson(vectors().iter().map(encryption)));
    assert!(encrypted.status.success());
    let expected: Vec<Value> =
        vectors().iter().map(|vector| json!({"encryptedData": vector["ciphertext"]})).collect();
    assert_eq!(lines(&encrypted), expected);

    let decrypted = run(&["decrypt"], &ndjson(vectors().iter().map(decryption)));
    assert!(decrypted.status.success());
    let expected: Vec<Value> =
        vectors().iter().map(|vector| json!({"plaintext": vector["plaintext"]["utf8"]})).collect();
    assert_eq!(lines(&decrypted), expected);
}

#[test]
fn a_bad_line_is_answered_with_its_error_and_the_rest_go_on() {
    let vectors = vectors();
    let (good, mut altered, mut bad_key) =
        (decryption(&vectors[1]), decryption(&vectors[1]), decryption(&vectors[1]));
    altered["encryptedData"] = vectors[2]["ciphertext"].clone();
    bad_key["requesterPrivateKey"] = json!("AA==");
    let input = format!("{altered}\n{good}\nnot json\n{{}}\n{bad_key}\n{good}");
    let output = run(&["decrypt"], &input);
    assert_eq!(output.status.code(), Some(1));
    let answers = lines(&output);
    let codes: Vec<Option<&str>> = answers.iter().map(|answer| answer["error"]["code"].as_str()).collect();
    assert_eq!(codes, [Some("tag"), None, Some("json"), Some("json"), Some("private-key"), None]);
    assert_eq!(answers[1], answers[5]);
    assert!(answers[4]["error"]["message"].as_str().unwrap().starts_with("requesterPrivateKey: "));
    assert!(std::str::from_utf8(&output.stderr).unwrap().contains("4 of 6 requests failed"));
}

#[test]
fn a_request_laid_out_for_people_is_one_request() {
    let request = serde_json::to_string_pretty(&encryption(&vectors()[0])).unwrap();
    let output = run(&["encrypt"], &request);
    assert!(output.status.success());
    assert_eq!(lines(&output), [json!({"encryptedData": vectors()[0]["ciphertext"]})]);
}

#[test]
fn a_forgiven_fault_is_told_beside_the_answers() {
    let vector =
        vectors().into_iter().find(|vector| vector["quirks"]["senderPublicKeyStripped"].is_string()).unwrap();
    let mut request = decryption(&vector);
    request["senderPublicKey"] = vector["quirks"]["senderPublicKeyStripped"].clone();
    let output = run(&["decrypt"], &request.to_string());
    assert!(output.status.success());
    assert_eq!(lines(&output), [json!({"plaintext": vector["plaintext"]["utf8"]})]);
    assert!(std::str::from_utf8(&output.stderr).unwrap().contains("stripped-public-key"));
}

#[test]
fn each_answer_is_there_before_the_next_request() {
    let mut running = start(&["decrypt"]);
    let mut stdin = running.0.stdin.take().unwrap();
    let mut answers = BufReader::new(running.0.stdout.take().unwrap()).lines();
    for vector in vectors().iter().take(3) {
        writeln!(stdin, "{}", decryption(vector)).unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["plaintext"], vector["plaintext"]["utf8"]);
    }
    drop(stdin);
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn generated_keys_serve_a_whole_exchange() {
    let output = run(&["keygen", "--count", "2"], "");
    let [sender, requester] = <[Value; 2]>::try_from(lines(&output)).unwrap();
    let request = json!({
        "senderPrivateKey": sender["privateKey"], "senderNonce": sender["nonce"],
        "requesterPublicKey": requester["x509PublicKey"], "requesterNonce": requester["nonce"],
        "plaintext": "नमस्ते\n",
    });
    let sealed = lines(&run(&["encrypt"], &request.to_string()));
    let request = json!({
        "requesterPrivateKey": requester["privateKey"], "requesterNonce": requester["nonce"],
        "senderPublicKey": sender["publicKey"], "senderNonce": sender["nonce"],
        "encryptedData": sealed[0]["encryptedData"],
    });
    assert_eq!(lines(&run(&["decrypt"], &request.to_string())), [json!({"plaintext": "नमस्ते\n"})]);
}

#[test]
fn the_service_answers_where_it_says_it_listens() {
    let mut running = start(&["serve", "--listen", "127.0.0.1:0"]);
    let mut remarks = BufReader::new(running.0.stderr.take().unwrap());
    let mut remark = String::new();
    remarks.read_line(&mut remark).unwrap();
    let address = remark.trim().strip_prefix("listening on http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET /keys/generate HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"));
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let keys: Value = serde_json::from_str(body).unwrap();
    assert_eq!(keys["publicKey"].as_str().unwrap().len(), 88);
    assert_eq!(keys.as_object().unwrap().len(), 3);
}
