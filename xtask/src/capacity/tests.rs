use clap::Parser as _;
use oslira_app::shared::analysis_type::AnalysisType;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::cost::costs;
use super::demand::{Demand, Sharing, at_once};
use super::report::number;
use super::resources::{Resource, State, first, reached_at, resources};
use super::*;

/// What a command line asks for.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: CapacityArgs,
}

fn line(options: &[&str]) -> CapacityArgs {
    Line::try_parse_from(std::iter::once("capacity").chain(options.iter().copied())).unwrap().args
}

fn load(analyses_per_minute: f64) -> Load {
    let args = line(&["--analyses-per-minute", &analyses_per_minute.to_string()]);
    args.loads()[0]
}

fn at(analyses_per_minute: f64) -> Vec<Resource> {
    let figures = Figures::read().unwrap();
    resources(&Demand { load: load(analyses_per_minute), figures: &figures }, &line(&[]).setup())
}

fn named<'a>(all: &'a [Resource], name: &str) -> &'a Resource {
    all.iter().find(|resource| resource.name == name).unwrap()
}

#[test]
fn the_document_holds_what_the_command_computes() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
    let document = std::fs::read_to_string(path).unwrap();
    let args = line(&[]);
    let section = report::markdown(&args.loads(), &args.setup(), &Figures::read().unwrap());
    let computed = with_section(&document, &section).unwrap();
    assert!(document == computed, "{DOCUMENT} is out of date: run `cargo xtask capacity --write`");
}

#[test]
fn so_many_are_there_at_once_as_come_while_one_stays() {
    assert_eq!(at_once(2.0, 5.0), 10.0);
    let figures = Figures::read().unwrap();
    // 60 LIGHT a minute, none of them cached: one a second, each for 9.8 s.
    let cold = Load { mix: "1:0:0".parse().unwrap(), cached_share: 0.0, ..load(60.0) };
    let demand = Demand { load: cold, figures: &figures };
    assert!((demand.instances_running() - 9.8).abs() < 1e-9);
    // Each alone: one actor run of 3 + 3.5 s begins a second. Ten together: one of 3 + 7 s in ten seconds.
    let setup = line(&[]).setup();
    assert!((demand.actor_runs(&setup, Sharing::Nobody) - 6.5).abs() < 1e-9);
    assert!((demand.actor_runs(&setup, Sharing::Everybody) - 1.0).abs() < 1e-9);
    // A DEEP reads posts too, three lists in 6.5 s.
    let deep = Load { mix: "0:1:0".parse().unwrap(), ..cold };
    let demand = Demand { load: deep, figures: &figures };
    assert!((demand.actor_runs(&setup, Sharing::Everybody) - (1.0 + 6.5 / 3.0)).abs() < 1e-9);
    // What is cached reads nothing.
    let cached = Demand { load: Load { cached_share: 1.0, ..deep }, figures: &figures };
    assert_eq!(cached.actor_runs(&setup, Sharing::Nobody), 0.0);
    assert_eq!(cached.post_lists_per_s(), 0.0);
}

#[test]
fn a_factor_on_the_time_of_actors_is_one_on_how_many_run() {
    let figures = Figures::read().unwrap();
    let demand = Demand { load: load(100.0), figures: &figures };
    let runs = |factor: &str| demand.actor_runs(&line(&["--actor-time-factor", factor]).setup(), Sharing::Everybody);
    assert!((runs("3") / runs("1") - 3.0).abs() < 1e-9);
}

#[test]
fn twice_the_load_takes_twice_as_much_of_whatever_grows_and_never_less() {
    let mut random = ChaCha8Rng::seed_from_u64(18);
    let figures = Figures::read().unwrap();
    let setup = line(&["--tokens-per-minute", "openai/gpt-6-luna=1000000"]).setup();
    let fixed = ["progress_requests_of_one", "points_of_one", "subrequests_of_one"];
    for _ in 0..500 {
        let mix =
            format!("{}:{}:{}", random.random_range(1..100), random.random_range(0..100), random.random_range(0..100));
        let load = Load {
            analyses_per_minute: 10_f64.powf(random.random_range(-2.0..6.0)),
            mix: mix.parse().unwrap(),
            cached_share: random.random_range(0.0..1.0),
            polls_per_analysis: random.random_range(0.0..60.0),
        };
        let once = Demand { load, figures: &figures };
        let twice = Demand { load: load.at(2.0 * load.analyses_per_minute), figures: &figures };
        for (once, twice) in resources(&once, &setup).iter().zip(&resources(&twice, &setup)) {
            let factor = if fixed.contains(&once.name.as_str()) { 1.0 } else { 2.0 };
            assert!((twice.demand - factor * once.demand).abs() <= 1e-9 * twice.demand, "{}, {load:?}", once.name);
        }
        // What is included is included once, so a bill at least doubles beyond it, and a part of it never falls.
        for (once, twice) in costs(&once).iter().zip(&costs(&twice)) {
            assert!(twice.usd_per_month >= once.usd_per_month - 1e-9, "{}, {load:?}", once.what);
        }
    }
}

