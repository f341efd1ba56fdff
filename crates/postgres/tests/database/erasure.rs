//! The erasure of a profile: nothing of it is left in any row of any table, no money is lost, and nobody analyses it again.

use oslira_app::{
    features::{
        auth::{Operator, Reason},
        erasure::{
            BeginOutcome, Erasure, ErasureDesk as _, ErasureRecords as _, ErasureState, InstagramId, NewErasure, Proof,
        },
    },
    shared::ids::RunId,
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bulk::{Purchase, ask, buy, buy_as, carry_on},
    operators::acting,
    support::{Request, Stage, ai_usage, begin, begun, complete_with, fail, lead, record_usage, result, scrape_usage},
};

const NAME: &str = "livia.runs_77";
const FORMER: &str = "livia_before_77";
const OTHERS: &str = "somebody.else_77";
const ID: &str = "7700770077";

fn request(username: &str, instagram_id: Option<&str>) -> NewErasure {
    NewErasure {
        id: Uuid::now_v7(),
        username: username.parse().unwrap(),
        instagram_id: instagram_id.map(|id| InstagramId::parse(id).unwrap()),
        proof: Proof::parse("Ticket 123").unwrap(),
    }
}

fn erasure_of(outcome: BeginOutcome) -> Erasure {
    match outcome {
        BeginOutcome::Begun { erasure } | BeginOutcome::Repeated { erasure } => erasure,
        BeginOutcome::NamesSubject => panic!("refused"),
    }
}

async fn operator(stage: &Stage) -> Result<Operator, Error> {
    let user = stage.database.member("operator", 0).await?.user_id;
    stage.appoint(user).await?;
    Ok(acting(user))
}

/// As the job does, with batches of this size; the runs that it ended.
async fn work_off(stage: &Stage, erasure: Uuid, batch: u32) -> Vec<Uuid> {
    let admin = stage.admin();
    let (mut ended, mut deleted) = (vec![], vec![]);
    loop {
        let runs = admin.end_runs(erasure, batch).await.unwrap();
        if runs.is_empty() {
            break;
        }
        ended.extend(runs.iter().map(|run| run.uuid()));
    }
    loop {
        let slice = admin.erase(erasure, batch, &deleted).await.unwrap();
        if !slice.more {
            break;
        }
        assert!(slice.taken > 0 || !slice.instances.is_empty(), "it does not get on");
        deleted = slice.instances;
    }
    while admin.erase_from_bulks(erasure, batch).await.unwrap() {}
    ended
}

/// Every table with a row that has this text anywhere, in whatever column.
async fn tables_with(stage: &Stage, text: &str) -> Result<Vec<String>, Error> {
    let mut found = vec![];
    for table in crate::catalog::tables(&stage.superuser).await? {
        let sql = format!("select count(*) from public.{table} t where position(lower($1) in lower(t::text)) > 0");
        if stage.superuser.query_one(&sql, &[&text]).await?.get::<_, i64>(0) > 0 {
            found.push(table);
        }
    }
    Ok(found)
}

fn lead_of(username: &str, id: &str, renamed_to: Option<&str>) -> Value {
    let mut facts = lead("2026-01-01T00:00:00Z", 1_000);
    facts["username"] = json!(username);
    facts["instagram_id"] = json!(id);
    facts["profile_pic_url"] = json!(format!("https://cdn.test/{username}.jpg"));
    if let Some(name) = renamed_to {
        facts["renamed_to"] = json!(name);
    }
    facts
}

/// A complete analysis with a bill whose key has the name, as one of a shared actor run has.
async fn analysed(
    stage: &Stage,
    session: &oslira_testkit::Session,
    request: &Request,
    facts: &Value,
) -> Result<Uuid, Error> {
    let run = begun(session, request).await?;
    let mut usage = scrape_usage();
    usage["username"] = json!(request.username);
    record_usage(&stage.backend, run, "scrape", &format!("run-{}-{run}", request.username), &usage).await?;
    record_usage(&stage.backend, run, "ai", &format!("ai-{run}"), &ai_usage()).await?;
    crate::support::advance(&stage.backend, run, "saving").await?;
    let mut judged = result(70);
    judged["snapshot_key"] = json!(format!("snapshots/{}/1.json", request.username));
    judged["result"]["profile"] = json!({ "username": request.username });
    let done = complete_with(&stage.backend, run, facts, &judged).await?;
    assert_eq!(done["outcome"], "completed", "{done}");
    Ok(done["lead_id"].as_str().unwrap().parse().unwrap())
}

