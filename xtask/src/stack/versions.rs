//! Several versions of the Worker in one stack, of which one serves: `stack up --versions N` loads them, and `stack deploy K` lets another
//! serve while requests go on, as a deployment and a rollback do on Cloudflare (`xtask/runtime/versions.mjs`).
//!
//! Promises: the versions differ by the name of their release, `OSLIRA_RELEASE`, and those behind the first also by their files if others
//! were named; the one that serves stays the same when the Worker is started again; with a single version the Worker is what it always was.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::private::write_private;
use crate::stack::part::Part;
use crate::stack::state::State;
use crate::stack::{Layout, worker};

/// Each takes as much memory as a Worker.
pub const VERSIONS_MAX: u32 = 8;
/// A change takes a moment; a busy machine takes longer.
const CHANGED_WITHIN: Duration = Duration::from_secs(30);

/// Which versions a stack is to have; what is `None` stays as it was.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub count: Option<u32>,
    /// The built Worker of all versions behind the first.
    pub dist: Option<PathBuf>,
}

/// One of the versions that a stack has.
pub struct Version {
    /// The files of its Worker.
    pub dist: PathBuf,
    /// What `OSLIRA_RELEASE` is for it.
    pub release: String,
    /// Of its files.
    pub hash: String,
}

/// Remembers what was wanted.
pub fn want(state: &mut State, wanted: &Wanted) -> Result<()> {
    if let Some(count) = wanted.count {
        state.versions = Some(count);
        // Other files are for as long as their versions are.
        state.later_dist = None;
    }
    if let Some(dist) = &wanted.dist {
        if count(state) < 2 {
            bail!("--dist is for the versions behind the first: add `--versions 2`");
        }
        let found = dist.canonicalize().with_context(|| format!("there is no {}", dist.display()))?;
        if !found.join(worker::ENTRY).is_file() {
            bail!("{} holds no built Worker: `cargo xtask build` makes one in dist/", found.display());
        }
        state.later_dist = Some(found);
    }
    if count(state) > 1 && state.engine_start_delay_s > 0 {
        bail!("several versions and an engine that starts late do not go together: add `--engine-start-delay 0`");
    }
    Ok(())
}

/// How many versions a stack has.
pub fn count(state: &State) -> u32 {
    state.versions.unwrap_or(1)
}

/// Gives the stack the files of all its versions. With a single one there is nothing to do, and none is answered.
pub fn prepare(layout: &Layout, state: &State) -> Result<Vec<Version>> {
    let count = count(state);
    if serving(layout)? > count {
        let _ = std::fs::remove_file(layout.worker_version());
    }
    if count == 1 {
        return Ok(Vec::new());
    }
    let first = worker::dist(layout);
    let source = state.later_dist.as_deref().unwrap_or(&first);
    (1..=count).map(|number| version(layout, &first, source, number)).collect()
}

fn version(layout: &Layout, first: &Path, source: &Path, number: u32) -> Result<Version> {
    let release = release(number);
    if number == 1 {
        return Ok(Version { dist: first.to_path_buf(), release, hash: worker::hash(first)? });
    }
    let dist = layout.programs().join(format!("dist.{number}"));
    let hash = worker::hash(source)?;
    if worker::hash(&dist).ok().as_ref() != Some(&hash) {
        worker::copy_files(source, &dist)?;
    }
    Ok(Version { dist, release, hash })
}

/// The name of a version.
pub fn release(number: u32) -> String {
    format!("local-{number}")
}

