//! The migrations themselves: applied once, even when several processes try, and by an administrator as Supabase has
//! one, who is no superuser.

use std::path::PathBuf;

use futures_util::future::try_join_all;
use oslira_testkit::database::supabase_dir;
use oslira_testkit::migrate::{migrate_deployment, pending, sql_files};
use oslira_testkit::{Session, TestDatabase, TestResult, migrate};

use crate::privileges::{designed, granted};
use crate::support::{Request, advance, begin, complete};

/// The names of the migrations.
fn migration_files() -> Vec<String> {
    let entries = std::fs::read_dir(supabase_dir().join("migrations")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".sql")).collect()
}

#[tokio::test]
async fn a_migration_is_applied_once_by_whoever_comes_first() -> TestResult {
    let database = TestDatabase::empty().await?;
    let clients = try_join_all((0..4).map(|_| database.superuser())).await?;
    let applied = try_join_all(clients.iter().map(|client| async { migrate(client, &supabase_dir()).await })).await?;
    let files = migration_files().len();
    let mut counts: Vec<usize> = applied.iter().map(Vec::len).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, files]);

    let history =
        "select count(*) from supabase_migrations.schema_migrations where version ~ '^\\d{14}$' and name <> ''";
    let row = database.superuser().await?.query_one(history, &[]).await?;
    assert_eq!(row.get::<_, i64>(0), i64::try_from(files).unwrap());
    Ok(())
}

#[tokio::test]
async fn every_migration_gives_up_on_a_lock_and_leaves_the_connection_as_it_was() -> TestResult {
    for file in migration_files() {
        let sql = std::fs::read_to_string(supabase_dir().join("migrations").join(&file)).unwrap();
        let first = sql.lines().find(|line| !line.is_empty() && !line.starts_with("--"));
        assert_eq!(first, Some("select set_config('lock_timeout', '5s', true);"), "{file}");
    }
    let database = TestDatabase::empty().await?;
    let superuser = database.superuser().await?;
    migrate(&superuser, &supabase_dir()).await?;
    assert_eq!(superuser.query_one("show lock_timeout", &[]).await?.get::<_, String>(0), "0");
    Ok(())
}

#[tokio::test]
async fn a_deployment_gets_what_is_pending_and_nothing_that_is_local() -> TestResult {
    let database = TestDatabase::empty().await?;
    let superuser = database.superuser().await?;
    // What Supabase has before us.
    superuser.batch_execute(&std::fs::read_to_string(supabase_dir().join("local/shim.sql")).unwrap()).await?;
    let exists = async |what: &str| -> Result<bool, oslira_testkit::Error> {
        Ok(superuser.query_one(what, &[]).await?.try_get(0)?)
    };
    const HISTORY: &str = "select to_regclass('supabase_migrations.schema_migrations') is not null";

    let all = migration_files().len();
    assert_eq!(pending(&superuser, &supabase_dir()).await?.len(), all);
    assert!(!exists(HISTORY).await?, "asking what is pending has changed something");
    assert_eq!(migrate_deployment(&superuser, &supabase_dir()).await?.len(), all);
    assert!(exists("select to_regclass('public.runs') is not null").await?);
    assert!(!exists("select to_regnamespace('local') is not null").await?, "a deployment could mint users");
    assert_eq!(pending(&superuser, &supabase_dir()).await?, [""; 0]);
    assert_eq!(migrate_deployment(&superuser, &supabase_dir()).await?, [""; 0]);

    // As after `supabase db push`, which keeps no hashes.
    superuser.batch_execute("drop table supabase_migrations.applied_texts").await?;
    assert_eq!(pending(&superuser, &supabase_dir()).await?, [""; 0]);
    superuser
        .batch_execute("insert into supabase_migrations.schema_migrations values ('29990101000000', 'later')")
        .await?;
    let error = pending(&superuser, &supabase_dir()).await.unwrap_err().to_string();
    assert!(error.contains("29990101000000 is not there"), "{error}");
    Ok(())
}

