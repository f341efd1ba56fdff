//! The local stack is its developer's alone, although any user of the machine, and any page in a browser there, can reach its
//! ports.

use std::os::unix::fs::PermissionsExt as _;

use oslira_e2e::Stack;
use reqwest::{Method, StatusCode, header::HOST};
use tokio_postgres::{Config, NoTls};

/// Where the stack's database server and its pooler listen, for this login.
fn databases(stack: &Stack, user: &str, password: Option<&str>) -> Vec<Config> {
    let server: Config = stack.database_url.parse().unwrap();
    let ports = [Some(server.get_ports()[0]), stack.pooler_port()];
    let config = |port| {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).dbname(server.get_dbname().unwrap()).user(user);
        if let Some(password) = password {
            config.password(password);
        }
        config
    };
    ports.into_iter().flatten().map(config).collect()
}

#[tokio::test]
async fn a_stranger_on_this_machine_reaches_nothing() {
    let stack = Stack::load();
    let secret = std::fs::read_to_string(stack.dir().join("database-password")).unwrap();
    for known in databases(&stack, "oslira_tenant", Some(secret.trim())) {
        assert!(known.connect(NoTls).await.is_ok(), "the secret is wanted at {:?}", known.get_ports());
    }
    for user in ["postgres", "oslira_tenant", "oslira_admin", "oslira_operator", "authenticated"] {
        for password in [None, Some(""), Some("postgres"), Some("oslira"), Some("trusted")] {
            for config in databases(&stack, user, password) {
                let at = format!("{user} with {password:?} at {:?}", config.get_ports());
                let Err(error) = config.connect(NoTls).await else { panic!("reached: {at}") };
                // Without a password the client itself gives up when it is asked for one; pgbouncer has no code for a wrong one.
                let said = format!("{error:?}");
                let is_for_the_secret = error.code().is_some_and(|code| code.code().starts_with("28"))
                    || said.contains("password missing")
                    || said.contains("password authentication failed");
                assert!(is_for_the_secret, "{at}: {error:?}");
            }
        }
    }
    for (method, path) in [(Method::POST, "tokens"), (Method::GET, "received?target=jwks"), (Method::POST, "faults")] {
        let url = format!("{}/control/{path}", stack.sandbox_url);
        for request in [stack.http().request(method.clone(), &url), stack.http().request(method, &url).bearer_auth("x")]
        {
            assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
        }
    }
}

#[tokio::test]
async fn a_stranger_on_this_machine_reads_no_file_of_the_stack() {
    let stack = Stack::load();
    let readable = std::fs::read_dir(stack.dir()).unwrap().map(|entry| entry.unwrap()).filter(|entry| {
        let mode = entry.metadata().unwrap().permissions().mode();
        mode & 0o077 != 0
    });
    let readable: Vec<_> = readable.map(|entry| entry.file_name()).collect();
    assert!(readable.is_empty(), "others may read {readable:?}");
    let sql = stack.sql().await;
    let data: String = sql.query_one("select current_setting('data_directory')", &[]).await.unwrap().get(0);
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the database is below {data}: {mode:o}");
}

/// A page may give a name of its own to the address of this machine (DNS rebinding); the name is in `Host`.
#[tokio::test]
async fn a_page_in_a_browser_of_this_machine_reaches_nothing() {
    let stack = Stack::load();
    let control = || stack.control(Method::GET, "received?target=jwks");
    assert_eq!(control().send().await.unwrap().status(), StatusCode::OK);
    let status = control().header(HOST, "evil.example").send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");
}
