//! What passes, and what one query leaves to the next: nothing.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::stage::Stage;

#[tokio::test]
async fn a_query_of_the_one_shape_gets_its_rows() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    let rows = client.query("select n, $1::text from generate_series(1, 2) n", &["a'b"]).await;
    assert_eq!(rows, Ok(vec![vec!["1".to_owned(), "a'b".to_owned()], vec!["2".to_owned(), "a'b".to_owned()]]));
    // And the connection goes on.
    assert_eq!(client.value("select count(*) from generate_series(1, 1000)").await, "1000");
}

#[tokio::test]
async fn an_answer_of_many_rows_arrives_whole() {
    let stage = Stage::new().await;
    let rows = stage.client().await.query("select n, repeat('x', 500) from generate_series(1, 20000) n", &[]).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().enumerate().all(|(at, row)| row[0] == (at + 1).to_string() && row[1].len() == 500));
}

#[tokio::test]
async fn a_large_parameter_arrives_whole() {
    let stage = Stage::new().await;
    let large = "y".repeat(5 * 1024 * 1024);
    let rows = stage.client().await.query("select length($1)", &[&large]).await;
    assert_eq!(rows, Ok(vec![vec![large.len().to_string()]]));
}

#[tokio::test]
async fn after_an_error_in_sql_the_next_query_is_served() {
    for stage in [Stage::new().await, Stage::fresh().await] {
        let mut client = stage.client().await;
        let error = client.query("select 1 / $1::int", &["0"]).await.unwrap_err();
        assert_eq!((error.severity.as_str(), error.sqlstate.as_str()), ("ERROR", "22012"));
        let error = client.query("selec", &[]).await.unwrap_err();
        assert_eq!(error.sqlstate, "42601");
        assert_eq!(client.value("select 'still here'").await, "still here");
    }
}

#[tokio::test]
async fn no_setting_lock_or_temporary_table_reaches_the_next_query() {
    for stage in [Stage::new().await, Stage::fresh().await] {
        let mut client = stage.client().await;
        assert_eq!(client.value("select set_config('x.y', '1', false)").await, "1");
        assert_eq!(client.value("select coalesce(current_setting('x.y', true), '')").await, "");
        client.query("create temporary table mine (id int)", &[]).await.unwrap();
        assert_eq!(client.value("select coalesce(to_regclass('mine')::text, 'none')").await, "none");
        client.query("select pg_advisory_lock(1)", &[]).await.unwrap();
        assert_eq!(client.value("select count(*) from pg_locks where locktype = 'advisory'").await, "0");
    }
}

#[tokio::test]
async fn a_backend_is_used_again_for_whoever_comes() {
    // The answer does not wait for the reset: with more than one, the other client might find this one not back yet.
    let stage = Stage::with(|options| options.connections = 1).await;
    let mut client = stage.client().await;
    let pid = client.value("select pg_backend_pid()").await;
    for _ in 0..5 {
        assert_eq!(client.value("select pg_backend_pid()").await, pid);
    }
    assert_eq!(stage.client().await.value("select pg_backend_pid()").await, pid);
}

#[tokio::test]
async fn fresh_means_another_backend_for_each_query() {
    let stage = Stage::fresh().await;
    let mut client = stage.client().await;
    let mut pids = BTreeSet::new();
    for _ in 0..5 {
        pids.insert(client.value("select pg_backend_pid()").await);
    }
    assert_eq!(pids.len(), 5);
    // They do not stay: what is left is the test's own connection.
    assert_eq!(client.value("select count(*) from pg_stat_activity where datname = current_database()").await, "2");
}

#[tokio::test]
async fn other_startup_parameters_mean_other_backends() {
    let stage = Stage::new().await;
    let pid = stage.client().await.value("select pg_backend_pid()").await;
    let [user, database] = stage.parameters();
    let named = [user, database, ("application_name", "named")];
    let mut named = crate::client::Client::connect(stage.address, &named).await.unwrap();
    assert_eq!(named.value("show application_name").await, "named");
    assert_ne!(named.value("select pg_backend_pid()").await, pid);
}

#[tokio::test]
async fn fifty_clients_share_four_backends_and_each_gets_its_own_answers() {
    for fresh in [false, true] {
        let stage = Stage::with(|options| (options.connections, options.fresh) = (4, fresh)).await;
        let clients = join_all((0..50).map(|number| {
            let stage = &stage;
            async move {
                let mut client = stage.client().await;
                for round in 0..4 {
                    let mine = format!("{number}/{round}");
                    let rows = client.query("select $1::text, pg_sleep(0.002)::text", &[&mine]).await.unwrap();
                    assert_eq!(rows[0][0], mine);
                }
            }
        }));
        let watched = async {
            let backends = "select count(*) from pg_stat_activity where datname = current_database()";
            let mut most = 0;
            for _ in 0..20 {
                most = most.max(stage.superuser.query_one(backends, &[]).await.unwrap().get::<_, i64>(0));
            }
            most
        };
        let (_, most) = tokio::join!(clients, watched);
        assert!(most <= 4 + 1, "{most} connections, one of them the test's own");
    }
}

#[tokio::test]
async fn a_caching_pooler_gives_old_answers_to_all_that_it_does_not_know_to_change() {
    let stage = Stage::with(|options| options.caching = true).await;
    let mut client = stage.client().await;
    for (sql, is_remembered) in
        [("select txid_current()", true), ("select txid_current() where clock_timestamp() is not null", false)]
    {
        let first = client.value(sql).await;
        assert_eq!(client.value(sql).await == first, is_remembered, "{sql}");
        assert_eq!(stage.client().await.value(sql).await == first, is_remembered, "{sql}");
    }
}
