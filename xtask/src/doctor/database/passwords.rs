//! Whether the logins have passwords that anybody could guess.
//!
//! A superuser sees what Postgres keeps of a password, and guesses are compared with that. On Supabase nobody sees it, and to try a guess
//! is to log in, which bans an address after two wrong ones: only whoever asks for it gets that.

use std::time::Duration;

use anyhow::Result;
use hmac::{Hmac, Mac as _};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::doctor::database::{roles::IS_LOGIN, texts};
use crate::doctor::finding::Verdict;
use crate::postgres::{PgUrl, tls};

/// What people and tools set first, besides the login's own name. `trusted` is what the local stack says to a server without passwords.
const GUESSES: [&str; 8] = ["postgres", "password", "oslira", "supabase", "trusted", "changeme", "secret", "admin"];

const CURE: &str = "alter role LOGIN password '…' with 32 random characters, in psql by \\password LOGIN, which leaves it in no history; then \
                    npx wrangler hyperdrive update ID --origin-password …, the one that it prompts for";

const LOG_IN_TIMEOUT: Duration = Duration::from_secs(5);

/// More would take seconds for each guess; Postgres' default is 4096.
const ITERATIONS_MAX: u32 = 100_000;

pub async fn check(client: &Client, attempts: Option<&PgUrl>) -> Result<Verdict> {
    let is_superuser = "select 'yes' from pg_roles where rolname = current_user and rolsuper";
    if !texts(client, is_superuser, &[]).await?.is_empty() {
        return kept(client).await;
    }
    let Some(url) = attempts else {
        return Ok(Verdict::unknown(
            "this database shows nobody what it keeps of passwords: run with --try-passwords to log in with well-known ones (Supabase bans \
             an address after two wrong passwords for some time, so do it from one that nobody needs)",
        ));
    };
    let logins = texts(
        client,
        &format!("select r.rolname::text from pg_roles r where {IS_LOGIN} and r.rolcanlogin order by 1"),
        &[],
    )
    .await?;
    tried(&logins, url).await
}

/// Compares guesses with what Postgres keeps. The answer never says which guess it was.
async fn kept(client: &Client) -> Result<Verdict> {
    let sql = format!(
        "select r.rolname::text, r.rolpassword, coalesce(r.rolvaliduntil < now(), false) from pg_authid r
                        where {IS_LOGIN} and r.rolcanlogin order by 1"
    );
    let mut faults = Vec::new();
    for row in client.query(&sql, &[]).await? {
        let (login, verifier, has_expired): (String, Option<String>, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let Some(verifier) = verifier else {
            faults.push(format!("{login} has no password"));
            continue;
        };
        if has_expired {
            faults.push(format!("the password of {login} has expired"));
        }
        for guess in guesses(&login) {
            if is_password(client, &login, &verifier, guess).await? {
                faults.push(format!("{login} has a well-known password"));
                break;
            }
        }
    }
    Ok(Verdict::of(faults, CURE))
}

fn guesses(login: &str) -> impl Iterator<Item = &str> {
    GUESSES.into_iter().chain([login])
}

/// Whether a verifier is that of this password. The server computes MD5 for us.
async fn is_password(client: &Client, login: &str, verifier: &str, guess: &str) -> Result<bool> {
    if verifier.starts_with("md5") {
        let md5 = texts(client, "select 'md5' || md5($1 || $2)", &[&guess, &login]).await?;
        return Ok(md5.first().is_some_and(|md5| md5 == verifier));
    }
    let Some((iterations, salt, stored_key)) = scram(verifier) else { return Ok(false) };
    let bytes = "select encode(decode($1, 'base64'), 'hex')";
    let (salt, stored_key) = (texts(client, bytes, &[&salt]).await?, texts(client, bytes, &[&stored_key]).await?);
    let salt = salt.first().map(|salt| unhex(salt)).unwrap_or_default();
    Ok(stored_key.first().is_some_and(|stored| *stored == hex(&stored_key_of(guess, &salt, iterations))))
}

/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, salt and keys in base64.
fn scram(verifier: &str) -> Option<(u32, &str, &str)> {
    let (parameters, keys) = verifier.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored_key, _) = keys.split_once(':')?;
    Some((iterations.parse().ok().filter(|count| (1..=ITERATIONS_MAX).contains(count))?, salt, stored_key))
}

/// The StoredKey of RFC 5802 for SHA-256: H(HMAC(Hi(password, salt, i), "Client Key")).
fn stored_key_of(password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    let mut block = hmac_sha256(password.as_bytes(), &[salt, &1_u32.to_be_bytes()].concat());
    let mut salted = block.clone();
    for _ in 1..iterations {
        block = hmac_sha256(password.as_bytes(), &block);
        salted.iter_mut().zip(&block).for_each(|(all, one)| *all ^= one);
    }
    Sha256::digest(hmac_sha256(&salted, b"Client Key")).to_vec()
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is one.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.filter_map(|pair| pair.iter().try_fold(0_u8, |all, byte| Some(all * 16 + digit(byte)?))).collect()
}

/// Logs in with each guess.
async fn tried(logins: &[String], url: &PgUrl) -> Result<Verdict> {
    let mut faults = Vec::new();
    for login in logins {
        for guess in guesses(login) {
            let attempt = PgUrl { user: login.clone(), password: Some(guess.to_owned()), ..url.clone() };
            match log_in(&attempt).await {
                LogIn::Admitted => {
                    faults.push(format!("{login} has a well-known password, or the server asks for none"));
                    break;
                }
                LogIn::Refused => {}
                LogIn::NotAsked if faults.is_empty() => {
                    return Ok(Verdict::unknown(
                        "the server refuses to be asked further, as if this address were banned: try from another",
                    ));
                }
                LogIn::NotAsked => return Ok(Verdict::of(faults, CURE)),
            }
        }
    }
    Ok(Verdict::of(faults, CURE))
}

enum LogIn {
    Admitted,
    /// The password is another one.
    Refused,
    /// The server did not look at the password.
    NotAsked,
}

async fn log_in(attempt: &PgUrl) -> LogIn {
    let Ok(connected) = tokio::time::timeout(LOG_IN_TIMEOUT, tls::connect(attempt)).await else {
        return LogIn::NotAsked;
    };
    match connected {
        Ok(_) => LogIn::Admitted,
        Err(error) => {
            let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
            if code == Some(&SqlState::INVALID_PASSWORD) { LogIn::Refused } else { LogIn::NotAsked }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_key_is_that_of_the_standard() {
        // By Python's hashlib.pbkdf2_hmac and hmac.
        let salt = unhex("5b6d9768f5e87d7ef6ad2e5d8a5c3f3d");
        let key = stored_key_of("pencil", &salt, 4096);
        assert_eq!(hex(&key), "92ee59297fa5ba3b6b634e99141d7e539a46aaeb9100528954ad655f5027cd84");
    }

    #[test]
    fn a_verifier_of_another_kind_or_of_senseless_cost_is_not_compared() {
        assert_eq!(scram("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"), Some((4096, "c2FsdA==", "c3RvcmVk")));
        for other in ["", "md5abc", "SCRAM-SHA-256$0:a$b:c", "SCRAM-SHA-256$9999999:a$b:c", "SCRAM-SHA-256$4096:a$b"] {
            assert_eq!(scram(other), None, "{other}");
        }
    }
}
