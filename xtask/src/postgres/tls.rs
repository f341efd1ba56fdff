//! Connections to a database: in the clear to this machine, and else over TLS to a server that proves who it is.
//!
//! The authorities that are trusted are the public ones, or those of the file that `PGSSLROOTCERT` names, as for every client of Postgres:
//! Supabase's servers have certificates of its own authority.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::PgUrl;

/// Where libpq too looks for the file of trusted authorities.
const AUTHORITIES: &str = "PGSSLROOTCERT";

/// A connected client, and the task that carries its messages, which ends when the client is dropped.
pub async fn connect(url: &PgUrl) -> Result<(Client, JoinHandle<()>)> {
    let mut config: Config = url.to_string().parse().context("the database's address cannot be read")?;
    if is_in_the_clear(&config) {
        let (client, connection) = config.connect(NoTls).await.context("cannot connect to Postgres")?;
        // Whoever waits for an answer is told that the connection broke.
        return Ok((client, tokio::spawn(async { drop(connection.await) })));
    }
    let authorities = authorities(std::env::var_os(AUTHORITIES).as_deref().map(Path::new))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    config.ssl_mode(SslMode::Require);
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await.with_context(|| {
        format!(
            "cannot connect to Postgres over TLS; if its certificate is of the provider's own authority (Supabase: Database settings, SSL \
             configuration, download the certificate), name that file in {AUTHORITIES}; a server of a private network without TLS needs \
             `?sslmode=disable`"
        )
    })?;
    Ok((client, tokio::spawn(async { drop(connection.await) })))
}

/// Whether the address is this machine's, or says that there is no TLS.
fn is_in_the_clear(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        // A socket of the file system is this machine's too.
        _ => true,
    };
    config.get_ssl_mode() == SslMode::Disable || config.get_hosts().iter().all(is_here)
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore> {
    let Some(file) = file else {
        return Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    };
    let unreadable = || format!("{AUTHORITIES} names {}, which holds no certificates in PEM", file.display());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
        store.add(certificate.with_context(unreadable)?).with_context(unreadable)?;
    }
    if store.is_empty() {
        bail!("{}", unreadable());
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_clear(url: &str) -> bool {
        is_in_the_clear(&PgUrl::parse(url).unwrap().to_string().parse().unwrap())
    }

    #[test]
    fn a_password_leaves_this_machine_over_tls_only() {
        assert!(is_clear("postgres://me:x@127.0.0.1/app") && is_clear("postgres://me:x@localhost:6000/app"));
        assert!(!is_clear("postgres://postgres:x@db.project.supabase.co:5432/postgres"));
        assert!(!is_clear("postgres://postgres:x@127.0.0.1.evil.test/postgres"));
        assert!(is_clear("postgres://me:x@db.private:5432/app?sslmode=disable"));
    }

    #[test]
    fn a_file_without_certificates_is_told() {
        assert!(authorities(None).unwrap().len() > 50);
        let error = authorities(Some(Path::new("/nowhere"))).unwrap_err().to_string();
        assert!(error.contains("PGSSLROOTCERT names /nowhere"), "{error}");
        let error = authorities(Some(Path::new(file!().rsplit('/').next().unwrap()))).unwrap_err().to_string();
        assert!(error.contains("no certificates"), "{error}");
    }
}