/// Two accounts with everything that can name somebody.
async fn furnish(stage: &Stage) -> Result<(), Error> {
    let ann = &stage.customer;
    let other = stage.database.member("bob", 20).await?;
    let bob = stage.database.customer(other.user_id).await?;
    let marked =
        analysed(stage, ann, &stage.request(NAME).keyed("livia.runs_77 once"), &lead_of(NAME, ID, None)).await?;
    ann.call("select api.mark_lead_outcome($1, $2, 'won')", &[&stage.member.account_id, &marked]).await?;
    ann.call("select api.add_lead_note($1, $2, 'livia.runs_77 likes cake')", &[&stage.member.account_id, &marked])
        .await?;
    let search = "select api.save_lead_filter($1, 'livia.runs_77', '{\"q\": \"livia.runs_77\"}')";
    ann.call(search, &[&stage.member.account_id]).await?;
    // Under the name that she had before, deleted by its customer, in another account.
    let former = lead_of(FORMER, ID, Some(NAME));
    let deleted = analysed(stage, &bob, &Request::new(&other, FORMER), &former).await?;
    bob.call("select api.delete_lead($1, $2)", &[&other.account_id, &deleted]).await?;
    analysed(stage, &bob, &Request::new(&other, NAME).of_type("DEEP"), &lead_of(NAME, ID, None)).await?;
    // Somebody else stays.
    analysed(stage, &bob, &Request::new(&other, OTHERS), &lead_of(OTHERS, "88", None)).await?;
    let failed = begun(&bob, &Request::new(&other, NAME)).await?;
    fail(&stage.backend, failed).await?;
    // Long ago, so that the analyses hold.
    stage.backend.call("select to_jsonb(system.mark_stale($1, '2025-01-01'))", &[&NAME]).await?;
    // Held, skipped, bought, and waiting behind a pilot.
    let fresh = json!({ "fresh_within_days": 30 });
    buy(stage, &Purchase::of(&[NAME, OTHERS]).of_type("DEEP").keyed("list of livia.runs_77")).await?;
    buy(stage, &Purchase::of(&[NAME, "third_77"]).of_type("DEEP").keyed("skips")).await?;
    buy_as(&bob, &other, &Purchase::of(&[FORMER, NAME, "fourth_77"]).of_type("DEEP").with(fresh)).await?;
    buy_as(&bob, &other, &Purchase::of(&["fifth_77", FORMER]).with(json!({ "pilot": 1 }))).await?;
    Ok(())
}

