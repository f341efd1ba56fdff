//! `cargo xtask eval`.

mod sabotage;

use std::{
    collections::BTreeSet,
    fs,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use futures_util::{StreamExt as _, stream};
use oslira_app::features::judging::{CallKind, Model as _, ModelName};
use oslira_evaluation::{
    answers::{Answers, LocalSandbox, NotAsked, Providers, SANDBOX, Spending, Store, Upstream},
    compare::compare,
    figure::Findings,
    golden::GoldenSet,
    measured::{measure, stored},
    outcomes,
    quality::{Judged, figures, groups, preference},
    question::{Case, Scope, cases},
    report::{Report, lines},
};
use oslira_providers::{NativeSend, families::Family};

/// How many questions are asked at the same time.
const AT_ONCE: usize = 8;
const MICRO_PER_DOLLAR: f64 = 1_000_000.0;
/// So many pairs of answers are shown to the judge.
const PREFERENCES_MAX: usize = 120;

/// Measures the quality of judgements over the golden set: facts, score and checks always, answers as far as they are stored.
///
/// Without stored answers of real models the sandbox answers, which proves that the evaluation works and measures no quality.
/// Ends with an error if a figure that needs no model got worse (docs/evaluation.md), or if stored answers of real models are to
/// questions that are not asked any more.
#[derive(Parser)]
#[command(name = "cargo xtask eval", bin_name = "cargo xtask eval", max_term_width = 100)]
struct Cli {
    /// Print everything as JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Ask real models what is not stored yet, with the keys OPENAI_API_KEY and ANTHROPIC_API_KEY, and store it
    #[arg(long, requires = "limit_usd")]
    live: bool,
    /// What real answers may cost at most, in dollars; a recording that stops here goes on with the next --live
    #[arg(long, value_name = "DOLLARS")]
    limit_usd: Option<f64>,
    /// Ask these models instead of the built-in ones; two of them, separated by a comma, are compared
    #[arg(long, value_name = "MODEL,MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// With two models: a strong model of another provider says which answers are better (needs --live)
    #[arg(long, value_name = "MODEL", requires = "live")]
    judge: Option<String>,
    /// Only LIGHT: a tenth of the cost
    #[arg(long)]
    light: bool,
    /// Evaluate what customers marked instead: the lines of GET /leads/outcomes.ndjson
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
    /// Store the present figures as those that may not get worse
    #[arg(long)]
    accept: bool,
    /// Delete stored answers to questions that are not asked any more
    #[arg(long)]
    prune: bool,
    /// Do deliberate harm to a copy of the code, and show which figure sees it (ten minutes)
    #[arg(long)]
    sabotage: bool,
    /// Where answers are stored
    #[arg(long, value_name = "DIR", default_value_os_t = crate_dir().join("answers"))]
    answers: PathBuf,
    /// Only what needs no model
    #[arg(long)]
    measured: bool,
}

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The checkout.
fn root() -> PathBuf {
    crate_dir().ancestors().nth(2).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<bool> {
    if cli.sabotage {
        return sabotage::run(&root());
    }
    if let Some(file) = &cli.outcomes {
        return evaluate_outcomes(file, cli.json);
    }
    let set = GoldenSet::load()?;
    let measured = measure(&set)?;
    let worsened = stored::worsened(&stored::figures()?, &measured.figures);
    if cli.measured {
        print(&Report::new("not asked for".to_owned(), measured, Findings::default(), vec![]), cli.json)?;
        return Ok(told(&worsened));
    }
    let is_accepted = worsened.is_empty() && cli.accept;
    let present = measured.figures.clone();
    let is_sound = evaluate_answers(&cli, &set, measured).await?;
    if is_accepted {
        let path = crate_dir().join("golden/figures.json");
        fs::write(&path, serde_json::to_string_pretty(&present)? + "\n")?;
        eprintln!("  wrote {}", path.display());
    }
    Ok(told(&worsened) && is_sound)
}

/// Says what got worse; `true` if nothing did.
fn told(worsened: &[String]) -> bool {
    for line in worsened {
        eprintln!("  worse: {line}");
    }
    if !worsened.is_empty() {
        eprintln!("  mend it, or add a row to \"Accepted changes\" in docs/evaluation.md that says why");
    }
    worsened.is_empty()
}

async fn evaluate_answers(cli: &Cli, set: &GoldenSet, measured: Findings) -> Result<bool> {
    let models = cli.models.iter().map(|name| parsed(name)).collect::<Result<Vec<_>>>()?;
    ensure!(models.len() <= 2, "--models takes one model, or two that are compared");
    if cli.live {
        let judge = cli.judge.iter().map(|name| parsed(name)).collect::<Result<Vec<_>>>()?;
        for model in models.iter().chain(&judge) {
            let price = Family::of(model).price;
            ensure!(
                price.is_some(),
                "the price of {model} is not known, so no limit could hold: add it to the families"
            );
        }
    }
    let scope = if cli.light { Scope::Light } else { Scope::All };
    let answers = Answers { store: Store::open(&cli.answers)?, upstream: upstream(cli).await? };
    let asked = asked_by(set, scope, models.first());
    let (judged, is_whole) = judged(&asked, &answers).await;
    let mut report = Report::new(quality(&judged, is_whole), measured, figures(&judged), groups(&judged));
    if let [first, second] = models.as_slice() {
        let others = asked_by(set, scope, Some(second));
        let (of_second, _) = self::judged(&others, &answers).await;
        report.comparisons.push(compared(first, second, &judged, &of_second)?);
        if let Some(judge) = &cli.judge {
            let judge = parsed(judge)?;
            ensure!(
                [first, second].iter().all(|model| model.provider() != judge.provider()),
                "the judge must be of another provider than both models: a model prefers its own"
            );
            report.comparisons.push(preferred(&judge, first, second, &judged, &of_second, &answers).await?);
        }
    }
    let is_fresh = stale(cli, set, &answers).await?;
    report.misses.sort_by(|a, b| a.figure.cmp(&b.figure));
    print(&report, cli.json)?;
    if let Upstream::Live { spending, .. } = &answers.upstream {
        eprintln!("  spent ${:.4}", spending.spent_microusd() as f64 / MICRO_PER_DOLLAR);
    }
    Ok(is_fresh)
}

fn parsed(name: &str) -> Result<ModelName> {
    ModelName::parse(name.trim())
        .with_context(|| format!("\"{name}\" is no model: write provider/model, such as openai/gpt-6-luna"))
}

async fn upstream(cli: &Cli) -> Result<Upstream> {
    if !cli.live {
        return Ok(Upstream::Sandbox(LocalSandbox::start().await?));
    }
    let limit = cli.limit_usd.filter(|limit| *limit > 0.0).context("--limit-usd must be more than nothing")?;
    Ok(Upstream::Live {
        providers: Providers::from_environment()?,
        send: Arc::new(NativeSend::new()?),
        spending: Spending::limit((limit * MICRO_PER_DOLLAR) as u64),
    })
}

/// The cases as this model is asked, or the built-in ones.
fn asked_by<'a>(set: &'a GoldenSet, scope: Scope, model: Option<&ModelName>) -> Vec<Case<'a>> {
    cases(set, scope, |call| model.cloned().unwrap_or_else(|| call.config().model))
}