/// Lets another version of a running stack serve, and returns when it does. Deploying the version before is the rollback.
pub fn deploy(layout: &Layout, number: u32) -> Result<()> {
    let _alone = layout.lock()?;
    let state = State::load(layout)?.context("the stack is not running: start it with `cargo xtask stack up`")?;
    let count = count(&state);
    if number == 0 || number > count {
        bail!(
            "this stack has the versions 1 to {count}: `cargo xtask stack up --versions {}` gives it more",
            number.clamp(2, VERSIONS_MAX)
        );
    }
    if count == 1 {
        return Ok(());
    }
    let runner = state.processes.get(&Part::Worker).filter(|running| running.process.is_alive());
    let runner = runner.context("the Worker does not run: `cargo xtask stack up` starts it")?;
    write_private(&layout.worker_version(), number.to_string().as_bytes())?;
    runner.process.signal(Signal::USR2);
    let deadline = Instant::now() + CHANGED_WITHIN;
    while worker::serving(layout)? != Some(number) {
        if !runner.process.is_alive() || Instant::now() > deadline {
            bail!("version {number} does not serve: see {}", layout.log(Part::Worker).display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The version that serves, or will when the Worker starts.
fn serving(layout: &Layout) -> Result<u32> {
    match std::fs::read_to_string(layout.worker_version()) {
        Ok(number) => number
            .trim()
            .parse()
            .with_context(|| format!("{} is damaged: delete it", layout.worker_version().display())),
        Err(_) => Ok(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack's directory, deleted when dropped.
    struct Stack(Layout);

    impl Stack {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("oslira-versions-{name}-{}", std::process::id()));
            let stack = Self(Layout::new(&dir).unwrap());
            stack.write(&worker::dist(&stack.0), "one");
            stack
        }

        fn write(&self, dist: &Path, text: &str) {
            std::fs::create_dir_all(dist.join("parts")).unwrap();
            std::fs::write(dist.join(worker::ENTRY), text).unwrap();
            std::fs::write(dist.join("parts/more.js"), text).unwrap();
        }
    }

    impl Drop for Stack {
        fn drop(&mut self) {
            std::fs::remove_dir_all(self.0.dir()).unwrap();
        }
    }

    fn texts(versions: &[Version]) -> Vec<String> {
        versions.iter().map(|version| std::fs::read_to_string(version.dist.join("parts/more.js")).unwrap()).collect()
    }

    #[test]
    fn versions_are_copies_that_follow_what_was_built_or_what_was_named() {
        let stack = Stack::new("copies");
        let mut state = State::default();
        assert!(prepare(&stack.0, &state).unwrap().is_empty(), "a single one is no copy");
        want(&mut state, &Wanted { count: Some(3), dist: None }).unwrap();
        let versions = prepare(&stack.0, &state).unwrap();
        let releases: Vec<&str> = versions.iter().map(|version| version.release.as_str()).collect();
        assert_eq!((releases, texts(&versions)), (vec!["local-1", "local-2", "local-3"], vec!["one".to_owned(); 3]));

        stack.write(&worker::dist(&stack.0), "built anew");
        assert_eq!(texts(&prepare(&stack.0, &state).unwrap()), ["built anew", "built anew", "built anew"]);

        let other = stack.0.dir().join("elsewhere");
        stack.write(&other, "of the last release");
        want(&mut state, &Wanted { count: Some(2), dist: Some(other) }).unwrap();
        assert_eq!(texts(&prepare(&stack.0, &state).unwrap()), ["built anew", "of the last release"]);
        want(&mut state, &Wanted::default()).unwrap();
        assert_eq!(texts(&prepare(&stack.0, &state).unwrap()), ["built anew", "of the last release"]);
        want(&mut state, &Wanted { count: Some(2), dist: None }).unwrap();
        assert_eq!(texts(&prepare(&stack.0, &state).unwrap()), ["built anew", "built anew"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do() {
        let stack = Stack::new("refused");
        let mut state = State::default();
        let dist = Some(stack.0.dir().to_path_buf());
        let told = |wanted: Wanted, state: &mut State| want(state, &wanted).unwrap_err().to_string();
        assert!(told(Wanted { count: None, dist: dist.clone() }, &mut state).contains("--versions 2"));
        assert!(told(Wanted { count: Some(2), dist }, &mut state).contains("holds no built Worker"));
        state.engine_start_delay_s = 3;
        assert!(told(Wanted { count: Some(2), dist: None }, &mut state).contains("--engine-start-delay 0"));
    }

    #[test]
    fn a_version_that_the_stack_does_not_have_is_not_deployed() {
        let stack = Stack::new("deployed");
        assert!(deploy(&stack.0, 1).unwrap_err().to_string().contains("not running"));
        let mut state = State { versions: Some(2), ..State::default() };
        state.save(&stack.0).unwrap();
        for number in [0, 3] {
            let error = deploy(&stack.0, number).unwrap_err().to_string();
            assert!(error.contains("versions 1 to 2"), "{error}");
        }
        assert!(deploy(&stack.0, 2).unwrap_err().to_string().contains("does not run"));
    }

    #[test]
    fn a_version_that_is_gone_does_not_serve() {
        let stack = Stack::new("gone");
        write_private(&stack.0.worker_version(), b"2").unwrap();
        prepare(&stack.0, &State { versions: Some(2), ..State::default() }).unwrap();
        assert_eq!(serving(&stack.0).unwrap(), 2);
        prepare(&stack.0, &State::default()).unwrap();
        assert_eq!(serving(&stack.0).unwrap(), 1);
    }
}
