//! What a stack remembers between commands, in the file `state.json` of its directory.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::private::write_private;
use crate::stack::part::Part;
use crate::stack::processes::Identity;
use crate::stack::{Layout, Speed};

/// A started part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    #[serde(flatten)]
    pub process: Identity,
    /// Program and settings it was started with; if they differ, it is restarted.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The directory of the stack that this is the state of.
    pub dir: PathBuf,
    pub speed: Speed,
    /// How long workflows wait before they begin.
    #[serde(default)]
    pub engine_start_delay_s: u32,
    /// A factor on how many requests a client may send; none for as many as in a deployment.
    #[serde(default)]
    pub rate_limit_scale: Option<u32>,
    /// How many versions of the Worker there are; none for a single one.
    #[serde(default)]
    pub versions: Option<u32>,
    /// The built Worker of the versions behind the first; none for the first one's.
    #[serde(default)]
    pub later_dist: Option<PathBuf>,
    /// Whether the data may be lost in a power cut.
    #[serde(default)]
    pub throw_away: bool,
    #[serde(default)]
    pub ports: BTreeMap<Part, u16>,
    /// The processes that were started last; they may have ended since.
    #[serde(default)]
    pub processes: BTreeMap<Part, Running>,
    /// Which build of each part this stack has copied.
    #[serde(default)]
    pub programs: BTreeMap<Part, String>,
}

impl State {
    /// The state of an earlier command in this directory, if there is one.
    ///
    /// # Errors
    /// When the file is damaged, or was copied here with its directory: its processes and ports are another stack's then.
    pub fn load(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.state();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let advice = "nothing was touched; `cargo xtask stack up --fresh` starts this stack anew";
        let state: Self = serde_json::from_slice(&text)
            .map_err(|error| anyhow!("{} is damaged ({error}): {advice}", path.display()))?;
        if state.dir != layout.dir() {
            bail!("{} is a copy of the stack in {}: {advice}", path.display(), state.dir.display());
        }
        Ok(Some(state))
    }

    pub fn rate_limit_scale(&self) -> u32 {
        self.rate_limit_scale.unwrap_or(1)
    }

    pub fn save(&mut self, layout: &Layout) -> Result<()> {
        layout.dir().clone_into(&mut self.dir);
        write_private(&layout.state(), &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack's directory with a state, deleted when dropped.
    struct Stack(Layout);

    impl Stack {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("oslira-state-{name}-{}", std::process::id()));
            let stack = Self(Layout::new(&dir).unwrap());
            State::default().save(&stack.0).unwrap();
            stack
        }
    }

    impl Drop for Stack {
        fn drop(&mut self) {
            std::fs::remove_dir_all(self.0.dir()).unwrap();
        }
    }

    #[test]
    fn a_state_is_of_the_directory_that_it_was_saved_in() {
        let (mine, copy) = (Stack::new("mine"), Stack::new("copy"));
        assert!(State::load(&mine.0).unwrap().is_some());
        std::fs::copy(mine.0.state(), copy.0.state()).unwrap();
        let error = State::load(&copy.0).unwrap_err().to_string();
        assert!(error.contains("is a copy of the stack in") && error.contains("nothing was touched"), "{error}");
    }

    #[test]
    fn a_damaged_state_is_told_and_a_missing_one_is_none() {
        let stack = Stack::new("damaged");
        std::fs::write(stack.0.state(), "{\"speed\":").unwrap();
        let error = State::load(&stack.0).unwrap_err().to_string();
        assert!(error.contains("is damaged") && error.contains("--fresh"), "{error}");
        std::fs::remove_file(stack.0.state()).unwrap();
        assert!(State::load(&stack.0).unwrap().is_none());
    }

    #[test]
    fn what_a_stack_holds_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let stack = Stack::new("private");
        let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(stack.0.state()), 0o600);
        for directory in [stack.0.sandbox_state(), stack.0.worker_state(), stack.0.programs()] {
            assert_eq!(mode(directory), 0o700);
        }
    }
}
