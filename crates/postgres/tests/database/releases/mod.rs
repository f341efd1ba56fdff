//! The last release goes on with the migrations that came after it: during a deployment, and after a rollback, it works on the database
//! of its successor (docs/upgrading.md).
//!
//! Every statement that it sends is prepared and planned in a database with today's migrations, with the role that it has. That finds
//! what is gone, renamed, of another type, or not granted any more. It does not run them: whether a function does what it did is what
//! the other tests are for.

mod composed;
mod snapshot;
mod source;

use oslira_testkit::database::supabase_dir;
use oslira_testkit::migrate::hashes;
use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, types::Type};

use snapshot::{Release, Role, Statement};

/// Set to the tag of a release that is being made.
const CUT: &str = "OSLIRA_CUT_RELEASE";

static LAST: OnceCell<Release> = OnceCell::const_new();

/// The last release, which is first written down if one is being made.
async fn last() -> &'static Release {
    let read = async {
        if let Ok(tag) = std::env::var(CUT) {
            cut(&tag).await;
        }
        let command = format!("{CUT}=v0.1.0 cargo xtask test -- -p oslira-postgres --test database releases");
        Release::last().unwrap_or_else(|| panic!("no release is known: `{command}` writes it down"))
    };
    LAST.get_or_init(|| read).await
}

async fn cut(tag: &str) {
    assert!(tag.starts_with('v') && !tag.contains(char::is_whitespace), "{CUT} is a tag such as v0.2.0");
    let release = Release { tag: tag.to_owned(), migrations: migrations(), statements: source::statements().await };
    // The same release may be cut again until it is tagged; another one follows it.
    if let Some(before) = Release::last().filter(|before| before.tag != tag) {
        assert_eq!(before.changed_migrations(&release.migrations), [""; 0], "since {}", before.tag);
    }
    std::fs::write(Release::path(), release.write()).unwrap();
}

fn migrations() -> Vec<(String, String)> {
    hashes(&supabase_dir()).unwrap()
}

/// What is wrong with these statements in this database, a line each.
async fn faults(database: &TestDatabase, statements: &[Statement]) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    for role in [Role::Login, Role::Authenticated, Role::Backend, Role::Operator] {
        let client = database.login(role.login()).await?;
        for statement in statements.iter().filter(|statement| statement.role == role) {
            client.batch_execute(&format!("begin; {}", role_of_a_call(role))).await?;
            let fault = fault(&client, statement).await;
            // A statement that was prepared outlives its transaction.
            client.batch_execute("rollback; deallocate all").await?;
            faults.extend(fault.map(|fault| format!("{}: {fault}", statement.name)));
        }
    }
    Ok(faults)
}

/// As `session.run_as` has it. A plan that knows no parameters looks at all that the statement may come to.
fn role_of_a_call(role: Role) -> String {
    let generic = "set local plan_cache_mode = force_generic_plan;";
    if role == Role::Login {
        return generic.to_owned();
    }
    format!("{generic} set local role {}; set local search_path = pg_catalog, pg_temp", role.as_str())
}

async fn fault(client: &Client, statement: &Statement) -> Option<String> {
    let types: Vec<Type> = statement.types.iter().map(|kind| kind_of(kind)).collect();
    let prepared = match client.prepare_typed(&statement.sql, &types).await {
        Ok(prepared) => prepared,
        Err(error) => return Some(told(&error)),
    };
    let nulls = vec!["null"; statement.types.len()].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!(" ({nulls})") };
    // Whoever may not use what a plan needs is told when the plan is opened.
    let explain = format!("{}; explain execute \"{}\"{arguments}", statement.prepared(), statement.name);
    if let Err(error) = client.batch_execute(&explain).await {
        return Some(told(&error));
    }
    let wanted = if statement.role == Role::Login { Type::TEXT } else { Type::JSONB };
    match prepared.columns() {
        [column] if *column.type_() == wanted => None,
        [column] => Some(format!("it answers {} instead of {wanted}", column.type_())),
        columns => Some(format!("it answers {} columns instead of one", columns.len())),
    }
}

fn kind_of(name: &str) -> Type {
    match name {
        "text" => Type::TEXT,
        "text[]" => Type::TEXT_ARRAY,
        other => panic!("no parameter has the type {other}"),
    }
}

fn told(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

#[tokio::test]
async fn the_statements_of_the_last_release_work_with_todays_migrations() -> TestResult {
    let release = last().await;
    assert!(release.statements.len() > 100, "{} statements", release.statements.len());
    let database = TestDatabase::create().await?;
    let broken = faults(&database, &release.statements).await?;
    assert_eq!(broken, [""; 0], "{} would fail: expand now, contract in a later release", release.tag);
    Ok(())
}

#[tokio::test]
async fn the_migrations_of_the_last_release_are_as_they_were() {
    let release = last().await;
    let changed = release.changed_migrations(&migrations());
    assert_eq!(changed, [""; 0], "{} has applied them: a change is a new migration", release.tag);
}

#[tokio::test]
async fn all_statements_of_today_are_known_and_work() -> TestResult {
    let statements = source::statements().await;
    let names: Vec<&str> = statements.iter().map(|statement| statement.name.as_str()).collect();
    for name in ["session.RUN_AS", "tenant/runs.begin", "admin/remains.remove 14", "operator/commands.adjust"] {
        assert!(names.contains(&name), "{name} is missing in {names:#?}");
    }
    let mut unique = names.clone();
    unique.dedup();
    assert_eq!(unique, names, "a name is one statement's");
    assert_eq!(source::unknown_senders(), [""; 0], "a release would not know what these send");
    assert_eq!(faults(&TestDatabase::create().await?, &statements).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_migration_that_breaks_what_a_release_sends_is_noticed() -> TestResult {
    let statements = source::statements().await;
    for (migration, broken) in [
        ("drop function api.cancel_run(uuid)", "tenant/runs.cancel: function api.cancel_run(uuid) does not exist"),
        ("alter table runs rename column phase to stage", "tenant/runs.list: column r.phase does not exist"),
        (
            "revoke execute on function system.fail_run from service_role",
            "admin/runs.fail: permission denied for function fail_run",
        ),
        (
            "revoke select on business_profiles from authenticated",
            "tenant/business_profiles.get: permission denied for table business_profiles",
        ),
        (
            "alter function operator.list_pauses(text) rename to pauses",
            "operator/commands.pauses: function operator.list_pauses(text) does not exist",
        ),
        (
            "drop function session.run_as; create function session.run_as(text, text, text, text[]) returns int
               language sql set search_path = pg_catalog, pg_temp as 'select 1';
             grant execute on function session.run_as to oslira_tenant",
            "session.RUN_AS: it answers int4 instead of text",
        ),
    ] {
        let database = TestDatabase::create().await?;
        database.superuser().await?.batch_execute(migration).await?;
        let found = faults(&database, &statements).await?;
        assert!(found.iter().any(|fault| fault == broken), "{migration}: {found:#?}");
    }
    let expanding = "alter table runs add column colour text; create table more (id int);
        create function api.cancel_run(uuid, text) returns jsonb language sql as 'select null::jsonb'";
    let database = TestDatabase::create().await?;
    database.superuser().await?.batch_execute(expanding).await?;
    assert_eq!(faults(&database, &statements).await?, [""; 0], "what is added breaks nothing");
    Ok(())
}
