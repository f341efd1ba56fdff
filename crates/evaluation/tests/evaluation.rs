//! The evaluation from outside: figures that may not get worse, answers that are stored and asked for again, the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use oslira_evaluation::{
    answers::{Answers, LocalSandbox, NotAsked, SANDBOX, Spending, Store, Upstream},
    golden::GoldenSet,
    measured::{measure, stored},
    question::{Case, Scope, cases},
};
use oslira_providers::NativeSend;
use serde_json::{Value, json};

/// A directory of its own, deleted with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oslira-evaluation-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Answers that are stored in the directory and asked of the sandbox as if it were real.
fn recording(dir: &Path, sandbox: &LocalSandbox, limit_microusd: u64) -> Answers {
    Answers {
        store: Store::open(dir).unwrap(),
        upstream: Upstream::Live {
            providers: sandbox.providers(),
            send: Arc::new(NativeSend::new().unwrap()),
            spending: Spending::limit(limit_microusd),
        },
    }
}

fn replay(dir: &Path) -> Answers {
    Answers { store: Store::open(dir).unwrap(), upstream: Upstream::Nobody }
}

fn light(set: &GoldenSet) -> Vec<Case<'_>> {
    cases(set, Scope::Light, |call| call.config().model)
}

#[test]
fn no_figure_is_worse_than_the_stored_one() {
    let present = measure(&GoldenSet::load().unwrap()).unwrap().figures;
    let before = stored::figures().unwrap();
    assert!(before.len() >= 14, "{} figures are stored", before.len());
    assert_eq!(stored::worsened(&before, &present), [""; 0], "see docs/evaluation.md");
}

#[tokio::test]
async fn an_answer_is_stored_under_its_whole_request_and_read_again_without_asking() {
    let (set, dir, sandbox) = (GoldenSet::load().unwrap(), Dir::new("replay"), LocalSandbox::start().await.unwrap());
    let all = cases(&set, Scope::All, |call| {
        // One call of each provider.
        let config = call.config();
        if call.as_str() == "outreach" { config.fallback } else { config.model }
    });
    let some: Vec<&Case<'_>> = all.iter().filter(|case| case.profile.key == all[0].profile.key).collect();
    let recorder = recording(&dir.0, &sandbox, 10_000_000);
    let mut recorded = vec![];
    for case in &some {
        recorded.push(recorder.of(case).await.unwrap());
    }
    let again = replay(&dir.0);
    for (case, before) in some.iter().zip(&recorded) {
        let given = again.of(case).await.unwrap();
        assert_eq!((given.content.clone(), &given.request), (before.content.clone(), &before.request));
        assert!(given.content.is_ok() && given.source == SANDBOX && given.usage.is_some(), "{given:?}");
    }
    // A word more in the business, the prompt or the profile is another request.
    let mut changed = set.clone();
    changed.businesses[0].context.offering.push('!');
    let other = light(&changed);
    assert_eq!(again.of(&other[0]).await.unwrap_err(), NotAsked::Unknown);
}

#[tokio::test]
async fn recording_stops_at_its_limit_and_goes_on_from_there() {
    let (set, dir, sandbox) = (GoldenSet::load().unwrap(), Dir::new("limit"), LocalSandbox::start().await.unwrap());
    let all = light(&set);
    // A LIGHT answer costs at most some thousandths of a dollar, and usually a fraction of that.
    let poor = recording(&dir.0, &sandbox, 6_000);
    let mut answered = 0;
    for case in &all[..60] {
        match poor.of(case).await {
            Ok(_) => answered += 1,
            Err(why) => {
                assert_eq!(why, NotAsked::LimitReached);
                break;
            }
        }
    }
    let spent = match &poor.upstream {
        Upstream::Live { spending, .. } => spending.spent_microusd(),
        Upstream::Nobody | Upstream::Sandbox(_) => 0,
    };
    assert!(answered > 0 && answered < 60, "{answered}");
    assert!(spent > 0 && spent <= 6_000, "{spent}");
    // A crash cut the last line: that answer is asked again, the others are there.
    let file = fs::read_dir(&dir.0).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() - 40]).unwrap();
    let nobody = replay(&dir.0);
    let mut known = 0;
    for case in &all[..answered] {
        known += usize::from(nobody.of(case).await.is_ok());
    }
    assert_eq!(known, answered - 1);
    let rich = recording(&dir.0, &sandbox, 10_000_000);
    for case in &all[..answered + 2] {
        rich.of(case).await.unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), answered + 2);
}

