//! `stack up`: set-up and builds, then the parts in their order, then a user and a token.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;
use serde_json::json;

use crate::http::Http;
use crate::postgres::database::User;
use crate::postgres::{self, PgUrl, Server, database};
use crate::private::{prefixed_secret, secret};
use crate::project::Project;
use crate::stack::part::Part;
use crate::stack::pooler::PoolerKind;
use crate::stack::processes::Launch;
use crate::stack::programs::Built;
use crate::stack::state::State;
use crate::stack::supervise::{Plan, ensure, port};
use crate::stack::versions::{self, Wanted};
use crate::stack::worker::Surroundings;
use crate::stack::{Document, Layout, Speed, WorkerSettings, down, pooler, programs, sandbox, worker};
use crate::stamp::short_hash;
use crate::step::step;
use crate::{build, setup};

/// The user that a new stack starts with.
const FIRST_USER: &str = "demo";
const FIRST_CREDITS: i32 = 100;

/// The database's name on a server of our own.
pub const DATABASE: &str = "oslira";

#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// Delete the data first.
    pub fresh: bool,
    /// `None` for the same speed as last time.
    pub speed: Option<Speed>,
    /// How long workflows wait before they begin, in real seconds; `None` for as long as last time.
    pub engine_start_delay_s: Option<u32>,
    /// A factor on how many requests a client may send; `None` for the same as last time, at first 1.
    pub rate_limit_scale: Option<u32>,
    pub versions: Wanted,
    /// They are not remembered.
    pub settings: WorkerSettings,
    /// Run the programs that the stack has already.
    pub no_build: bool,
    /// Build the Worker as it is deployed, which takes most of a minute longer.
    pub optimize: bool,
    /// The data need not survive a power cut, which makes the database of a test stack much faster.
    pub throw_away: bool,
    pub pooler: PoolerKind,
}

/// Starts the stack, or repairs it, and describes it.
pub fn up(project: &Project, layout: &Layout, options: &UpOptions) -> Result<Document> {
    let tools = setup::run(project)?;
    let no_build = options.no_build || std::env::var_os("OSLIRA_NO_BUILD").is_some_and(|value| value == "1");
    let built = if no_build { None } else { Some(build_programs(project, &tools, options.optimize)?) };
    let pooler = pooler::choose(project, layout, options.pooler)?;
    // Locked only after the builds, so that another command for this stack does not wait for the compiler.
    let _alone = layout.lock()?;
    let mut state = state(project, layout, options)?;
    if let Some(built) = built {
        programs::copy(&built, layout, &mut state)?;
        worker::copy(project, layout, &mut state)?;
    }
    state.save(layout)?;

    let database = start_database(project, layout, &mut state)?;
    let pooled = pooler::start(project, layout, &mut state, pooler.as_ref(), &database)?;
    let jwt_secret = secret(&layout.jwt_secret())?;
    let sandbox_token = secret(&layout.sandbox_token())?;
    let stripe_webhook_secret = prefixed_secret(&layout.stripe_webhook_secret(), "whsec_")?;
    let sandbox_url = sandbox::start(layout, &mut state, &database)?;
    let around = Surroundings {
        node: &tools.node,
        database: &pooled,
        sandbox_url: &sandbox_url,
        jwt_secret: &jwt_secret,
        stripe_webhook_secret: &stripe_webhook_secret,
        settings: options.settings,
    };
    let api_url = worker::start(project, layout, &mut state, &around)?;
    state.save(layout)?;

    let user = database::mint_user(&database, FIRST_USER, FIRST_CREDITS)?;
    let document = Document {
        env: "local".to_owned(),
        speed: state.speed,
        scheduled_url: worker::scheduled_url(layout, &mut state)?,
        api_url,
        database_url: database.to_string(),
        token: mint_token(&sandbox_url, &sandbox_token, &user)?,
        sandbox_url,
        sandbox_token,
        user_id: user.user_id,
        account_id: user.account_id,
        business_profile_id: user.business_profile_id,
        pids: state.processes.iter().map(|(part, running)| (*part, running.process.pid)).collect(),
    };
    document.save(layout)?;
    Ok(document)
}

/// Starts the database of a fresh stack, whose data need not survive a power cut, and nothing else of it. Stopped like any stack.
pub fn database_alone(project: &Project, layout: &Layout) -> Result<PgUrl> {
    let _alone = layout.lock()?;
    let options = UpOptions { fresh: true, throw_away: true, ..UpOptions::default() };
    let mut state = state(project, layout, &options)?;
    state.save(layout)?;
    start_database(project, layout, &mut state)
}

