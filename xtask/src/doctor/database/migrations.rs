//! Whether the applied migrations are those of this checkout.

use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::doctor::database::texts;
use crate::doctor::finding::Verdict;

/// A file of `supabase/migrations`.
#[derive(Debug, Clone)]
pub struct Migration {
    /// `yyyymmddHHMMSS`.
    pub version: String,
    /// The file's name.
    pub file: String,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// The files of `supabase/migrations`, oldest first.
pub fn of_project(root: &Path) -> Result<Vec<Migration>> {
    let folder = root.join("supabase/migrations");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((version, _)) = file.strip_suffix(".sql").and_then(|stem| stem.split_once('_')) else { continue };
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let sha256 = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        found.push(Migration { version: version.to_owned(), file, sha256 });
    }
    found.sort_by(|left, right| left.version.cmp(&right.version));
    Ok(found)
}

pub async fn check(client: &Client, files: &[Migration]) -> Result<Verdict> {
    let has_history = "select to_regclass('supabase_migrations.schema_migrations')::text where
                         to_regclass('supabase_migrations.schema_migrations') is not null";
    if texts(client, has_history, &[]).await?.is_empty() {
        return Ok(Verdict::broken(
            "no migration was ever applied",
            "cargo xtask deploy --env NAME, which applies them",
        ));
    }
    let applied =
        texts(client, "select version::text from supabase_migrations.schema_migrations order by version", &[]).await?;
    let missing = files.iter().filter(|file| !applied.contains(&file.version));
    let missing: Vec<String> = missing.map(|file| format!("{} is not applied", file.file)).collect();
    if !missing.is_empty() {
        return Ok(Verdict::of(
            missing,
            "cargo xtask deploy --env NAME, which applies them before the Worker that needs them",
        ));
    }
    let strange = applied.iter().filter(|version| !files.iter().any(|file| file.version == **version));
    let mut other: Vec<String> =
        strange.map(|version| format!("{version} is applied and not in this checkout")).collect();
    other.extend(changed(client, files).await?);
    Ok(Verdict::of(
        other,
        "check the revision out that is deployed and ask again; an applied file is never edited: a change is a new file \
         (supabase/migrations/README.md)",
    ))
}

/// Files that are not what was applied. The Supabase CLI keeps no hashes, only our own tool does.
async fn changed(client: &Client, files: &[Migration]) -> Result<Vec<String>> {
    let has_hashes = "select 'yes' where to_regclass('supabase_migrations.applied_texts') is not null";
    if texts(client, has_hashes, &[]).await?.is_empty() {
        return Ok(vec![]);
    }
    let sql = "select version || ' ' || sha256 from supabase_migrations.applied_texts";
    let applied = texts(client, sql, &[]).await?;
    let is_other = |file: &&Migration| {
        let of_version = applied.iter().find_map(|line| line.strip_prefix(&file.version)?.strip_prefix(' '));
        of_version.is_some_and(|sha256| sha256 != file.sha256)
    };
    Ok(files.iter().filter(is_other).map(|file| format!("{} is not what was applied", file.file)).collect())
}