/// Asks every case. The second value says whether all were answered; a limit ends the asking, and what was answered counts.
async fn judged<'a>(asked: &'a [Case<'a>], answers: &Answers) -> (Vec<Judged<'a>>, bool) {
    let (done, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failures = AtomicUsize::new(0);
    let (done, is_over, failed) = (&done, &is_over, &failures);
    let all = asked.len();
    let given = stream::iter(asked).map(async |case| {
        if is_over.load(Ordering::Relaxed) {
            return None;
        }
        let given = answers.of(case).await;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        match given {
            Ok(given) => Some(Judged::of(case, given)),
            Err(NotAsked::LimitReached) => {
                is_over.store(true, Ordering::Relaxed);
                None
            }
            Err(NotAsked::Failed(fault)) => {
                if failed.fetch_add(1, Ordering::Relaxed) == 0 {
                    eprintln!("  not answered: {} about {}: {fault}", case.question.model, case.profile.key);
                }
                None
            }
            Err(NotAsked::Unknown) => None,
        }
    });
    let judged: Vec<Judged<'a>> = given.buffered(AT_ONCE).filter_map(async |one| one).collect().await;
    if is_over.load(Ordering::Relaxed) {
        eprintln!("  the limit is reached: {} of {all} answered; the same command goes on from here", judged.len());
    }
    if failures.load(Ordering::Relaxed) > 0 {
        eprintln!("  {} questions got no answer; the same command asks them again", failures.load(Ordering::Relaxed));
    }
    let is_whole = judged.len() == all;
    (judged, is_whole)
}

fn progress(done: usize, all: usize) {
    const EVERY: usize = 50;
    let is_due = done.is_multiple_of(EVERY) || done == all;
    if is_due && std::io::stderr().is_terminal() {
        eprint!("\r  {done} of {all} answers{}", if done == all { "\n" } else { "" });
    } else if is_due && done.is_multiple_of(10 * EVERY) {
        eprintln!("  {done} of {all} answers");
    }
}

/// What may be said of the quality.
fn quality(judged: &[Judged<'_>], is_whole: bool) -> String {
    let real: BTreeSet<String> =
        judged.iter().filter(|one| one.source != SANDBOX).map(|one| one.case.question.model.to_string()).collect();
    let from_sandbox = judged.iter().filter(|one| one.source == SANDBOX).count();
    match (real.is_empty(), from_sandbox, is_whole) {
        (true, _, _) => "not measured (the sandbox answered; ask real models with --live --limit-usd)".to_owned(),
        (false, 0, true) => format!("measured with {}", real.into_iter().collect::<Vec<_>>().join(", ")),
        _ => format!("not measured ({} of {} answers are real models')", judged.len() - from_sandbox, judged.len()),
    }
}

/// Whether every stored answer of a real model is to a question that is still asked.
async fn stale(cli: &Cli, set: &GoldenSet, answers: &Answers) -> Result<bool> {
    let mut known = BTreeSet::new();
    for model in answers.store.models().iter().filter_map(|model| ModelName::parse(model)) {
        for case in cases(set, Scope::All, |_| model.clone()) {
            known.insert(answers.request_of(&case.question).await);
        }
    }
    if cli.prune {
        let dropped = answers.store.prune(&known)?;
        eprintln!("  {dropped} answers deleted");
        return Ok(true);
    }
    let stale = answers.store.stale(&known);
    let built_in: BTreeSet<String> = CallKind::ALL.map(|call| call.config().model.to_string()).into();
    for (model, count) in &stale {
        let models = if built_in.contains(model) { String::new() } else { format!(" --models {model}") };
        eprintln!(
            "  stale: {count} answers of {model} are to questions that are not asked any more; renew them with\n    \
             cargo xtask eval --live --limit-usd 5{models}\n  and then delete the old ones with\n    \
             cargo xtask eval --prune"
        );
    }
    Ok(stale.is_empty())
}

fn compared(
    first: &ModelName,
    second: &ModelName,
    of_first: &[Judged<'_>],
    of_second: &[Judged<'_>],
) -> Result<String> {
    let from_sandbox = |judged: &[Judged<'_>]| judged.iter().filter(|one| one.source == SANDBOX).count();
    let (one, two) = (from_sandbox(of_first), from_sandbox(of_second));
    let is_of_one_kind = (one == 0 && two == 0) || (one == of_first.len() && two == of_second.len());
    ensure!(is_of_one_kind, "the answers of one of the two models are missing: ask it with --live --limit-usd");
    let note =
        if one > 0 { " (the sandbox answered for both: this proves only that the comparison works)" } else { "" };
    let rows = compare(of_first, of_second).into_iter().map(|one| {
        let difference = one.difference;
        let verdict = if difference.is_noise() { "noise" } else { "real" };
        let number = |value: f64| format!("{value:.4}");
        let interval = format!("{:.4} to {:.4}", difference.low, difference.high);
        vec![
            one.figure.to_owned(),
            number(one.first),
            number(one.second),
            number(difference.value),
            interval,
            verdict.to_owned(),
        ]
    });
    let (first, second) = (first.to_string(), second.to_string());
    let columns = ["figure", &first, &second, "difference", "95 % interval", "which is"];
    Ok(format!("  {first} and {second}, paired bootstrap over profiles{note}\n{}", lines(&columns, rows.collect())))
}

async fn preferred(
    judge: &ModelName,
    first: &ModelName,
    second: &ModelName,
    of_first: &[Judged<'_>],
    of_second: &[Judged<'_>],
    answers: &Answers,
) -> Result<String> {
    let Upstream::Live { providers, send, spending } = &answers.upstream else { bail!("--judge needs --live") };
    let models = providers.models_over(Arc::clone(send));
    let light = |one: &&Judged<'_>| {
        one.case.call == CallKind::Light && one.reviewed.is_ok() && one.case.profile.attack_on.is_none()
    };
    let (mut one, mut two, mut ties) = (0_usize, 0_usize, 0_usize);
    'pairs: for a in of_first.iter().filter(light).take(PREFERENCES_MAX) {
        let same =
            |b: &&Judged<'_>| b.case.profile.key == a.case.profile.key && b.case.business.key == a.case.business.key;
        let Some(b) = of_second.iter().filter(light).find(same) else { continue };
        let text = |judged: &Judged<'_>| {
            judged.reviewed.as_ref().ok().and_then(|read| serde_json::to_string(&read.judgement).ok())
        };
        let (Some(text_a), Some(text_b)) = (text(a), text(b)) else { continue };
        let mut said = vec![];
        for (before, after) in [(&text_a, &text_b), (&text_b, &text_a)] {
            let question = preference::question(a.case, judge, before, after);
            let Some(reserved) = spending.reserve(&question) else {
                eprintln!("  the limit is reached: {} pairs were judged", one + two + ties);
                break 'pairs;
            };
            let answer = models.ask(&question).await;
            reserved.settle(answer.usage.as_ref().and_then(|usage| usage.cost_microusd));
            said.extend(answer.content.ok().as_deref().and_then(preference::read));
        }
        if let [straight, swapped] = said.as_slice() {
            match preference::both(*straight, *swapped) {
                preference::Preference::One => one += 1,
                preference::Preference::Two => two += 1,
                preference::Preference::Tie => ties += 1,
            }
        }
    }
    Ok(format!(
        "  {judge} prefers {first} {one} times, {second} {two} times, and neither (or whichever came first) {ties} times"
    ))
}

fn evaluate_outcomes(file: &Path, json: bool) -> Result<bool> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let marked = outcomes::read(&text).with_context(|| file.display().to_string())?;
    let quality = format!("measured with {} marked leads", marked.len());
    print(&Report::new(quality, Findings::default(), outcomes::figures(&marked), vec![]), json)?;
    Ok(true)
}

fn print(report: &Report, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{}", report.table());
    }
    let dir = root().join(".oslira/eval");
    fs::create_dir_all(&dir)?;
    let page = dir.join("index.html");
    fs::write(&page, report.page())?;
    eprintln!("  {} misses: {}", report.misses.len(), page.display());
    Ok(())
}
