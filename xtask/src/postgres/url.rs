//! Postgres URLs of the form `postgres://user:password@host:port/database?options`.

use std::fmt;

use anyhow::{Context, Result, bail};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgUrl {
    /// The login role, percent-encoded as given.
    pub user: String,
    /// Percent-encoded as given.
    pub password: Option<String>,
    pub host: String,
    pub port: u16,
    pub database: String,
    /// The query string, without the question mark.
    pub options: Option<String>,
}

impl PgUrl {
    /// The superuser's URL of a server of our own.
    pub fn local(port: u16, password: &str, database: &str) -> Self {
        Self {
            user: "postgres".to_owned(),
            password: Some(password.to_owned()),
            host: "127.0.0.1".to_owned(),
            port,
            database: database.to_owned(),
            options: None,
        }
    }

    /// Parses a URL. Only TCP: workerd cannot connect to Unix sockets.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) else {
            bail!("not a postgres:// address");
        };
        let (rest, options) = match rest.split_once('?') {
            Some((rest, options)) => (rest, Some(options.to_owned())),
            None => (rest, None),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (login, None),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().context("the port is not a number")?),
            None => (address, 5432),
        };
        if host.is_empty() || user.is_empty() {
            bail!("it must name a user and a TCP host: postgres://user:password@host:port/database");
        }
        Ok(Self {
            user: user.to_owned(),
            password,
            host: host.to_owned(),
            port,
            database: if database.is_empty() { user.to_owned() } else { database.to_owned() },
            options,
        })
    }

    /// The same server, another database.
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The same database for another login, which has the same password (see `database::migrate`). Miniflare requires one
    /// even if the server asks for none.
    pub fn with_login(&self, user: &str) -> Self {
        let password = self.password.clone().unwrap_or_else(|| "trusted".to_owned());
        Self { user: user.to_owned(), password: Some(password), ..self.clone() }
    }
}

impl fmt::Display for PgUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "postgres://{}", self.user)?;
        if let Some(password) = &self.password {
            write!(out, ":{password}")?;
        }
        write!(out, "@{}:{}/{}", self.host, self.port, self.database)?;
        self.options.iter().try_for_each(|options| write!(out, "?{options}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_address_survives() {
        let text = "postgres://me:p%40ss@db.local:6000/app?sslmode=disable";
        assert_eq!(PgUrl::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn defaults_are_those_of_postgres() {
        let url = PgUrl::parse("postgresql://me@localhost").unwrap();
        assert_eq!((url.port, url.database.as_str()), (5432, "me"));
    }

    #[test]
    fn sockets_and_other_schemes_are_refused() {
        assert!(PgUrl::parse("postgres:///app").is_err());
        assert!(PgUrl::parse("mysql://me@localhost").is_err());
    }

    #[test]
    fn another_login_always_has_a_password() {
        let url = PgUrl::parse("postgres://me@localhost/oslira").unwrap().with_login("oslira_tenant");
        assert_eq!(url.to_string(), "postgres://oslira_tenant:trusted@localhost:5432/oslira");
    }
}