#[test]
fn more_from_the_cache_takes_no_more_of_anything() {
    let figures = Figures::read().unwrap();
    let setup = line(&[]).setup();
    let of = |cached_share| {
        let load = Load { cached_share, ..load(100.0) };
        resources(&Demand { load, figures: &figures }, &setup)
    };
    for (few, many) in of(0.1).iter().zip(&of(0.9)) {
        assert!(many.demand <= few.demand + 1e-9, "{}", few.name);
    }
}

#[test]
fn a_limit_that_no_setting_moves_is_named() {
    let (few, many) = (at(1.0), at(10_000.0));
    assert!(few.iter().all(|resource| !matches!(resource.state(), State::Unmovable | State::Settings)));
    assert_eq!(named(&many, "workflow_creations").state(), State::Unmovable, "167 a second, and 100 are allowed");
    let args = line(&["--analyses-per-minute", "10000"]);
    let text = report::markdown(&args.loads(), &args.setup(), &Figures::read().unwrap());
    assert!(text.contains("No setting moves `workflow_creations`: shard"), "{text}");
}

#[test]
fn the_first_limit_is_the_one_of_which_most_is_used() {
    let all = at(100.0);
    let first = first(&all).unwrap();
    let most = all.iter().filter(|it| !it.is_soft).filter_map(Resource::utilisation).fold(0.0, f64::max);
    assert_eq!(first.utilisation(), Some(most));
    assert_eq!(first.name, "actor_runs_shared");
}

#[test]
fn where_requests_begin_to_share_nothing_is_refused() {
    let all = at(10_000.0);
    assert_eq!(named(&all, "actor_runs_unshared").state(), State::Slower);
    assert_eq!(named(&all, "actor_runs_shared").state(), State::Settings);
}

#[test]
fn a_limit_is_reached_where_its_demand_equals_it() {
    let (figures, setup) = (Figures::read().unwrap(), line(&[]).setup());
    let reached = |name: &str, most| reached_at(load(1.0), &setup, &figures, name, most);
    assert!((reached("workflow_creations", false).unwrap() - 6_000.0).abs() < 1.0, "100 a second");
    let runs = reached("actor_runs_shared", false).unwrap();
    assert!((named(&at(runs), "actor_runs_shared").demand - 10.0).abs() < 1e-3);
    // 256 runs instead of 10.
    assert!((reached("actor_runs_shared", true).unwrap() / runs - 25.6).abs() < 1e-3);
    assert_eq!(reached("points_of_one", false), None, "it does not grow");
    assert_eq!(reached("tokens:openai/gpt-6-luna", false), None, "nobody said its limit");
}

#[test]
fn a_limit_that_is_given_counts() {
    let figures = Figures::read().unwrap();
    let setup = line(&["--tokens-per-minute", "openai/gpt-6-luna=1000"]).setup();
    let all = resources(&Demand { load: load(100.0), figures: &figures }, &setup);
    assert_eq!(first(&all).unwrap().name, "tokens:openai/gpt-6-luna");
}

/// `ai.cost_usd.{light,deep,xray}` of docs/performance.md: the model must come near to what was measured.
#[test]
fn the_models_cost_what_the_benchmark_measured() {
    let figures = Figures::read().unwrap();
    for (mix, kind, measured) in [
        ("1:0:0", AnalysisType::Light, 0.00034),
        ("0:1:0", AnalysisType::Deep, 0.0040),
        ("0:0:1", AnalysisType::Xray, 0.0130),
    ] {
        let load = Load { mix: mix.parse().unwrap(), ..load(60.0) };
        let usd: f64 = Demand { load, figures: &figures }.tokens(false).values().map(|tokens| tokens.usd_per_s).sum();
        assert!((usd / measured - 1.0).abs() < 0.35, "{}: {usd}, measured {measured}", kind.as_str());
    }
}

#[test]
fn senseless_options_are_refused() {
    for options in [
        ["--mix", "1:2"],
        ["--mix", "0:0:0"],
        ["--mix", "1:-1:1"],
        ["--cached", "101"],
        ["--analyses-per-minute", "0"],
        ["--analyses-per-minute", "many"],
        ["--analyses-per-minute", "NaN"],
        ["--tokens-per-minute", "gpt=5"],
    ] {
        assert!(Line::try_parse_from(std::iter::once("capacity").chain(options)).is_err(), "{options:?}");
    }
    assert!(Line::try_parse_from(["capacity", "--write", "--polls", "3"]).is_err(), "the document is of no options");
}

#[test]
fn numbers_have_three_digits() {
    for (value, text) in [
        (0.0, "0"),
        (0.001_234, "0.00123"),
        (1.0, "1"),
        (12.345, "12.3"),
        (999.4, "999"),
        (1_234.0, "1,230"),
        (432e6, "432,000,000"),
    ] {
        assert_eq!(number(value), text);
    }
}
