//! The program itself: its line on standard output, real sockets, a dropped connection, a quick end on SIGTERM.

use std::process::Stdio;

use adobe_simulator::Flags;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::helper::GRANT;

/// The raw answer to one request; empty where the connection closed without one.
#[expect(
    clippy::disallowed_methods,
    reason = "the test is the client of the program under test"
)]
async fn exchange(base: &Value, head: &str, body: &str) -> String {
    let address = base.as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A reset is an end as well.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn the_program_serves_on_sockets_until_it_is_told_to_end() {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/realistic.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_adobe-simulator"))
        .args(["--ims", "127.0.0.1:0", "--audience-manager", "127.0.0.1:0"])
        .args([
            "--experience-platform",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
        ])
        .args(["--seed", seed, "--latency", "1ms"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let urls: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(urls.as_object().unwrap().len(), 4);

    let head = "POST /ims/token/v3 HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    let answer = exchange(&urls["ims"], head, GRANT).await;
    let token = body(&answer)["access_token"].as_str().unwrap().to_owned();
    let head = format!(
        "GET /v1/traits/16440001 HTTP/1.1\r\nauthorization: Bearer {token}\r\nx-api-key: demo-client"
    );
    let answer = exchange(&urls["audienceManager"], &head, "").await;
    assert_eq!(body(&answer)["name"], "Product page");
    let faults = json!([{"kind": "effectThenReset"}]).to_string();
    let answer = exchange(&urls["control"], "POST /faults HTTP/1.1", &faults).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let answer = exchange(&urls["audienceManager"], &head, "").await;
    assert_eq!(answer, "", "the connection closes without a byte");
    let answer = exchange(&urls["control"], "GET /calls HTTP/1.1", "").await;
    assert!(answer.contains("\"status\":null"), "{answer}");

    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_seed_that_is_wrong_is_named() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_adobe-simulator"))
        .args(["--seed", manifest])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("Cargo.toml: the seed is no JSON"), "{error}");
}

#[tokio::test]
async fn the_program_starts_with_the_readings_that_it_is_given() {
    let program = || Command::new(env!("CARGO_BIN_EXE_adobe-simulator"));
    let mut child = program()
        .args(["--preset", "hostile"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let urls: Value = serde_json::from_str(&line).unwrap();
    let answer = exchange(&urls["control"], "GET /flags HTTP/1.1", "").await;
    let flags: Flags = serde_json::from_value(body(&answer)).unwrap();
    assert_eq!(flags, Flags::hostile());
    let refused = program().args(["--preset", "friendly"]).output().await;
    let error = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(error.contains("likeliest, hostile"), "{error}");
}
