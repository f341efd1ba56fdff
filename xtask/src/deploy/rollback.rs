//! Which versions served, and the way back to one. Wrangler's own choice is the deployment before, which may be the same release with other
//! secrets, or after a rollback the one that was left.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::runner::Runner;
use super::smoke::{self, Expected, PATIENCE};
use super::wrangler::{self, Version};
use crate::environment::Name;

/// Serves an older version again. Objects, queues and the database stay as they are.
pub fn roll_back(name: Name, to: Option<&str>, runner: &impl Runner) -> Result<()> {
    let serving = serving(name, runner)?;
    let target = match to {
        Some(id) => view(name, id, runner)?,
        None => before(&serving, name, runner)?,
    };
    let args = ["rollback", &target.id, "--env", name.as_str(), "--message", "cargo xtask deploy --rollback", "--yes"];
    runner.wrangler(&args)?.good("`wrangler rollback`").context(
        "no version was changed. Cloudflare goes back by no more than 100 versions, and not past a migration of Durable Objects",
    )?;
    let expected = match (target.release(), serving.release()) {
        (Some(release), _) => Expected::Release(format!("oslira@{release}")),
        (None, Some(release)) => Expected::Other(format!("oslira@{release}")),
        (None, None) => Expected::Any,
    };
    let advice = format!("`npx wrangler versions list --env {name}` lists what --to can name");
    let said = smoke::test(runner, name.as_str(), &expected, PATIENCE, &advice)?;
    println!("{name}: {} answers", said.get("release").and_then(Value::as_str).unwrap_or("the version before"));
    Ok(())
}

/// The version that most requests go to, as Cloudflare has it; isolates follow within a minute or so.
///
/// # Errors
/// Nothing was deployed yet, or Cloudflare does not answer.
pub fn serving(name: Name, runner: &impl Runner) -> Result<Version> {
    let newest = deployments(name, runner)?.into_iter().next();
    let most = newest.and_then(|newest| {
        newest.versions.into_iter().max_by(|one, other| one.percentage.total_cmp(&other.percentage))
    });
    view(name, &most.context("nothing was deployed yet")?.version_id, runner)
}

/// The version of another release that served before.
///
/// # Errors
/// There is none, or it is newer than what serves: then this was a rollback already, and a person says where to go.
fn before(serving: &Version, name: Name, runner: &impl Runner) -> Result<Version> {
    let mut seen = vec![serving.id.clone()];
    for deployment in deployments(name, runner)?.into_iter().skip(1) {
        let Some(whole) = deployment.versions.into_iter().find(|version| version.percentage >= 100.0) else { continue };
        if seen.contains(&whole.version_id) {
            continue;
        }
        let version = view(name, &whole.version_id, runner)?;
        seen.push(whole.version_id);
        if version.release() == serving.release() {
            continue;
        }
        ensure!(
            version.metadata.created_on < serving.metadata.created_on,
            "{} serves, and {}, which served before it, is newer: it was gone back already. To go on to it, or further back, name the version: \
             --rollback --to {}",
            serving.said(),
            version.said(),
            version.id
        );
        return Ok(version);
    }
    bail!(
        "none of Cloudflare's last deployments is of another release than {}: name the version with --to (`npx wrangler versions list --env {name}`)",
        serving.said()
    )
}

/// Newest first.
fn deployments(name: Name, runner: &impl Runner) -> Result<Vec<wrangler::Deployment>> {
    let listed = runner.wrangler(&["deployments", "list", "--env", name.as_str(), "--json"])?;
    let mut all = wrangler::deployments(&listed.good("`wrangler deployments list`")?)?;
    all.sort_by(|one, other| other.created_on.cmp(&one.created_on));
    Ok(all)
}

fn view(name: Name, id: &str, runner: &impl Runner) -> Result<Version> {
    let said = runner.wrangler(&["versions", "view", id, "--env", name.as_str(), "--json"])?;
    wrangler::version(&said.good("`wrangler versions view`")?)
}