/// Makes the sandbox's stored answers look real.
fn pretend_real(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let lines: Vec<String> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| {
                let mut answer: Value = serde_json::from_str(line).unwrap();
                answer["source"] = json!("openai");
                answer.to_string()
            })
            .collect();
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }
}

#[tokio::test]
async fn real_answers_to_old_questions_are_stale_and_can_be_deleted() {
    let (set, dir, sandbox) = (GoldenSet::load().unwrap(), Dir::new("stale"), LocalSandbox::start().await.unwrap());
    let all = light(&set);
    let recorder = recording(&dir.0, &sandbox, 10_000_000);
    let mut asked = BTreeSet::new();
    for case in &all[..3] {
        asked.insert(recorder.of(case).await.unwrap().request);
    }
    asked.pop_first();
    // The sandbox's answers are never stale: nothing is lost with them.
    assert!(Store::open(&dir.0).unwrap().stale(&asked).is_empty());
    pretend_real(&dir.0);
    let store = Store::open(&dir.0).unwrap();
    assert_eq!(store.stale(&asked), [("openai/gpt-6-luna".to_owned(), 1)].into());
    assert_eq!(store.prune(&asked).unwrap(), 1);
    assert!(Store::open(&dir.0).unwrap().stale(&asked).is_empty());
    assert_eq!(store.prune(&BTreeSet::new()).unwrap(), 2);
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 0);
}

fn eval(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oslira-evaluation")).args(options).output().unwrap()
}

#[test]
fn the_program_says_what_it_measured_and_never_claims_more() {
    let output = eval(&["--light", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["quality"].as_str().unwrap().starts_with("not measured"), "{}", report["quality"]);
    let has = |list: &str, name: &str| report[list].as_array().unwrap().iter().any(|figure| figure["name"] == name);
    assert!(
        has("measured", "facts.accuracy") && has("answers", "light.score.pairwise") && has("answers", "attacks.gain")
    );
    let by = |by: &str| report["groups"].as_array().unwrap().iter().filter(|group| group["by"] == by).count();
    assert!(by("call") == 1 && by("model") == 1 && by("language") > 15);
}

#[tokio::test]
async fn stale_real_answers_fail_the_program_with_the_command_that_renews_them() {
    let (set, dir, sandbox) = (GoldenSet::load().unwrap(), Dir::new("program"), LocalSandbox::start().await.unwrap());
    let mut older = set.clone();
    older.businesses[0].context.offering.push_str(" As it was before.");
    recording(&dir.0, &sandbox, 10_000_000).of(&light(&older)[0]).await.unwrap();
    pretend_real(&dir.0);
    let path = dir.0.to_str().unwrap();
    let output = eval(&["--light", "--answers", path]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cargo xtask eval --live"), "{said}");
    assert!(fs::read_dir(&dir.0).unwrap().count() == 1, "nothing is deleted unasked");
}

#[test]
fn what_customers_marked_is_evaluated_from_a_file() {
    let dir = Dir::new("outcomes");
    let file = dir.0.join("outcomes.ndjson");
    let line = |outcome: &str, score: u8| {
        json!({ "outcome": outcome, "analysis_type": "LIGHT", "score": score, "confidence": 70 }).to_string()
    };
    fs::write(&file, [line("won", 88), line("lost", 40)].join("\n")).unwrap();
    let output = eval(&["--outcomes", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("outcomes.pairwise") && said.contains("2 marked leads"), "{said}");
    fs::write(&file, "{}").unwrap();
    let output = eval(&["--outcomes", file.to_str().unwrap()]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("line 1"));
}

#[test]
fn wrong_options_are_refused_with_what_to_do() {
    for (options, said) in [
        (&["--live"][..], "--limit-usd"),
        (&["--models", "gpt"], "provider/model"),
        (&["--models", "openai/a,openai/b,openai/c"], "two"),
        (&["--judge", "openai/x"], "--live"),
    ] {
        let output = eval(options);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{options:?}: {error}");
    }
}