/// Compiles the Worker and the native programs side by side: they share no build directory, and the end of the Worker's
/// build keeps one core busy only.
fn build_programs(project: &Project, tools: &setup::Tools, optimize: bool) -> Result<Built> {
    std::thread::scope(|scope| {
        let native = scope.spawn(|| programs::build(project));
        build::worker(project, tools, optimize)?;
        native.join().map_err(|_| anyhow!("the thread that compiled the native programs died"))?
    })
}

/// A token for a user, signed with the sandbox's key.
pub fn mint_token(sandbox_url: &str, sandbox_token: &str, user: &User) -> Result<String> {
    let http = Http::new(Duration::from_secs(5));
    let body = json!({"sub": user.user_id, "email": user.email});
    let answer = http.post(&format!("{sandbox_url}/control/tokens"), Some(sandbox_token), &body)?;
    let token = answer.body.get("token").and_then(|token| token.as_str());
    token.map(str::to_owned).with_context(|| format!("the sandbox minted no token: {} {}", answer.status, answer.body))
}

fn state(project: &Project, layout: &Layout, options: &UpOptions) -> Result<State> {
    let known = State::load(layout);
    let mut state = if options.fresh {
        // A state that is damaged or another stack's names nothing that may be stopped.
        forget(project, layout, known.ok().flatten())?;
        State { throw_away: options.throw_away, ..State::default() }
    } else if let Some(state) = known? {
        state
    } else if postgres::external()?.is_none() && Server::of_stack(project, layout.dir())?.has_data() {
        bail!(
            "{} has a database, but state.json is missing: `cargo xtask stack up --fresh` deletes the database and starts anew",
            layout.dir().display()
        );
    } else {
        State { throw_away: options.throw_away, ..State::default() }
    };
    state.speed = options.speed.unwrap_or(state.speed);
    state.engine_start_delay_s = options.engine_start_delay_s.unwrap_or(state.engine_start_delay_s);
    state.rate_limit_scale = options.rate_limit_scale.or(state.rate_limit_scale);
    versions::want(&mut state, &options.versions)?;
    Ok(state)
}

/// Stops a stack and deletes all that it holds.
pub fn delete(project: &Project, layout: &Layout) -> Result<()> {
    let _alone = layout.lock()?;
    forget(project, layout, State::load(layout)?)
}

fn forget(project: &Project, layout: &Layout, known: Option<State>) -> Result<()> {
    match known {
        Some(mut state) => down::stop_all(layout, &mut state)?,
        None => down::stop_forgotten(layout)?,
    }
    layout.delete_state()?;
    match postgres::external()? {
        Some(server) => database::drop(&server, &external_database(layout)),
        None => Server::of_stack(project, layout.dir())?.delete(),
    }
}

fn external_database(layout: &Layout) -> String {
    format!("oslira_{}", short_hash(layout.dir().as_os_str().as_encoded_bytes()))
}

fn start_database(project: &Project, layout: &Layout, state: &mut State) -> Result<PgUrl> {
    let url = match postgres::external()? {
        Some(server) => {
            let name = external_database(layout);
            database::create(&server, &name).context("DATABASE_URL is set, but cannot be used")?;
            server.with_database(&name)
        }
        None => start_server(project, layout, state)?,
    };
    let supabase = project.root().join("supabase");
    step("applying migrations", || database::migrate(&url, &supabase))?;
    Ok(url)
}

fn start_server(project: &Project, layout: &Layout, state: &mut State) -> Result<PgUrl> {
    let port = port(layout, state, Part::Postgres)?;
    let server = Server::of_stack(project, layout.dir())?;
    let password = secret(&layout.database_password())?;
    let url = PgUrl::local(port, &password, "postgres");
    let (throw_away, log) = (state.throw_away, layout.log(Part::Postgres));
    let mut launch = || {
        let command = server.prepare(project, port, &password, throw_away)?;
        Ok(Launch { command, log: log.clone(), user: server.process_user() })
    };
    let check = || database::answers(&url);
    let plan = Plan {
        part: Part::Postgres,
        fingerprint: format!("{port} {throw_away}"),
        stop: Signal::INT,
        launch: &mut launch,
        check: &check,
        patience: Duration::from_secs(30),
    };
    step("starting Postgres", || ensure(layout, state, plan))?;
    database::create(&url, DATABASE)?;
    Ok(url.with_database(DATABASE))
}