#[tokio::test]
async fn after_an_erasure_no_row_of_any_table_has_a_name_or_the_id_and_no_credit_is_lost() -> TestResult {
    let stage = Stage::with_credits(40).await?;
    let operator = operator(&stage).await?;
    furnish(&stage).await?;
    let before = tables_with(&stage, NAME).await?;
    for table in
        ["analyses", "bulk_runs", "lead_filters", "lead_notes", "leads", "profile_changes", "runs", "scrape_logs"]
    {
        assert!(before.contains(&table.to_owned()), "{table} is not in {before:?}");
    }

    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap());
    assert_eq!(erasure.state, ErasureState::Open);
    // In small batches, so that it goes on from slice to slice.
    let ended = work_off(&stage, erasure.id, 1).await;
    assert_eq!(ended.len(), 2, "the lines of the lists that were under way");
    for run in ended {
        assert_eq!(stage.run_field(run, "status").await?.as_deref(), Some("failed"));
        assert_eq!(stage.run_field(run, "error_code").await?.as_deref(), Some("subject_erased"));
        assert_eq!(stage.run_field(run, "charge_outcome").await?.as_deref(), Some("refunded"));
    }
    assert_eq!(tables_with(&stage, FORMER).await?, ["erasures"], "until it is done");
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());
    for text in [NAME, FORMER, ID] {
        assert_eq!(tables_with(&stage, text).await?, [""; 0], "{text}");
    }
    let done = stage.operators().find(&operator, erasure.id).await.unwrap().unwrap();
    assert_eq!(done.state, ErasureState::Done);

    // Somebody else's lead, and what was bought, are there.
    assert!(tables_with(&stage, OTHERS).await?.contains(&"leads".to_owned()));
    assert_eq!(stage.count("leads").await?, 1);
    assert_eq!(stage.count("lead_outcomes").await?, 0);
    assert!(stage.count("runs where username = 'erased..'").await? >= 5);
    assert_eq!(stage.count("scrape_logs where username = 'erased..'").await?, 3);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_erased_profile_is_refused_before_the_charge_alone_in_a_list_and_behind_a_pilot() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let operator = operator(&stage).await?;
    let piloted = Purchase::of(&["first_77", NAME]).with(json!({ "pilot": 1 }));
    buy(&stage, &piloted).await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap());
    let balance = stage.balance().await?;

    // Before the job has come, too.
    assert_eq!(begin(&stage.customer, &stage.request(NAME)).await?, json!({ "outcome": "subject_erased" }));
    let dry = ask(&stage, &Purchase::of(&["a_77", NAME, "b_77"]).with(json!({ "dry_run": true }))).await?;
    assert_eq!((&dry["outcome"], &dry["erased"], &dry["credits"]), (&json!("dry_run"), &json!([2]), &json!(2)));
    let bought = buy(&stage, &Purchase::of(&["a_77", NAME, "b_77"])).await?;
    assert_eq!((&bought["erased"], bought["items"].as_array().unwrap().len()), (&json!([2]), 2));
    assert!(!bought.to_string().contains(NAME));
    let alone = buy(&stage, &Purchase::of(&[NAME])).await?;
    assert_eq!((&alone["erased"], &alone["credits"]), (&json!([1]), &json!(0)));
    let continued = carry_on(&stage.customer, piloted.bulk).await?;
    assert_eq!((&continued["erased"], &continued["credits"]), (&json!([2]), &json!(0)));
    assert_eq!(stage.balance().await?, balance - 2);

    work_off(&stage, erasure.id, 100).await;
    assert_eq!(tables_with(&stage, NAME).await?, ["erasures"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_under_way_stores_nothing_and_a_renamed_profile_is_found_by_its_id() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let operator = operator(&stage).await?;
    let under_way = stage.begun_and(NAME, "saving").await?;
    let renamed = stage.begun_and("new_name_77", "saving").await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, Some(ID))).await.unwrap());

    let refused = json!({ "outcome": "subject_erased" });
    let complete = async |run, facts: Value| complete_with(&stage.backend, run, &facts, &result(70)).await;
    assert_eq!(complete(under_way, lead_of(NAME, ID, None)).await?, refused);
    assert_eq!(complete(renamed, lead_of("new_name_77", ID, None)).await?, refused);
    assert_eq!((stage.count("leads").await?, stage.count("analyses").await?), (0, 0));

    // The workflow says whom it met: then the new name is refused and erased too, also when the erasure was done.
    work_off(&stage, erasure.id, 100).await;
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());
    let ask = "select to_jsonb(system.refuse_erased($1, null, $2))";
    assert_eq!(stage.backend.call(ask, &[&OTHERS, &"88"]).await?, json!(false));
    assert_eq!(stage.backend.call(ask, &[&"new_name_77", &ID]).await?, json!(true));
    assert_eq!(begin(&stage.customer, &stage.request("new_name_77")).await?, refused);
    let open = stage.admin().take_up(10).await.unwrap();
    assert_eq!((open.len(), open[0].id, open[0].usernames[0].as_str()), (1, erasure.id, "new_name_77"));
    // A second run that says the same does not keep it from ending.
    assert_eq!(stage.backend.call(ask, &[&"new_name_77", &ID]).await?, json!(true));
    assert_eq!(work_off(&stage, erasure.id, 100).await, [renamed]);
    assert!(!stage.admin().end(erasure.id, erasure.found_at).await.unwrap(), "a name was found since");
    assert!(stage.admin().end(erasure.id, open[0].found_at).await.unwrap());
    assert_eq!(tables_with(&stage, "new_name_77").await?, [""; 0]);
    assert_eq!(stage.balance().await?, 10);

    // A bill that comes late does not bring the name back, and a repeat of it is known.
    let mut usage = scrape_usage();
    usage["username"] = json!(NAME);
    for is_new in [true, false] {
        let recorded = record_usage(&stage.backend, under_way, "scrape", &format!("run-{NAME}"), &usage).await?;
        assert_eq!(recorded, is_new);
    }
    let mark = "select to_jsonb(system.mark_stale($1, clock_timestamp()))";
    assert_eq!(stage.backend.call(mark, &[&NAME]).await?, json!(0));
    assert_eq!(tables_with(&stage, NAME).await?, [""; 0]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_repeat_is_the_same_erasure_and_another_person_is_not_taken_along() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let operator = operator(&stage).await?;
    let desk = stage.operators();
    // The name was somebody else's before: they have another id, and another present name. Another account knows that.
    let other = stage.database.member("bob", 20).await?;
    let bob = stage.database.customer(other.user_id).await?;
    let earlier = lead_of(NAME, "55", Some("earlier_owner_77"));
    analysed(&stage, &bob, &Request::new(&other, NAME).of_type("DEEP"), &earlier).await?;
    let mut newer = lead_of(NAME, ID, None);
    newer["scraped_at"] = json!("2026-02-01T00:00:00Z");
    analysed(&stage, &stage.customer, &stage.request(NAME), &newer).await?;
    let theirs = lead_of("earlier_owner_77", "55", None);
    analysed(&stage, &stage.customer, &stage.request("earlier_owner_77"), &theirs).await?;

    let first = desk.begin(&operator, &request(NAME, Some(ID))).await.unwrap();
    let BeginOutcome::Begun { erasure } = first else { panic!("{first:?}") };
    let again = desk.begin(&operator, &request(NAME, None)).await.unwrap();
    assert_eq!(again, BeginOutcome::Repeated { erasure });
    work_off(&stage, erasure.id, 100).await;
    assert!(tables_with(&stage, "earlier_owner_77").await?.contains(&"leads".to_owned()));
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());
    // Once more after its end: it is open again, and ends again.
    let third = erasure_of(desk.begin(&operator, &request(NAME, None)).await.unwrap());
    assert_eq!((third.id, third.state), (erasure.id, ErasureState::Open));
    work_off(&stage, erasure.id, 100).await;
    assert!(stage.admin().end(erasure.id, third.found_at).await.unwrap());
    assert_eq!(stage.count("erasures").await?, 1);
    let told = "select string_agg(outcome, ' ' order by id) from operator_actions where action = 'begin_erasure'";
    assert_eq!(stage.superuser.query_one(told, &[]).await?.get::<_, String>(0), "begun repeated repeated");
    Ok(())
}

