//! Brings a database to the schema of `supabase/`: the shim (on a plain Postgres only), every pending migration in its
//! own transaction, the seed, and the local additions.
//!
//! Each migration is applied once: applied versions are in `supabase_migrations.schema_migrations`, the table that the
//! Supabase CLI uses, and the hashes of their texts in a table beside it. If the migrations in the folder differ from
//! the applied ones, the database is refused: until the first deployment migrations are rewritten in place, and local
//! databases are created anew. Shim, seed and local additions are applied every time and are safe to repeat. Two
//! processes may call this for one database at the same time: the second waits, and finds nothing to do.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::error::ErrorPosition;

/// The advisory lock for one database's migrations. The number has no meaning.
const LOCK_KEY: i64 = 0x6F73_6C69_7261;

/// `yyyymmddHHMMSS`.
const VERSION_DIGITS: usize = 14;

const HISTORY: &str = "
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (version text primary key, name text);
    create table if not exists supabase_migrations.applied_texts (version text primary key, sha256 text not null);
    revoke all on schema supabase_migrations from public;
    revoke all on supabase_migrations.schema_migrations, supabase_migrations.applied_texts
      from public, anon, authenticated, service_role;
";

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// A file in `migrations/` has a name that the Supabase CLI would skip.
    #[error("{path}: a migration is named <yyyymmddHHMMSS>_<name>.sql")]
    Name { path: PathBuf },
    /// The database's applied migrations are not the ones in the folder.
    #[error(
        "this database was made by other migrations than those in supabase/migrations ({version} is {difference}): start \
         anew with `cargo xtask stack up --fresh`, which deletes its data"
    )]
    OtherHistory {
        /// The first applied migration that differs.
        version: String,
        difference: &'static str,
    },
    /// Postgres refused a file, whose transaction was rolled back.
    #[error("{path}, line {line}: {message}")]
    Sql {
        path: PathBuf,
        /// The line that Postgres pointed at, or 0.
        line: usize,
        message: String,
    },
    /// The connection broke, or the history of migrations could not be written.
    #[error("the database did not answer: {0}")]
    Postgres(#[from] tokio_postgres::Error),
}

/// Applies what is pending and returns the applied versions. `client` must be allowed to create roles and to bypass
/// row-level security.
pub async fn migrate(client: &Client, supabase_dir: &Path) -> Result<Vec<String>, MigrateError> {
    // A session lock, because each migration commits a transaction of its own. It is released after an error too: the
    // caller may keep the connection.
    client.execute("select pg_advisory_lock($1)", &[&LOCK_KEY]).await?;
    let outcome = migrate_locked(client, supabase_dir).await;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK_KEY]).await?;
    outcome
}

/// Applies what is pending to a deployment's database and returns the applied versions: the migrations and nothing else. What only a
/// local database has (a shim for Supabase's roles, functions that make users) never comes there.
pub async fn migrate_deployment(client: &Client, supabase_dir: &Path) -> Result<Vec<String>, MigrateError> {
    client.execute("select pg_advisory_lock($1)", &[&LOCK_KEY]).await?;
    let outcome = apply_pending(client, supabase_dir).await;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK_KEY]).await?;
    outcome
}

/// The versions that [`migrate_deployment`] would apply. It changes nothing.
pub async fn pending(client: &Client, supabase_dir: &Path) -> Result<Vec<String>, MigrateError> {
    let migrations = migrations(supabase_dir)?;
    let exists = async |table: &str| {
        let row = client.query_one("select to_regclass($1) is not null", &[&table]).await?;
        row.try_get::<_, bool>(0)
    };
    let has_history = exists("supabase_migrations.schema_migrations").await?;
    let known = match (has_history, exists("supabase_migrations.applied_texts").await?) {
        (false, _) => vec![],
        (true, true) => known_versions(client, &migrations).await?,
        // The Supabase CLI keeps no hashes.
        (true, false) => known_to(client, &migrations, HISTORY_WITHOUT_TEXTS).await?,
    };
    Ok(migrations.into_iter().map(|migration| migration.version).filter(|version| !known.contains(version)).collect())
}

async fn migrate_locked(client: &Client, supabase_dir: &Path) -> Result<Vec<String>, MigrateError> {
    if !is_supabase(client).await? {
        apply(client, &supabase_dir.join("local/shim.sql"), None).await?;
    }
    let applied = apply_pending(client, supabase_dir).await?;
    for optional in ["seed.sql", "local/dev.sql"] {
        let path = supabase_dir.join(optional);
        if path.exists() {
            apply(client, &path, None).await?;
        }
    }
    Ok(applied)
}

/// Each migration in a transaction of its own, in the order of their versions.
async fn apply_pending(client: &Client, supabase_dir: &Path) -> Result<Vec<String>, MigrateError> {
    client.batch_execute(HISTORY).await?;
    let migrations = migrations(supabase_dir)?;
    let known = known_versions(client, &migrations).await?;
    let mut applied = Vec::new();
    for migration in migrations {
        if !known.contains(&migration.version) {
            apply(client, &migration.path, Some(&migration)).await?;
            applied.push(migration.version);
        }
    }
    Ok(applied)
}

/// A migration that the Supabase CLI applied has no hash here and counts as unchanged.
const HISTORY_WITH_TEXTS: &str = "select version, t.sha256 from supabase_migrations.schema_migrations
    left join supabase_migrations.applied_texts t using (version) order by version";
