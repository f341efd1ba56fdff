//! Which suites run beside which.
//!
//! Three lists run side by side: suites that need only processors, those that need the database server, and those that
//! need the whole stack. A fourth list kills processes of the stack, the database server too, so it starts when the
//! second and third are done; last come those that have a stack of their own. The suites of one list run one after the
//! other. A suite that is in the first list by mistake fails at once, because only the other lists are told where the
//! stack is.

use std::path::PathBuf;

use crate::lint::WASM_ONLY;
use crate::project::Project;
use crate::test::binaries::{Kind, TestBinary};

/// One test program, with all of its tests or a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// The name in the summary.
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// The working directory: that of its crate, as under cargo.
    pub dir: PathBuf,
}

/// Every suite, in lists by what it needs.
#[derive(Debug, Default)]
pub struct Plan {
    /// Only processors.
    pub processors: Vec<Suite>,
    /// The stack's database server, on which each test has a database of its own.
    pub database: Vec<Suite>,
    /// The whole stack, which they use only as customers and providers could.
    pub stack: Vec<Suite>,
    /// The whole stack for themselves, because they kill its processes. The last two check every request that the
    /// suites before them made the Worker send, and all that it told.
    pub kills: Vec<Suite>,
    /// A stack of their own, and the machine for themselves.
    pub apart: Vec<Suite>,
}

impl Plan {
    pub fn of(project: &Project, binaries: &[TestBinary]) -> Self {
        let mut plan = Self::default();
        for binary in binaries {
            let suite = |part: &str, arguments: &[&str]| Suite {
                name: name(binary, part),
                program: binary.program.clone(),
                arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
                dir: project.root().join(&binary.package),
            };
            // Binaries come sorted by name: the `zz` of the suites that kill makes them last among e2e's, in their
            // order.
            match (binary.package.as_str(), binary.target.as_str()) {
                ("e2e", target) if target.starts_with("zz") => plan.kills.push(suite("", &[])),
                ("e2e", _) => plan.stack.push(suite("", &[])),
                ("crates/postgres", "database") | ("crates/pooler", "pooler") | ("crates/sandbox", "auth_users") => {
                    plan.database.push(suite("", &[]));
                }
                ("crates/simulation", "simulation") => {
                    // It takes longest, so it starts first.
                    plan.processors.insert(0, suite("", &["--skip", "database::"]));
                    plan.database.push(suite(", against the database", &["database::"]));
                }
                ("xtask", _) => {
                    plan.processors.push(suite("", &["--skip", "against_postgres"]));
                    plan.database.push(suite(", against the database", &["against_postgres"]));
                }
                _ => plan.processors.push(suite("", &[])),
            }
        }
        plan.processors.push(examples(project));
        plan
    }
}

/// The examples in documentation. They have no program of their own, so cargo runs them through rustdoc.
fn examples(project: &Project) -> Suite {
    let excluded = WASM_ONLY.iter().flat_map(|package| ["--exclude", package]);
    Suite {
        name: "examples in the documentation".to_owned(),
        program: "cargo".into(),
        arguments: ["test", "--doc", "--quiet", "--workspace"].into_iter().chain(excluded).map(str::to_owned).collect(),
        dir: project.root().to_path_buf(),
    }
}

fn name(binary: &TestBinary, part: &str) -> String {
    let target = match binary.kind {
        Kind::Library => "unit tests",
        Kind::Program => "unit tests of the program",
        Kind::Integration => &binary.target,
    };
    format!("{} {target}{part}", binary.package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(targets: &[(&str, &str)]) -> Plan {
        let binaries: Vec<TestBinary> = targets
            .iter()
            .map(|(package, target)| TestBinary {
                package: (*package).to_owned(),
                target: (*target).to_owned(),
                kind: Kind::Integration,
                program: PathBuf::from("/program"),
            })
            .collect();
        Plan::of(&Project::find().unwrap(), &binaries)
    }

    #[test]
    fn what_kills_processes_stands_apart_and_ends_with_the_looks_at_what_was_sent_and_told() {
        let targets = ["api", "zz_kills", "zz_phases", "zzz_requests", "zzz_secrecy"];
        let plan = plan_of(&targets.map(|target| ("e2e", target)));
        let names: Vec<&str> = plan.kills.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["e2e zz_kills", "e2e zz_phases", "e2e zzz_requests", "e2e zzz_secrecy"]);
        assert_eq!(plan.stack.len(), 1);
    }

    #[test]
    fn the_tools_own_tests_are_run_with_and_without_a_database() {
        let plan = plan_of(&[("xtask", "xtask")]);
        let arguments = |suites: &[Suite]| suites.first().map(|suite| suite.arguments.join(" "));
        assert_eq!(arguments(&plan.processors).as_deref(), Some("--skip against_postgres"));
        assert_eq!(arguments(&plan.database).as_deref(), Some("against_postgres"));
    }

    #[test]
    fn the_simulation_is_played_once_and_replayed_once() {
        let plan = plan_of(&[("crates/app", "money"), ("crates/simulation", "simulation")]);
        let arguments = |suites: &[Suite]| suites.first().map(|suite| suite.arguments.join(" "));
        assert_eq!(arguments(&plan.processors).as_deref(), Some("--skip database::"));
        assert_eq!(arguments(&plan.database).as_deref(), Some("database::"));
        assert_eq!((plan.processors.len(), plan.database.len()), (3, 1));
    }
}
