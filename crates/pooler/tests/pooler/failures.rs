//! Clients that go, backends that die, servers that are not there.

use std::time::{Duration, Instant};

use oslira_pooler::Options;
use tokio::net::TcpListener;

use crate::client::{Client, start_error};
use crate::messages::{one_query, parse};
use crate::stage::{Stage, serve};

#[tokio::test]
async fn a_client_that_goes_in_mid_query_frees_its_backend() {
    let stage = Stage::with(|options| options.connections = 1).await;
    let mut next = stage.client().await;
    // Also a query that has hardly arrived: a cancel request can come too early for it.
    for runs_already in [true, false] {
        let mut client = stage.client().await;
        client.send(&one_query("select pg_sleep(5)", &[])).await;
        if runs_already {
            stage.until_running("%pg_sleep(5)%", 1).await;
        }
        drop(client);
        let gone = Instant::now();
        assert_eq!(next.value("select 'next'").await, "next");
        assert!(gone.elapsed() < Duration::from_secs(2), "{:?}", gone.elapsed());
        assert_eq!(stage.running("%pg_sleep(5)%").await, 0);
    }
}

#[tokio::test]
async fn a_client_that_goes_in_a_large_answer_frees_its_backend() {
    let stage = Stage::with(|options| options.connections = 1).await;
    let mut next = stage.client().await;
    let mut client = stage.client().await;
    client.send(&one_query("select repeat('x', 1000) from generate_series(1, 10000000)", &[])).await;
    client.receive().await.unwrap();
    drop(client);
    let gone = Instant::now();
    assert_eq!(next.value("select 'next'").await, "next");
    assert!(gone.elapsed() < Duration::from_secs(2), "{:?}", gone.elapsed());
}

#[tokio::test]
async fn a_client_that_goes_between_messages_costs_nothing() {
    let stage = Stage::with(|options| options.connections = 1).await;
    let mut client = stage.client().await;
    let pid = client.value("select pg_backend_pid()").await;
    client.send(&parse("", "select 1")).await;
    drop(client);
    assert_eq!(stage.client().await.value("select pg_backend_pid()").await, pid);
}

#[tokio::test]
async fn a_backend_that_died_while_idle_is_replaced_without_an_error() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    for _ in 0..5 {
        let pid = client.value("select pg_backend_pid()").await;
        stage.kill(&pid).await;
        assert_ne!(client.value("select pg_backend_pid()").await, pid);
    }
}

#[tokio::test]
async fn a_backend_that_dies_in_mid_query_says_so_to_its_client() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    let error = client.query("select pg_terminate_backend(pg_backend_pid())", &[]).await.unwrap_err();
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "57P01"));
    client.assert_closed().await;
    assert_eq!(stage.client().await.value("select 'next'").await, "next");
}

#[tokio::test]
async fn a_query_that_finds_no_backend_in_time_is_told_so() {
    let stage = Stage::with(|options| options.connections = 2).await;
    let mut clients = [stage.client().await, stage.client().await, stage.client().await];
    let [first, second, third] = &mut clients;
    for client in [first, second] {
        client.send(&one_query("select pg_sleep(10)", &[])).await;
    }
    stage.until_running("%pg_sleep(10)%", 2).await;
    let error = third.query("select 1", &[]).await.unwrap_err();
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "53300"));
    assert_eq!(error.message, "all 2 backends of the strict pooler have been busy for 5 s");
    third.assert_closed().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_does_not_stay() {
    let stage = Stage::new().await;
    let mut client = Client::dial(stage.address).await;
    let error = client.answer().await.unwrap_err();
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "08P01"));
    assert_eq!(error.message, "the strict pooler refuses: no startup message within 15 s");
    client.assert_closed().await;
}

#[tokio::test]
async fn the_server_s_refusal_at_the_start_is_passed_on_unchanged() {
    let stage = Stage::new().await;
    let [(_, user), (_, database)] = stage.parameters();
    let error = start_error(stage.address, &[("user", "nobody_known"), ("database", database)]).await;
    // A server that asks for passwords says only that this one is wrong.
    assert!(error.severity == "FATAL" && ["28000", "28P01"].contains(&error.sqlstate.as_str()), "{error:?}");
    assert!(error.message.contains("\"nobody_known\""), "{error:?}");
    let error = start_error(stage.address, &[("user", user), ("database", "nowhere")]).await;
    assert_eq!((error.sqlstate.as_str(), error.message.as_str()), ("3D000", "database \"nowhere\" does not exist"));
    let error = start_error(stage.address, &[("user", user), ("database", database), ("datestyle", "wrong")]).await;
    assert_eq!(error.sqlstate, "22023");
}

#[tokio::test]
async fn a_database_that_has_gone_since_is_reported_by_the_server() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    let pid = client.value("select pg_backend_pid()").await;
    stage.lock().await;
    stage.kill(&pid).await;
    let error = client.query("select 1", &[]).await.unwrap_err();
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "55000"));
    client.assert_closed().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_connection_failure() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (address, _pooler) = serve(Options::new(unused.to_string())).await;
    let error = start_error(address, &[("user", "ann")]).await;
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "08006"));
    assert!(error.message.starts_with(&format!("the server at {unused} cannot be reached: ")), "{error:?}");
}