const HISTORY_WITHOUT_TEXTS: &str =
    "select version, null::text from supabase_migrations.schema_migrations order by version";

/// The applied versions; an error if one of them is not in the folder or was changed.
async fn known_versions(client: &Client, migrations: &[Migration]) -> Result<Vec<String>, MigrateError> {
    known_to(client, migrations, HISTORY_WITH_TEXTS).await
}

async fn known_to(client: &Client, migrations: &[Migration], sql: &str) -> Result<Vec<String>, MigrateError> {
    let mut known = Vec::new();
    for row in client.query(sql, &[]).await? {
        let (version, applied_hash): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let Some(migration) = migrations.iter().find(|migration| migration.version == version) else {
            return Err(MigrateError::OtherHistory { version, difference: "not there" });
        };
        let text = read(&migration.path)?;
        if applied_hash.is_some_and(|hash| hash != sha256(&text)) {
            return Err(MigrateError::OtherHistory { version, difference: "not what was applied" });
        }
        known.push(version);
    }
    Ok(known)
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// On Supabase, hosted or from its CLI, the roles and the schema `auth` exist already and must not be changed by us.
async fn is_supabase(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let row = client.query_one("select to_regrole('supabase_admin') is not null", &[]).await?;
    row.try_get(0)
}

struct Migration {
    version: String,
    name: String,
    path: PathBuf,
}

/// Every file that makes up the schema, in the order in which they are applied.
pub fn sql_files(supabase_dir: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    let mut files = vec![supabase_dir.join("local/shim.sql")];
    files.extend(migrations(supabase_dir)?.into_iter().map(|migration| migration.path));
    files.extend(
        ["seed.sql", "local/dev.sql"]
            .map(|optional| supabase_dir.join(optional))
            .into_iter()
            .filter(|path| path.exists()),
    );
    Ok(files)
}

/// Each migration by the name of its file, with the hash of its text, in the order in which they are applied.
pub fn hashes(supabase_dir: &Path) -> Result<Vec<(String, String)>, MigrateError> {
    let hashed = |Migration { version, name, path }: Migration| {
        read(&path).map(|text| (format!("{version}_{name}.sql"), sha256(&text)))
    };
    migrations(supabase_dir)?.into_iter().map(hashed).collect()
}

fn migrations(supabase_dir: &Path) -> Result<Vec<Migration>, MigrateError> {
    let folder = supabase_dir.join("migrations");
    let unreadable = |source| MigrateError::Read { path: folder.clone(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            found.push(parse_name(path)?);
        }
    }
    found.sort_by(|left, right| left.version.cmp(&right.version));
    Ok(found)
}

fn parse_name(path: PathBuf) -> Result<Migration, MigrateError> {
    let parts = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.split_once('_'));
    match parts {
        Some((version, name))
            if version.len() == VERSION_DIGITS
                && version.bytes().all(|byte| byte.is_ascii_digit())
                && !name.is_empty() =>
        {
            Ok(Migration { version: version.to_owned(), name: name.to_owned(), path })
        }
        _ => Err(MigrateError::Name { path }),
    }
}

fn read(path: &Path) -> Result<String, MigrateError> {
    std::fs::read_to_string(path).map_err(|source| MigrateError::Read { path: path.to_owned(), source })
}

/// Runs one file in one transaction, together with its entry in the history.
async fn apply(client: &Client, path: &Path, migration: Option<&Migration>) -> Result<(), MigrateError> {
    let sql = read(path)?;
    client.batch_execute("begin").await?;
    let outcome = run(client, &sql, migration).await;
    client.batch_execute(if outcome.is_ok() { "commit" } else { "rollback" }).await?;
    outcome.map_err(|error| explain(path, &sql, &error))
}

async fn run(client: &Client, sql: &str, migration: Option<&Migration>) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(sql).await?;
    if let Some(Migration { version, name, .. }) = migration {
        client
            .execute(
                "insert into supabase_migrations.schema_migrations (version, name) values ($1, $2)",
                &[version, name],
            )
            .await?;
        client
            .execute(
                "insert into supabase_migrations.applied_texts (version, sha256) values ($1, $2)",
                &[version, &sha256(sql)],
            )
            .await?;
    }
    Ok(())
}

fn explain(path: &Path, sql: &str, error: &tokio_postgres::Error) -> MigrateError {
    let database_error = error.as_db_error();
    let line = match database_error.and_then(|error| error.position()) {
        Some(ErrorPosition::Original(position)) => {
            let before = usize::try_from(*position).unwrap_or_default();
            1 + sql.chars().take(before).filter(|character| *character == '\n').count()
        }
        _ => 0,
    };
    let message = database_error.map_or_else(|| error.to_string(), |error| error.message().to_owned());
    MigrateError::Sql { path: path.to_owned(), line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_known_by_its_timestamp() {
        let migration = parse_name(PathBuf::from("migrations/20260101000000_first_steps.sql")).unwrap();
        assert_eq!((migration.version.as_str(), migration.name.as_str()), ("20260101000000", "first_steps"));
    }

    #[test]
    fn a_name_the_supabase_cli_would_skip_is_an_error() {
        for name in ["first.sql", "2026_first.sql", "20260101000000_.sql", "2026010100000x_first.sql"] {
            assert!(parse_name(PathBuf::from(name)).is_err(), "{name}");
        }
    }
}
