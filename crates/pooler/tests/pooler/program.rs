//! The program itself.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use tokio::{net::TcpStream, process::Command, time::timeout};

use crate::client::Client;
use crate::messages::{one_query, parse, query, sync};
use crate::stage::{Stage, cluster, cluster_password};

/// Starts it on a port that was free a moment ago.
async fn start(arguments: &[&str]) -> (SocketAddr, tokio::process::Child) {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let password_file = std::env::temp_dir().join(format!("oslira-pooler-{}", address.port()));
    std::fs::write(&password_file, cluster_password()).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_oslira-pooler"))
        .args(["--listen", &address.port().to_string(), "--server", &cluster().0])
        .arg("--password-file")
        .arg(&password_file)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    for _ in 0..500 {
        if TcpStream::connect(address).await.is_ok() {
            std::fs::remove_file(password_file).unwrap();
            return (address, program);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not listen");
}

#[tokio::test]
async fn it_prints_what_it_refuses_without_secrets_and_ends_when_told_to() {
    let stage = Stage::new().await;
    let (address, program) = start(&["--fresh", "--connections", "3"]).await;
    let mut client = Client::connect(address, &stage.parameters()).await.unwrap();
    assert_eq!(client.query("select $1", &["quiet"]).await, Ok(vec![vec!["quiet".to_owned()]]));

    let long = format!("select '{}secret'\n", "x".repeat(60));
    for refused in [
        query(&long),
        [one_query("select $1", &["secret"]), sync()].concat(),
        [parse("", &long), crate::messages::bind("", "", [1, 0], &["secret"])].concat(),
        one_query("begin\n", &[]),
    ] {
        let mut client = Client::connect(address, &stage.parameters()).await.unwrap();
        client.send(&refused).await;
        assert_eq!(client.answer().await.unwrap_err().sqlstate, "08P01");
    }

    // A client that is still there keeps nobody waiting.
    let pid = program.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let output = timeout(Duration::from_secs(2), program.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.is_empty());
    let log = String::from_utf8(output.stderr).unwrap();
    let expected = [
        &format!("refused: Query(\"select '{}\"), where Parse of the unnamed statement is expected", "x".repeat(52)),
        "refused: Sync before the answer to the last query (pipelining)",
        "refused: Bind(portal \"\", statement \"\", parameters binary, results text), where Bind of the unnamed \
         statement and portal with text parameters and text results is expected",
        "refused: the query left a transaction open: \"begin\\n\"",
    ];
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    client.assert_closed().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_oslira-pooler"))
        .args(["--listen", &port, "--server", "127.0.0.1:1"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("oslira-pooler: port {port} is taken\n"));
}