#[tokio::test]
async fn neither_reason_nor_proof_names_the_subject_and_the_proof_ends() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let operator = operator(&stage).await?;
    let naming =
        Operator { reason: Reason::parse(&format!("Asked by {}.", NAME.to_uppercase())).unwrap(), ..operator.clone() };
    let desk = stage.operators();
    assert_eq!(desk.begin(&naming, &request(NAME, None)).await.unwrap(), BeginOutcome::NamesSubject);
    let proof = Proof::parse(&format!("The holder of id {ID} wrote")).unwrap();
    let named = NewErasure { proof, ..request(NAME, Some(ID)) };
    assert_eq!(desk.begin(&operator, &named).await.unwrap(), BeginOutcome::NamesSubject);
    assert_eq!((stage.count("erasures").await?, stage.count("erased_subjects").await?), (0, 0));

    let erasure = erasure_of(desk.begin(&operator, &request("livia", None)).await.unwrap());
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());
    let forget = "select to_jsonb(system.forget_proofs($1::text::timestamptz, 100))";
    assert_eq!(stage.backend.call(forget, &[&"2026-01-01"]).await?, json!(0));
    assert_eq!(stage.backend.call(forget, &[&"infinity"]).await?, json!(1));
    assert_eq!(stage.count("erasures where proof is not null").await?, 0);
    // The refusal is a hash that nobody can make without the database's secret value, and stays.
    assert_eq!(stage.count("erased_subjects").await?, 1);
    let plain = "erased_subjects where hash in (sha256('livia'), sha256('username:livia'))";
    assert_eq!(stage.count(plain).await?, 0);
    for change in ["delete from erased_subjects", "update erasure_pepper set pepper = sha256('x')"] {
        assert_eq!(crate::support::sqlstate(stage.execute(change, &[]).await), "23001", "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn an_account_that_somebody_holds_is_left_for_the_next_slice() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let operator = operator(&stage).await?;
    let run = stage.begun(NAME).await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap());
    let holder = stage.database.superuser().await?;
    holder.batch_execute("begin; select from credit_balances for update").await?;
    assert_eq!(stage.admin().end_runs(erasure.id, 100).await.unwrap(), []);
    let slice = stage.admin().erase(erasure.id, 100, &[]).await.unwrap();
    assert_eq!((slice.taken, slice.more), (0, true));
    assert!(!stage.admin().end(erasure.id, erasure.found_at).await.unwrap(), "a run is left");
    holder.batch_execute("rollback").await?;
    assert_eq!(work_off(&stage, erasure.id, 100).await, [run]);
    assert_eq!(stage.balance().await?, 5);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_keeps_its_name_until_the_engine_has_forgotten_it() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let operator = operator(&stage).await?;
    let deep = stage.request(NAME).of_type("DEEP");
    let (new, old) = (stage.begun(NAME).await?, begun(&stage.customer, &deep).await?);
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap()).id;
    let admin = stage.admin();
    assert_eq!(admin.end_runs(erasure, 100).await.unwrap().len(), 2);
    assert_eq!(admin.erase(erasure, 100, &[]).await.unwrap().instances.len(), 2);
    stage.superuser.batch_execute("alter table runs disable trigger guard_run").await?;
    stage.execute("update runs set finished_at = now() - interval '97 hours' where id = $1", &[&old]).await?;
    stage.superuser.batch_execute("alter table runs enable trigger guard_run").await?;
    // Also if whoever was to delete it has died, and whatever else was deleted.
    let slice = admin.erase(erasure, 100, &[RunId::new(Uuid::now_v7())]).await.unwrap();
    assert_eq!((slice.instances, slice.more), (vec![RunId::new(new)], true));
    assert_eq!(
        stage.count(&format!("runs where username = '{NAME}'")).await?,
        1,
        "the engine has forgotten the old one"
    );
    let slice = admin.erase(erasure, 100, &[RunId::new(new)]).await.unwrap();
    assert_eq!((slice.instances, slice.more), (vec![], false));
    assert_eq!(stage.count(&format!("runs where username = '{NAME}'")).await?, 0);
    Ok(())
}

