//! The user that Postgres runs as, because it refuses to run as root.

use anyhow::{Context, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsUser {
    pub uid: u32,
    pub gid: u32,
}

/// `None` for an ordinary user, who can run Postgres; for root, the user to switch to.
pub fn unprivileged() -> Result<Option<OsUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let table = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    ["postgres", "nobody"].iter().find_map(|name| find(&table, name)).map(Some).context(
        "Postgres does not run as root, and this system has neither a user `postgres` nor `nobody`: \
         run as an ordinary user, or set DATABASE_URL",
    )
}

fn find(table: &str, name: &str) -> Option<OsUser> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next()? == name;
        let user = OsUser { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? };
        is_it.then_some(user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let table = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\npostgres:x:113:120::/:/bin/sh\n";
        assert_eq!(find(table, "postgres"), Some(OsUser { uid: 113, gid: 120 }));
        assert_eq!(find(table, "nobody"), None);
    }
}
