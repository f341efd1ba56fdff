//! `cargo xtask attack`: does to a stack of its own what an attacker would, and says of each attack whether it was held.
//!
//! An attack is a few tests of the ordinary suites, by name, so each runs on every change too. They reach nothing but this
//! machine: every address of the stack is a loopback one, and the sandbox stands for all providers.

mod catalog;
mod model;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::catalog::attacks;
use self::model::{Attack, Tests};
use crate::project::Project;
use crate::stack::{Document, UpOptions};
use crate::step::step;
use crate::test::suite::{self, Environment, Outcome, Priority};
use crate::test::{TestBinary, compile, of_tests, plan::Suite, schemathesis, with_stack};

/// Arguments of `cargo xtask attack`.
#[derive(clap::Args)]
pub struct AttackArgs {
    /// Print what would be done, and do nothing
    #[arg(long)]
    list: bool,
    /// Print {"attacks":[{"area","attack","result","seconds"}]} instead of lines
    #[arg(long)]
    json: bool,
    /// Only the attacks of this area, for example `money`
    #[arg(long, value_name = "AREA")]
    only: Option<String>,
}

/// Runs the attacks; `false` unless every one was held.
pub fn run(project: &Project, args: &AttackArgs) -> Result<bool> {
    let is_wanted = |attack: &&Attack| args.only.as_ref().is_none_or(|area| attack.area == area);
    let wanted: Vec<&Attack> = attacks().filter(is_wanted).collect();
    if wanted.is_empty() {
        bail!("there is no such area: `cargo xtask attack --list` prints them");
    }
    if args.list {
        wanted.iter().for_each(|attack| println!("  {:<10}  {}", attack.area, attack.what));
        return Ok(true);
    }
    let binaries = step("compiling the attacks", || compile(project))?;
    let options = UpOptions { optimize: true, ..of_tests() };
    let findings = with_stack(project, "attack", false, &options, |stack, environment| {
        only_this_machine(stack)?;
        let scene = Scene { project, stack, environment, binaries: &binaries };
        wanted.into_iter().map(|attack| scene.carry_out(attack, !args.json)).collect::<Result<Vec<_>>>()
    })?;
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let [held, broken, left_out] = [Verdict::Held, Verdict::Broken, Verdict::LeftOut].map(count);
    if args.json {
        let attacks: Vec<Value> = findings.iter().map(Finding::json).collect();
        println!("{:#}", json!({ "attacks": attacks }));
    } else {
        println!("\n{held} attacks held, {broken} not held, {left_out} left out");
    }
    Ok(held == findings.len())
}

/// Nothing of another machine may be attacked, whatever a setting says.
fn only_this_machine(stack: &Document) -> Result<()> {
    for url in [&stack.api_url, &stack.sandbox_url, &stack.database_url] {
        if !is_loopback(url) {
            bail!("only a stack of this machine is attacked; see `cargo xtask stack up --help`");
        }
    }
    Ok(())
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    // Whatever stands before the last `@` is a name and a password.
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.starts_with("127.0.0.1:")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Held,
    Broken,
    /// What it needs is not installed.
    LeftOut,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "NOT HELD",
            Self::LeftOut => "left out",
        }
    }
}

/// What became of an attack.
struct Finding {
    attack: &'static Attack,
    verdict: Verdict,
    seconds: f64,
}

impl Finding {
    fn line(&self) -> String {
        let Self { attack, verdict, seconds } = self;
        format!("  {:<8}  {seconds:>5.1} s  {:<10}  {}", verdict.word(), attack.area, attack.what)
    }

    fn json(&self) -> Value {
        let Self { attack, verdict, seconds } = self;
        json!({ "area": attack.area, "attack": attack.what, "result": verdict.word(), "seconds": seconds })
    }
}

/// Where attacks are carried out.
struct Scene<'a> {
    project: &'a Project,
    stack: &'a Document,
    environment: &'a Environment,
    binaries: &'a [TestBinary],
}

impl Scene<'_> {
    /// Each attack ends: a suite that hangs is stopped.
    fn carry_out(&self, attack: &'static Attack, prints: bool) -> Result<Finding> {
        let finding = match self.suite(attack)? {
            None => Finding { attack, verdict: Verdict::LeftOut, seconds: 0.0 },
            Some(suite) => {
                let log = self.project.state_dir().join("attack.log");
                let outcome = suite::run(&suite, self.environment, Priority::Normal, &log)?;
                let finding =
                    Finding { attack, verdict: verdict(attack, &outcome), seconds: outcome.took.as_secs_f64() };
                if finding.verdict == Verdict::Broken {
                    eprintln!("{}", outcome.output);
                }
                finding
            }
        };
        if prints {
            println!("{}", finding.line());
        }
        Ok(finding)
    }

    fn suite(&self, attack: &Attack) -> Result<Option<Suite>> {
        let Tests::Named((package, target), tests) = attack.tests else {
            return schemathesis::suite(self.project, self.stack);
        };
        let is_meant = |binary: &&TestBinary| binary.package == package && binary.target == target;
        let binary = self.binaries.iter().find(is_meant);
        let binary = binary.with_context(|| format!("there is no test program {target} of {package}"))?;
        let arguments = std::iter::once("--exact").chain(tests.iter().copied()).map(str::to_owned).collect();
        let dir = self.project.root().join(package);
        Ok(Some(Suite { name: attack.what.to_owned(), program: binary.program.clone(), arguments, dir }))
    }
}

/// Fewer generated requests show little.
const GENERATED_MIN: usize = 1_000;

/// A test that is missing holds nothing.
fn verdict(attack: &Attack, outcome: &Outcome) -> Verdict {
    let wanted = match attack.tests {
        Tests::Named(_, tests) => tests.len(),
        Tests::Generated => GENERATED_MIN,
    };
    let passed = usize::try_from(outcome.passed).unwrap_or(usize::MAX);
    if outcome.failed == 0 && passed >= wanted { Verdict::Held } else { Verdict::Broken }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_attack_whose_test_is_missing_is_not_held() {
        let attack = attacks().next().unwrap();
        let Tests::Named(_, tests) = attack.tests else { panic!("its tests have no names") };
        let all = u32::try_from(tests.len()).unwrap();
        let outcome = |passed, failed| Outcome {
            name: String::new(),
            passed,
            failed,
            ignored: 0,
            took: Duration::ZERO,
            output: String::new(),
        };
        assert_eq!(verdict(attack, &outcome(all, 0)), Verdict::Held);
        assert_eq!(verdict(attack, &outcome(all - 1, 0)), Verdict::Broken);
        assert_eq!(verdict(attack, &outcome(all, 1)), Verdict::Broken);
    }

    #[test]
    fn only_addresses_of_this_machine_are_attacked() {
        for url in ["http://127.0.0.1:8787", "postgres://postgres:secret@127.0.0.1:5432/oslira"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://api.oslira.example",
            "http://127.0.0.1:80@evil.example/",
            "http://evil.example/@127.0.0.1:80",
            "postgres://127.0.0.1:secret@db.example:5432/oslira",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn the_document_tells_every_attack() {
        let document = include_str!("../../../docs/security.md");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = words(document);
        let missing: Vec<_> = attacks().filter(|attack| !told.contains(&words(attack.what))).map(|a| a.what).collect();
        assert_eq!(missing, [""; 0], "docs/security.md has one row for each attack");
    }
}
