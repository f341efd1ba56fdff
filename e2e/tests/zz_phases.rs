//! Kills workerd with SIGKILL in every phase of a run: the run continues where it was, ends in exactly one way and pays
//! for nothing twice.
//!
//! A phase that waits for an outside service is held in the sandbox. A phase that only uses the database is held by a
//! lock that this test takes on the run's row: the statement waits, loses its client by the kill, and is still executed
//! when the lock is released, either before the engine is back or while it repeats the step.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use oslira_e2e::{Part, Stack, User, eventually, handle};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_postgres::Client as Sql;
use uuid::Uuid;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The repaired stack, with the circuit breaker closed.
async fn whole_stack() -> Stack {
    let stack = Stack::load().repair().await;
    stack.close_breaker().await;
    stack
}

/// Where the run is when workerd is killed.
#[derive(Debug, Clone, Copy)]
struct Phase {
    /// The first word of the handle.
    who: &'static str,
    /// The call that is held. For a phase in the database, the row is locked before this call is released.
    call: &'static str,
    /// The statement that waits for the row, and the strength of the lock. `record_usage` only checks the run's row by
    /// a foreign key, which waits for `for update` alone; the others update the row.
    statement: Option<(&'static str, &'static str)>,
    /// The row's `phase` at that moment.
    reached: &'static str,
    /// How many calls of the model are allowed in all, and how the run ends.
    chats_max: usize,
    end: (&'static str, &'static str),
}

const RESULT: (&str, &str) = ("complete", "result");
const REFUND: (&str, &str) = ("failed", "refunded");

const fn calling(call: &'static str, reached: &'static str, chats_max: usize) -> Phase {
    Phase { who: "coffee", call, statement: None, reached, chats_max, end: RESULT }
}

const fn stating(after: &'static str, statement: &'static str, lock: &'static str, reached: &'static str) -> Phase {
    Phase { who: "coffee", call: after, statement: Some((statement, lock)), reached, chats_max: 1, end: RESULT }
}

/// In the order of a run. The step `take-up` has a test of its own below, because no call comes before it.
const PHASES: [Phase; 9] = [
    calling("apify.start", "scraping", 1),
    calling("apify.poll", "scraping", 1),
    calling("apify.items", "scraping", 1),
    stating("apify.items", "record_usage", "update", "scraping"),
    // The snapshot is stored; the heartbeat before the AI call waits.
    stating("apify.items", "advance_run", "no key update", "scraping"),
    calling("openai.chat", "analyzing", 2),
    // The answer has arrived but its step is not finished, so the call is repeated.
    Phase { chats_max: 2, ..stating("openai.chat", "record_usage", "update", "analyzing") },
    stating("openai.chat", "complete_run", "no key update", "analyzing"),
    Phase {
        who: "notfound",
        chats_max: 0,
        end: REFUND,
        ..stating("apify.items", "fail_run", "no key update", "scraping")
    },
];

/// An open transaction that holds a row lock.
struct Lock(Sql);

impl Lock {
    async fn of_run(stack: &Stack, run: &str, strength: &str) -> Self {
        Self::take(stack, &format!("select from runs where id = $1 for {strength}"), run.parse().unwrap()).await
    }

    async fn take(stack: &Stack, select: &str, id: Uuid) -> Self {
        let sql = stack.sql().await;
        sql.batch_execute("begin").await.unwrap();
        assert_eq!(sql.execute(select, &[&id]).await.unwrap(), 1);
        Self(sql)
    }

    /// Waits until a statement whose name contains this text waits for the row. Each call names itself by its beginning.
    async fn until_met_by(&self, stack: &Stack, statement: &str) {
        let watch = stack.sql().await;
        let holder: i32 = self.0.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        let waiting =
            "select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid)) and application_name like $2";
        let pattern = format!("%{statement}%");
        eventually(&format!("{statement} to wait for the row"), async || {
            let waiting: i64 = watch.query_one(waiting, &[&holder, &pattern]).await.unwrap().get(0);
            (waiting > 0).then_some(())
        })
        .await;
    }