#[tokio::test]
async fn somebody_who_took_the_name_over_is_refused_under_it_and_nothing_of_theirs_is_erased() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let operator = operator(&stage).await?;
    // One account knows already that they are called so now, and another that they took over what she was called before.
    analysed(&stage, &stage.customer, &stage.request("shop_77"), &lead_of("shop_77", "99", Some(NAME))).await?;
    analysed(&stage, &stage.customer, &stage.request(FORMER), &lead_of(FORMER, ID, None)).await?;
    let other = stage.database.member("bob", 20).await?;
    let bob = stage.database.customer(other.user_id).await?;
    let mut newer = lead_of(FORMER, "99", None);
    newer["scraped_at"] = json!("2026-02-01T00:00:00Z");
    analysed(&stage, &bob, &Request::new(&other, FORMER), &newer).await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, Some(ID))).await.unwrap());
    work_off(&stage, erasure.id, 100).await;
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());

    assert_eq!(stage.count("leads where instagram_id = '99' and renamed_to is null").await?, 2);
    assert_eq!(stage.count("leads").await?, 2);

    let ask = "select to_jsonb(system.refuse_erased($1, $2, nullif($3, '')))";
    for id in ["99", ""] {
        assert_eq!(stage.backend.call(ask, &[&"shop_77", &NAME, &id]).await?, json!(true));
        assert_eq!(stage.admin().take_up(10).await.unwrap(), []);
    }
    // Of an erasure that knew no id, and is done, nobody can tell whether it is them.
    let unknown = erasure_of(stage.operators().begin(&operator, &request("never_seen_77", None)).await.unwrap());
    assert!(stage.admin().end(unknown.id, unknown.found_at).await.unwrap());
    assert_eq!(stage.backend.call(ask, &[&"shop_77", &"never_seen_77", &"99"]).await?, json!(true));
    assert_eq!(stage.admin().take_up(10).await.unwrap(), []);
    assert_ne!(begin(&stage.customer, &stage.request("shop_77")).await?["outcome"], "subject_erased");
    assert_eq!(stage.count("leads").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_person_who_is_met_by_their_id_is_erased_under_all_names_that_go_with_it_and_no_others() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let operator = operator(&stage).await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap());
    analysed(&stage, &stage.customer, &stage.request("liv_old_77"), &lead_of("liv_old_77", ID, None)).await?;
    let chain = lead_of(FORMER, "12", Some("chain_77"));
    analysed(&stage, &stage.customer, &stage.request(FORMER), &chain).await?;
    let ask = "select to_jsonb(system.refuse_erased($1, $2, $3))";
    assert_eq!(stage.backend.call(ask, &[&"liv_new_77", &NAME, &ID]).await?, json!(true));
    let open = stage.admin().take_up(10).await.unwrap();
    let mut names: Vec<_> = open[0].usernames.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["liv_new_77", "liv_old_77", NAME]);
    work_off(&stage, erasure.id, 100).await;
    assert!(stage.admin().end(erasure.id, open[0].found_at).await.unwrap());
    assert_eq!(tables_with(&stage, "liv_old_77").await?, [""; 0]);
    assert!(tables_with(&stage, "chain_77").await?.contains(&"leads".to_owned()));

    // An id that a snapshot shows adds its own names only.
    let second = erasure_of(stage.operators().begin(&operator, &request(OTHERS, None)).await.unwrap());
    let noted = stage.admin().note_id(second.id, &InstagramId::parse("12").unwrap()).await.unwrap().unwrap();
    let mut names: Vec<_> = noted.usernames.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["chain_77", FORMER, OTHERS]);
    Ok(())
}

