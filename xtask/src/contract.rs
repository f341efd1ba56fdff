//! `cargo xtask contract`: writes the checked-in files that are generated from the declared endpoints.

use std::path::Path;

use anyhow::{Context, Result};
use oslira_app::api::{error_reference, openapi, reference_page};

use crate::project::Project;

/// Writes the description of the API (OpenAPI), its reference page and the list of errors.
pub fn run(project: &Project) -> Result<()> {
    let description = format!("{}\n", serde_json::to_string_pretty(&openapi())?);
    for (path, text) in [
        ("crates/app/contract/openapi.json", description),
        ("crates/app/contract/reference.html", reference_page()),
        ("docs/errors.md", error_reference()),
    ] {
        write(&project.root().join(path), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("  wrote {}", path.display());
    Ok(())
}
