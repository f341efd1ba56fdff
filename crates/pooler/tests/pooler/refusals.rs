//! Everything that a transaction pooler may refuse is refused, by name.

use crate::client::{Client, ServerError};
use crate::messages::{
    bind, describe, execute, flush, message, one_query, packet, parse, password_message, query, sync,
};
use crate::stage::{Stage, cluster_password};

const PREFIX: &str = "the strict pooler refuses: ";
const BIND: &str = "Bind of the unnamed statement and portal with text parameters and text results";

/// Asserts a refusal and answers what came after its usual beginning.
fn refused(error: ServerError) -> String {
    assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "08P01"), "{error:?}");
    error.message.strip_prefix(PREFIX).unwrap().to_owned()
}

async fn refusal_of(stage: &Stage, bytes: &[u8]) -> String {
    let mut client = stage.client().await;
    client.send(bytes).await;
    let refusal = refused(client.answer().await.unwrap_err());
    client.assert_closed().await;
    refusal
}

#[tokio::test]
async fn every_other_shape_is_refused_by_name() {
    let stage = Stage::new().await;
    let (first, parsed) = ("Parse of the unnamed statement", parse("", "select 1"));
    let bound = [parsed.clone(), bind("", "", [0, 0], &[])].concat();
    let described = [bound.clone(), describe('P', "")].concat();
    let after = |before: &[u8], message: Vec<u8>| [before, &message].concat();
    let table = [
        (query("select 1"), r#"Query("select 1")"#, first),
        (parse("s", "select 1"), r#"Parse(statement "s", "select 1")"#, first),
        (flush(), "Flush", first),
        (sync(), "Sync", first),
        (message(b'F', b""), "FunctionCall", first),
        (message(b'C', b"Ss\0"), r#"Close(statement "s")"#, first),
        (after(&parsed, bind("", "", [1, 0], &[])), &bind_named("", "binary", "text"), BIND),
        (after(&parsed, bind("", "", [0, 1], &[])), &bind_named("", "text", "binary"), BIND),
        (after(&parsed, bind("p", "", [0, 0], &[])), &bind_named("p", "text", "text"), BIND),
        (after(&parsed, describe('S', "")), r#"Describe(statement "")"#, BIND),
        (after(&parsed, sync()), "Sync", BIND),
        (after(&bound, describe('S', "")), r#"Describe(statement "")"#, "Describe of the unnamed portal"),
        (after(&bound, execute("", 0)), r#"Execute(portal "", rows 0)"#, "Describe of the unnamed portal"),
        (
            after(&described, execute("", 9)),
            r#"Execute(portal "", rows 9)"#,
            "Execute of the unnamed portal for all rows",
        ),
        ([described, execute("", 0), flush()].concat(), "Flush", "Sync"),
    ];
    for (bytes, came, expected) in table {
        assert_eq!(refusal_of(&stage, &bytes).await, format!("{came}, where {expected} is expected"));
    }
}

fn bind_named(portal: &str, parameters: &str, results: &str) -> String {
    format!("Bind(portal {portal:?}, statement \"\", parameters {parameters}, results {results})")
}

#[tokio::test]
async fn messages_that_are_none_are_refused() {
    let stage = Stage::new().await;
    let too_long = [&b"P"[..], &(64 * 1024 * 1024 + 1_u32).to_be_bytes()].concat();
    let table = [
        (message(b'P', b"no end"), "malformed Parse"),
        (b"P\0\0\0\x03".to_vec(), "a message of 3 bytes, where 4 to 67108864 are expected"),
        (too_long, "a message of 67108865 bytes, where 4 to 67108864 are expected"),
    ];
    for (bytes, expected) in table {
        assert_eq!(refusal_of(&stage, &bytes).await, expected);
    }
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_has_much_more_to_say() {
    let stage = Stage::new().await;
    let refusal = refusal_of(&stage, &[query("select 1"), vec![0; 8 * 1024 * 1024]].concat()).await;
    assert!(refusal.starts_with("Query"), "{refusal}");
}

#[tokio::test]
async fn a_second_query_before_the_first_one_s_answer_is_refused() {
    let stage = Stage::new().await;
    let two = [one_query("select 1", &[]), one_query("select 2", &[])].concat();
    assert_eq!(refusal_of(&stage, &two).await, "Parse before the answer to the last query (pipelining)");

    let mut client = stage.client().await;
    client.send(&one_query("select pg_sleep(5)", &[])).await;
    stage.until_running("%pg_sleep(5)%", 1).await;
    client.send(&sync()).await;
    let refusal = refused(client.answer().await.unwrap_err());
    assert_eq!(refusal, "Sync before the answer to the last query (pipelining)");
    stage.until_running("%pg_sleep(5)%", 0).await;
}

#[tokio::test]
async fn a_transaction_left_open_is_refused_and_its_backend_thrown_away() {
    let stage = Stage::with(|options| options.connections = 1).await;
    for begin in ["begin", "start transaction read only", " /* hidden */ BEGIN"] {
        let pid = stage.client().await.value("select pg_backend_pid()").await;
        let refusal = refusal_of(&stage, &one_query(begin, &[])).await;
        assert_eq!(refusal, format!("the query left a transaction open: {begin:?}"));
        assert_ne!(stage.client().await.value("select pg_backend_pid()").await, pid);
    }
}

#[tokio::test]
async fn a_copy_that_waits_for_its_client_is_refused_at_once() {
    let stage = Stage::with(|options| options.connections = 1).await;
    stage.superuser.batch_execute("create table copied (id int)").await.unwrap();
    let refusal = refusal_of(&stage, &one_query("copy copied from stdin", &[])).await;
    assert_eq!(refusal, "the query waits for data from its client: \"copy copied from stdin\"");
    assert_eq!(stage.client().await.value("select count(*) from copied").await, "0");
}

#[tokio::test]
async fn what_tokio_postgres_sends_is_refused() {
    let stage = Stage::new().await;
    let config = {
        let [(_, user), (_, database)] = stage.parameters();
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(stage.address.port()).user(user).password(cluster_password()).dbname(database);
        config
    };
    for way in 0..3 {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let failed = match way {
            0 => client.batch_execute("select 1").await.unwrap_err(),
            1 => client.query("select 1", &[]).await.unwrap_err(),
            _ => client.query_typed("select 1", &[]).await.unwrap_err(),
        };
        // The message reaches whoever of the two reads it first.
        let ended = connection.await.unwrap().err();
        let refused = failed.as_db_error().or(ended.as_ref().and_then(|error| error.as_db_error())).unwrap();
        assert_eq!(refused.code().code(), "08P01", "{way}");
        let what = ["Query(\"select 1\")", "Parse(statement \"s", "Bind("][way];
        assert!(refused.message().starts_with(&format!("{PREFIX}{what}")), "{refused}");
    }
}

#[tokio::test]
async fn encryption_is_declined_and_the_client_goes_on_without() {
    let stage = Stage::new().await;
    let mut client = Client::dial(stage.address).await;
    for code in [80_877_103, 80_877_104] {
        client.send(&packet(code, b"")).await;
        assert_eq!(client.receive_byte().await, b'N');
    }
    client.send(&crate::messages::startup(&stage.parameters())).await;
    // Either the request for a password or the welcome.
    assert!(matches!(client.receive().await, Some((b'R', _))));
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused() {
    let stage = Stage::new().await;
    let mut client = Client::dial(stage.address).await;
    client.send(&packet((3 << 16) + 2, b"user\0ann\0\0")).await;
    let refusal = refused(client.answer().await.unwrap_err());
    assert_eq!(refusal, "version 3.2 of the protocol, where 3.0 is expected");
}

#[tokio::test]
async fn a_cancel_request_reaches_nobody() {
    let stage = Stage::new().await;
    let mut client = Client::dial(stage.address).await;
    client.send(&packet(80_877_102, &[0; 8])).await;
    client.assert_closed().await;
}

#[tokio::test]
async fn a_client_without_the_password_is_refused() {
    let stage = Stage::with(|options| options.password = Some("right".to_owned())).await;
    for sent in ["wrong", "", "right and more"] {
        let mut client = Client::dial(stage.address).await;
        client.send(&crate::messages::startup(&stage.parameters())).await;
        assert_eq!(client.receive().await, Some((b'R', vec![0, 0, 0, 3])));
        client.send(&password_message(sent)).await;
        let error = client.answer().await.unwrap_err();
        assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("FATAL", "28P01"), "{sent}");
        client.assert_closed().await;
    }
}