#[tokio::test]
async fn a_bill_that_was_written_while_its_run_lost_the_name_loses_it_too() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let operator = operator(&stage).await?;
    let run = stage.begun(NAME).await?;
    let erasure = erasure_of(stage.operators().begin(&operator, &request(NAME, None)).await.unwrap());
    work_off(&stage, erasure.id, 100).await;
    let late = "insert into scrape_logs (account_id, run_id, provider_key, actor, username, outcome)
                values ($1, $2, 'run-livia.runs_77', 'a', $3, 'ok')";
    stage.execute(late, &[&stage.member.account_id, &run, &NAME]).await?;
    assert!(!stage.admin().end(erasure.id, erasure.found_at).await.unwrap(), "a bill is left");
    work_off(&stage, erasure.id, 100).await;
    assert!(stage.admin().end(erasure.id, erasure.found_at).await.unwrap());
    assert_eq!(tables_with(&stage, NAME).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn of_many_erasures_the_one_that_has_waited_longest_is_next() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let operator = operator(&stage).await?;
    let mut ids = vec![];
    for name in ["one_77", "two_77", "three_77"] {
        ids.push(erasure_of(stage.operators().begin(&operator, &request(name, None)).await.unwrap()).id);
    }
    let number = |id| ids.iter().position(|known| *known == id).unwrap();
    for expected in [&[0, 1][..], &[2], &[0], &[1]] {
        let limit = u32::try_from(expected.len()).unwrap();
        let taken = stage.admin().take_up(limit).await.unwrap();
        assert_eq!(taken.iter().map(|erasure| number(erasure.id)).collect::<Vec<_>>(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_saved_filter_for_a_word_stays_unless_it_means_the_person() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let operator = operator(&stage).await?;
    for (name, q) in [("word", "vegan"), ("person", "@vegan"), ("other", "vegan food")] {
        let save = "select api.save_lead_filter($1, $2, jsonb_build_object('q', $3::text))";
        stage.customer.call(save, &[&stage.member.account_id, &name, &q]).await?;
    }
    let erasure = erasure_of(stage.operators().begin(&operator, &request("vegan", None)).await.unwrap());
    work_off(&stage, erasure.id, 100).await;
    let left = "select string_agg(name, ' ' order by name) from lead_filters";
    assert_eq!(stage.superuser.query_one(left, &[]).await?.get::<_, String>(0), "other word");
    Ok(())
}
