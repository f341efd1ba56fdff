//! The local stack is its developer's alone, although any user of the machine, and any page in a browser there, can reach its
//! ports.

use oslira_e2e::Stack;
use reqwest::{Method, StatusCode, header::HOST};
use tokio_postgres::{Config, NoTls};

/// Where the stack's database server and its pooler listen.
fn databases(stack: &Stack) -> Vec<Config> {
    let server: Config = stack.database_url.parse().unwrap();
    let pooler = stack.pooler_port().map(|port| {
        let mut pooler = Config::new();
        pooler.host("127.0.0.1").port(port).dbname("oslira");
        pooler
    });
    let mut without = Config::new();
    without.host("127.0.0.1").port(server.get_ports()[0]).dbname("oslira");
    [without].into_iter().chain(pooler).collect()
}

#[tokio::test]
async fn a_stranger_on_this_machine_reaches_nothing() {
    let stack = Stack::load();
    for database in databases(&stack) {
        for user in ["postgres", "oslira_tenant", "oslira_admin", "authenticated"] {
            for password in [None, Some(""), Some("postgres"), Some("oslira")] {
                let mut config = database.clone();
                config.user(user);
                if let Some(password) = password {
                    config.password(password);
                }
                let reached = config.connect(NoTls).await.is_ok();
                assert!(!reached, "{user} with {password:?} at port {:?}", database.get_ports());
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

/// A page may give a name of its own to the address of this machine (DNS rebinding); the name is in `Host`.
#[tokio::test]
async fn a_page_in_a_browser_of_this_machine_reaches_nothing() {
    let stack = Stack::load();
    let named = stack.control(Method::GET, "received?target=jwks").header(HOST, "evil.example");
    let status = named.send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");
}
