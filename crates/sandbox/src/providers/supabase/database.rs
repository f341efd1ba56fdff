//! The users in a Postgres database: the table `auth.users`, with the columns and in the statements that Supabase Auth uses.

use std::{future::Future, time::Duration};

use serde_json::{Value, json};
use tokio_postgres::{Client, Config, NoTls, Row, types::ToSql};
use uuid::Uuid;

use super::users::{Change, User};
use crate::shared::error::SandboxError;

/// How long one statement may take, its connection included.
const PATIENCE: Duration = Duration::from_secs(5);

/// A user as the one jsonb of a row.
const USER: &str = "jsonb_build_object(
    'id', u.id, 'email', lower(u.email),
    'email_confirmed_at_ms', floor(extract(epoch from u.email_confirmed_at) * 1000)::bigint,
    'last_sign_in_at_ms', floor(extract(epoch from u.last_sign_in_at) * 1000)::bigint,
    'app_metadata', coalesce(u.raw_app_meta_data, '{}'), 'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
    'created_at_ms', floor(extract(epoch from coalesce(u.created_at, now())) * 1000)::bigint,
    'updated_at_ms', floor(extract(epoch from coalesce(u.updated_at, now())) * 1000)::bigint)";

/// Somebody who can sign in by e-mail and has not left.
const IS_HERE: &str = "u.email is not null and u.deleted_at is null and not u.is_sso_user and not u.is_anonymous";

/// The database did not answer, or not as it should.
#[derive(Debug)]
pub(super) struct DatabaseDown;

impl From<tokio_postgres::Error> for DatabaseDown {
    fn from(error: tokio_postgres::Error) -> Self {
        // By itself, an error of the server's says no more than that it is one.
        let why = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
        eprintln!("oslira-sandbox: auth.users: {why}");
        Self
    }
}

/// Where the users are.
#[derive(Debug, Clone)]
pub(crate) struct Database(Config);

impl Database {
    pub(crate) fn parse(url: &str) -> Result<Self, SandboxError> {
        let config = url.parse::<Config>();
        config.map(Self).map_err(|error| SandboxError::Config(format!("the database URL: {error}")))
    }

    pub(super) async fn user(&self, id: Uuid) -> Result<Option<User>, DatabaseDown> {
        let sql = format!("select {USER} from auth.users u where u.id = $1 and {IS_HERE}");
        self.with_client(async |client| one(client.query_opt(&sql, &[&id]).await?)).await
    }

    pub(super) async fn user_by_email(&self, email: &str) -> Result<Option<User>, DatabaseDown> {
        let sql =
            format!("select {USER} from auth.users u where lower(u.email) = $1 and {IS_HERE} order by u.id limit 1");
        self.with_client(async |client| one(client.query_opt(&sql, &[&email]).await?)).await
    }

    pub(super) async fn add_user(&self, user: &User) -> Result<bool, DatabaseDown> {
        let sql = "insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data)
                   values ($1, 'authenticated', 'authenticated', $2, $3, $4) on conflict do nothing";
        let (app, data) = (json!(user.app_metadata), json!(user.user_metadata));
        self.with_client(async |client| Ok(client.execute(sql, &[&user.id, &user.email, &app, &data]).await? == 1))
            .await
    }

    pub(super) async fn change_user(&self, id: Uuid, change: &Change) -> Result<Option<User>, DatabaseDown> {
        let metadata = "raw_user_meta_data = jsonb_strip_nulls(coalesce(u.raw_user_meta_data, '{}') || $2)";
        let (set, data) = match change {
            Change::Confirm => {
                (format!("email_confirmed_at = now(), {metadata}"), Some(json!({"email_verified": true})))
            }
            Change::SignIn => ("last_sign_in_at = now()".to_owned(), None),
            Change::Metadata(data) => (metadata.to_owned(), Some(json!(data))),
        };
        let sql =
            format!("update auth.users u set {set}, updated_at = now() where u.id = $1 and {IS_HERE} returning {USER}");
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&id];
        parameters.extend(data.iter().map(|data| data as &(dyn ToSql + Sync)));
        self.with_client(async |client| one(client.query_opt(&sql, &parameters).await?)).await
    }

    /// Runs the work on a connection of its own: sign-ins are rare, and a Postgres that was restarted is no trouble.
    async fn with_client<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, DatabaseDown>,
    ) -> Result<T, DatabaseDown> {
        in_time(async {
            let (client, connection) = self.0.connect(NoTls).await?;
            let connection = tokio::spawn(connection);
            let result = work(&client).await;
            connection.abort();
            result
        })
        .await
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, DatabaseDown>>) -> Result<T, DatabaseDown> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        eprintln!("oslira-sandbox: auth.users: no answer within {} s", PATIENCE.as_secs());
        Err(DatabaseDown)
    })
}

fn one(row: Option<Row>) -> Result<Option<User>, DatabaseDown> {
    let Some(row) = row else { return Ok(None) };
    let user: Value = row.try_get(0)?;
    serde_json::from_value(user).map(Some).map_err(|error| {
        eprintln!("oslira-sandbox: auth.users: {error}");
        DatabaseDown
    })
}