    async fn release(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

async fn kill_workerd(stack: &Stack) {
    stack.kill(Part::Workerd).await;
    let health = format!("{}/health", stack.api_url);
    eventually("the API to be gone", async || stack.http().get(&health).send().await.is_err().then_some(())).await;
}

/// Kills workerd and starts it again; the lock is released before or after the start.
async fn kill_and_restart(stack: &Stack, lock: Lock, release_first: bool) -> Stack {
    kill_workerd(stack).await;
    if release_first {
        lock.release().await;
        return stack.repair().await;
    }
    let stack = stack.repair().await;
    lock.release().await;
    stack
}

/// Starts a run, kills workerd in the phase and waits for the run's end.
async fn kill_in(phase: Phase, release_first: bool) {
    let case = format!("{phase:?}, lock released first: {release_first}");
    let stack = whole_stack().await;
    let user = User::new(&stack, 10).await;
    let username = handle(phase.who);
    let held = stack.hold(phase.call, &username).await;
    let run = user.start(&username).await;
    stack.until_received(phase.call, &username).await;
    // The scrape was asked for with the purchase, and may be ahead of the run.
    until_reached(&stack, &case, &run, phase.reached).await;
    let stack = match phase.statement {
        None => {
            kill_workerd(&stack).await;
            let stack = stack.repair().await;
            assert_eq!(user.run(&run).await["status"], "processing", "{case}: still held");
            stack.release(held).await;
            stack
        }
        Some((statement, strength)) => {
            let lock = Lock::of_run(&stack, &run, strength).await;
            stack.release(held).await;
            lock.until_met_by(&stack, statement).await;
            assert_reached(&stack, &case, &run, Some(phase.reached)).await;
            kill_and_restart(&stack, lock, release_first).await
        }
    };
    let ended = user.end_of(&run).await;
    assert_ended_once(&stack, &user, &case, &username, &ended, phase.end).await;
    let chats = stack.received("openai.chat", &username).await.len();
    assert!((phase.chats_max.min(1)..=phase.chats_max).contains(&chats), "{case}: {chats} calls of the model");
}

async fn phase_of(sql: &Sql, run: &str) -> Option<String> {
    sql.query_one("select phase from runs where id = $1::text::uuid", &[&run]).await.unwrap().get(0)
}

async fn assert_reached(stack: &Stack, case: &str, run: &str, phase: Option<&str>) {
    assert_eq!(phase_of(&stack.sql().await, run).await.as_deref(), phase, "{case}");
}

async fn until_reached(stack: &Stack, case: &str, run: &str, phase: &str) {
    let sql = stack.sql().await;
    eventually(&format!("the phase of {case}"), async || {
        (phase_of(&sql, run).await.as_deref() == Some(phase)).then_some(())
    })
    .await;
}

/// Asserts one end, one charge, at most one refund or result, one scrape that is billed once, and a clean audit.
async fn assert_ended_once(stack: &Stack, user: &User, case: &str, username: &str, run: &Value, end: (&str, &str)) {
    assert_eq!((&run["status"], &run["charge_outcome"]), (&json!(end.0), &json!(end.1)), "{case}: {run}");
    let id = run["id"].as_str().unwrap();
    let refunds = i64::from(end == REFUND);
    assert_eq!((user.movements(id, "charge").await, user.movements(id, "refund").await), (1, refunds), "{case}");
    let results = "select count(*) from analyses where run_id = $1::text::uuid";
    let results: i64 = stack.sql().await.query_one(results, &[&id]).await.unwrap().get(0);
    assert_eq!(results, 1 - refunds, "{case}: results");
    assert_eq!(stack.received("apify.run", username).await.len(), 1, "{case}: scrapes that were bought");
    assert_eq!(user.bills("scrape_logs", id).await.len(), 1, "{case}: scrapes that were billed");
    let answered = stack.received("openai.chat", username).await;
    let answered = answered.iter().filter(|call| call["status"] == 200).count();
    let billed = user.bills("ai_usage_logs", id).await.len();
    assert!((answered.min(1)..=answered).contains(&billed), "{case}: {billed} bills of {answered} answers");
    let progress = user.get(&format!("/runs/{id}/progress")).await;
    assert_eq!(progress.data(200)["status"], end.0, "{case}: what watchers see");
    user.settles_at(9 + refunds).await;
    stack.assert_books_are_whole().await;
}

#[tokio::test]
async fn workerd_killed_in_every_phase_of_a_run() {
    let _turn = ONE_AT_A_TIME.lock().await;
    for phase in PHASES {
        kill_in(phase, false).await;
        if phase.statement.is_some() {
            kill_in(phase, true).await;
        }
    }
}

#[tokio::test]
async fn workerd_killed_while_a_run_is_taken_up() {
    let _turn = ONE_AT_A_TIME.lock().await;
    for release_first in [false, true] {
        let case = format!("take-up, lock released first: {release_first}");
        let stack = whole_stack().await;
        let user = User::new(&stack, 10).await;
        let username = handle("coffee");
        // Two minutes without a heartbeat: enough for the five-minute job to start it, too few to fail it.
        let run = user.charged_but_not_started(&username, 2).await;
        let lock = Lock::of_run(&stack, &run, "no key update").await;
        stack.run_five_minute_job().await;
        lock.until_met_by(&stack, "advance_run").await;
        assert_reached(&stack, &case, &run, None).await;
        let stack = kill_and_restart(&stack, lock, release_first).await;
        let ended = user.end_of(&run).await;
        assert_ended_once(&stack, &user, &case, &username, &ended, RESULT).await;
        assert_eq!(stack.received("openai.chat", &username).await.len(), 1, "{case}");
    }
}

/// A DEEP or XRAY run, killed when all other calls are done and the second attempt of `open` is under way: only this
/// attempt is repeated, and not the first attempt of `open` either.
async fn kill_while_one_question_is_open(analysis_type: &str, calls: &[&str], open: &str) {
    let case = format!("{analysis_type} {open}");
    let stack = whole_stack().await;
    let user = User::new(&stack, 10).await;
    let username = handle("coffee");
    let needles = [username.clone(), format!("\"call\":\"{open}\"")];
    let first = stack.plant("openai.chat", "malformed", &needles, json!({ "times": 1 })).await;
    let held = stack.hold("openai.chat", &needles).await;
    let run = user.start_order(&user.analysis_as(&username, analysis_type)).await;
    let asked = async |call: &str| {
        let received = stack.received("openai.chat", &run).await;
        received.iter().filter(|received| received["metadata"]["call"] == call).count()
    };
    eventually("all but the second attempt to be billed", async || {
        let billed = user.bills("ai_usage_logs", &run).await.len();
        (asked(open).await == 2 && billed == calls.len()).then_some(())
    })
    .await;
    kill_workerd(&stack).await;
    let stack = stack.repair().await;
    stack.release(first).await;
    stack.release(held).await;

    let ended = user.end_of(&run).await;
    assert_eq!((&ended["status"], &ended["charge_outcome"]), (&json!("complete"), &json!("result")), "{case}: {ended}");
    for call in calls {
        assert_eq!(asked(call).await, if *call == open { 3 } else { 1 }, "{case}: questions of {call}");
    }
    assert_eq!(user.bills("ai_usage_logs", &run).await.len(), calls.len() + 1, "{case}: bills");
    assert_eq!(stack.received("apify.run", &username).await.len(), 2, "{case}: scrapes that were bought");
    let (ai, scrape) = user.billed_microusd(&run).await;
    assert_eq!(user.cost_of(&ended).await["total_microusd"].as_i64(), Some(ai + scrape), "{case}");
    assert_eq!(user.movements(&run, "charge").await, 1, "{case}");
    user.settles_at(10 - ended["credits"].as_i64().unwrap()).await;
    stack.assert_books_are_whole().await;
}

#[tokio::test]
async fn workerd_killed_while_one_of_several_questions_is_open() {
    let _turn = ONE_AT_A_TIME.lock().await;
    kill_while_one_question_is_open("DEEP", &["verdict", "needs", "approach", "outreach", "personality"], "outreach")
        .await;
    let xray = ["verdict", "motives", "openness", "money", "deal", "outreach", "personality"];
    kill_while_one_question_is_open("XRAY", &xray, "deal").await;
}

#[tokio::test]
async fn workerd_killed_while_one_of_two_scrapes_is_open() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let stack = whole_stack().await;
    let user = User::new(&stack, 10).await;
    let username = handle("coffee");
    let held = stack.plant("apify.items", "hold", &username, json!({ "times": 1 })).await;
    let run = user.start_order(&user.analysis_as(&username, "DEEP")).await;
    eventually("one scrape billed and the other held", async || {
        let asked = stack.received("apify.items", &username).await.len();
        (asked == 2 && user.bills("scrape_logs", &run).await.len() == 1).then_some(())
    })
    .await;
    kill_workerd(&stack).await;
    let stack = stack.repair().await;
    stack.release(held).await;
    let ended = user.end_of(&run).await;
    assert_eq!((&ended["status"], &ended["charge_outcome"]), (&json!("complete"), &json!("result")), "{ended}");
    assert_eq!(stack.received("apify.run", &username).await.len(), 2, "scrapes that were bought");
    assert_eq!(user.bills("scrape_logs", &run).await.len(), 2, "scrapes that were billed");
    let (ai, scrape) = user.billed_microusd(&run).await;
    assert_eq!(user.cost_of(&ended).await["total_microusd"].as_i64(), Some(ai + scrape));
    user.settles_at(5).await;
    stack.assert_books_are_whole().await;
}

/// The request is lost while it waits for the balance's row lock: the client does not know whether it was charged, and
/// no workflow was started. With the same idempotency key the client gets one analysis for one charge.
#[tokio::test]
async fn workerd_killed_between_charge_and_start() {
    let _turn = ONE_AT_A_TIME.lock().await;
    for release_first in [false, true] {
        let case = format!("charge, lock released first: {release_first}");
        let stack = whole_stack().await;
        let user = User::new(&stack, 10).await;
        let (username, key) = (handle("coffee"), Uuid::new_v4().to_string());
        let balance = "select from credit_balances where account_id = $1 for update";
        let lock = Lock::take(&stack, balance, user.account_id).await;
        let asked = user.analyze_request(&user.analysis_of(&username)).header("idempotency-key", &key).send();
        let asked = tokio::spawn(asked);
        lock.until_met_by(&stack, "begin_analysis").await;
        let stack = kill_and_restart(&stack, lock, release_first).await;
        assert!(asked.await.unwrap().is_err(), "{case}: the answer is lost");

        let again = user.analyze_once(&username, &key).await;
        let run = again.data(202)["run_id"].as_str().unwrap().to_owned();
        let ended = user.end_of(&run).await;
        assert_ended_once(&stack, &user, &case, &username, &ended, RESULT).await;
        let runs = user.get("/runs").await.data(200)["items"].as_array().unwrap().len();
        assert_eq!(runs, 1, "{case}: one request, one run");
    }
}