/// A folder like `supabase/` with other migrations, deleted when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("migrations")).unwrap();
        std::fs::create_dir_all(folder.join("local")).unwrap();
        std::fs::copy(supabase_dir().join("local/shim.sql"), folder.join("local/shim.sql")).unwrap();
        Self(folder)
    }

    fn write(&self, migration: &str, sql: &str) {
        std::fs::write(self.0.join("migrations").join(migration), sql).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[tokio::test]
async fn a_broken_migration_names_its_line_and_leaves_nothing_behind() -> TestResult {
    let database = TestDatabase::empty().await?;
    let folder = Folder::new(database.name());
    folder.write("20260101000000_good.sql", "create table good (id int);");
    folder.write("20260101000001_bad.sql", "create table bad (id int);\n\nselect nonsense;");

    let superuser = database.superuser().await?;
    let error = migrate(&superuser, &folder.0).await.unwrap_err().to_string();

    assert!(error.ends_with("20260101000001_bad.sql, line 3: column \"nonsense\" does not exist"), "{error}");
    let row = superuser.query_one("select to_regclass('good') is not null, to_regclass('bad') is null", &[]).await?;
    assert_eq!((row.get(0), row.get(1)), (true, true));
    Ok(())
}

#[tokio::test]
async fn a_database_made_by_other_migrations_is_refused_and_told_to_start_anew() -> TestResult {
    let database = TestDatabase::empty().await?;
    let superuser = database.superuser().await?;
    let folder = Folder::new(database.name());
    folder.write("20260101000000_one.sql", "create table one (id int);");
    folder.write("20260101000001_two.sql", "create table two (id int);");
    assert_eq!(migrate(&superuser, &folder.0).await?, ["20260101000000", "20260101000001"]);
    assert_eq!(migrate(&superuser, &folder.0).await?, [""; 0]);

    folder.write("20260101000002_three.sql", "create table three (id int);");
    folder.write("20260101000001_two.sql", "create table two (id bigint);");
    let rewritten = migrate(&superuser, &folder.0).await.unwrap_err().to_string();
    assert_eq!(
        rewritten,
        "this database was made by other migrations than those in supabase/migrations (20260101000001 is not what was \
         applied): start anew with `cargo xtask stack up --fresh`, which deletes its data"
    );
    folder.write("20260101000001_two.sql", "create table two (id int);");
    std::fs::remove_file(folder.0.join("migrations/20260101000000_one.sql")).unwrap();
    let removed = migrate(&superuser, &folder.0).await.unwrap_err().to_string();
    assert!(removed.contains("(20260101000000 is not there): start anew with"), "{removed}");

    let row = superuser.query_one("select to_regclass('three') is null", &[]).await?;
    assert!(row.get::<_, bool>(0), "nothing is applied to such a database");
    // One whose migrations the Supabase CLI applied has no hashes.
    superuser.batch_execute("delete from supabase_migrations.applied_texts").await?;
    folder.write("20260101000000_one.sql", "create table one (id int);");
    assert_eq!(migrate(&superuser, &folder.0).await?, ["20260101000002"]);
    Ok(())
}

#[tokio::test]
async fn supabases_own_administrator_who_is_no_superuser_can_apply_them() -> TestResult {
    let database = TestDatabase::empty().await?;
    let superuser = database.superuser().await?;
    let mut files = sql_files(&supabase_dir())?;
    let shim = files.remove(0);
    superuser.batch_execute(&std::fs::read_to_string(shim).unwrap()).await?;
    superuser
        .batch_execute(&format!(
            "do $$ begin
               create role oslira_test_migrator login createrole bypassrls password '{password}';
             exception when duplicate_object or unique_violation then null;
             end $$;
             grant anon, authenticated, service_role to oslira_test_migrator with admin option;
             alter database {name} owner to oslira_test_migrator;
             grant all on schema public to oslira_test_migrator;
             grant usage on schema auth to oslira_test_migrator;
             grant all on auth.users to oslira_test_migrator with grant option;
             alter default privileges for role oslira_test_migrator in schema public grant all on tables to anon, authenticated, service_role;
             alter default privileges for role oslira_test_migrator in schema public grant all on sequences to anon, authenticated, service_role;
             alter default privileges for role oslira_test_migrator in schema public grant all on functions to anon, authenticated, service_role;",
            name = database.name(),
            password = database.password(),
        ))
        .await?;

    let migrator = database.login("oslira_test_migrator").await?;
    for file in &files {
        let sql = std::fs::read_to_string(file).unwrap();
        migrator
            .batch_execute(&format!("begin; {sql}; commit"))
            .await
            .map_err(|error| oslira_testkit::Error::Unexpected(format!("{}: {error:?}", file.display())))?;
    }

    let beyond_reading: Vec<String> =
        granted(&superuser).await?.into_iter().filter(|grant| !grant.contains(" selects public.")).collect();
    assert_eq!(beyond_reading, designed());
    // The forced policies bind the functions' owner too, so the functions work only if that role bypasses row level
    // security: a whole run goes through.
    let member = database.member("ann", 5).await?;
    let customer: Session = database.customer(member.user_id).await?;
    let backend = database.backend().await?;
    let request = Request::new(&member, "nasa");
    assert_eq!(begin(&customer, &request).await?["balance"], 4);
    advance(&backend, request.run, "saving").await?;
    assert_eq!(complete(&backend, request.run).await?["outcome"], "completed");
    assert_eq!(customer.rows("select from leads", &[]).await?.len(), 1);
    database.assert_ledger_is_whole().await
}
