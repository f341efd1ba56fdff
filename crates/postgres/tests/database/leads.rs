//! Leads through the product's own statements: filters, orders, pages, history, deletion, tenancy, and the plans.

use oslira_app::{
    features::leads::{Lead, LeadCursor, LeadFilter, LeadQuery, LeadRepository, LeadSort, Mark, SearchText},
    shared::{
        ids::{BusinessProfileId, LeadId},
        pagination::{Cursor, PageQuery},
    },
};
use oslira_postgres::leads_statement;
use oslira_testkit::{Error, Member, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Request, Stage, acting, advance, begun, complete_with, lead, outcome, result, sqlstate};

const SORTS: [LeadSort; 3] = [LeadSort::Newest, LeadSort::Score, LeadSort::Updated];

/// Analyses a profile to the end and returns its lead.
async fn analysed(stage: &Stage, username: &str, lead: &Value, result: &Value) -> Result<LeadId, Error> {
    analysed_for(stage, &stage.customer, &stage.request(username), lead, result).await
}

async fn analysed_for(
    stage: &Stage,
    customer: &Session,
    request: &Request,
    lead: &Value,
    result: &Value,
) -> Result<LeadId, Error> {
    let run = begun(customer, request).await?;
    advance(&stage.backend, run, "saving").await?;
    let done = complete_with(&stage.backend, run, lead, result).await?;
    assert_eq!(outcome(&done), "completed");
    Ok(done["lead_id"].as_str().unwrap().parse().unwrap())
}

fn judged(score: i64, profile: Option<Value>) -> Value {
    let mut result = result(score);
    result["result"] = json!({ "summary": format!("A fit of {score}.") });
    if let Some(profile) = profile {
        result["result"]["profile"] = profile;
    }
    result
}

/// Inserts `count` leads of an account straight into the table, with few different times and scores, so that there are
/// many ties.
async fn fill(stage: &Stage, member: &Member, count: i32) -> Result<(), Error> {
    let leads =
        "insert into leads (account_id, business_profile_id, username, score, scraped_at, created_at, updated_at)
        select $1, $2, 'user_' || n, n % 101, now(), timestamptz '2026-01-01' + n % 7 * interval '1 second',
               timestamptz '2026-02-01' + n % 5 * interval '1 microsecond'
        from generate_series(1, $3) n";
    stage.execute(leads, &[&member.account_id, &member.business_profile_id, &count]).await?;
    Ok(())
}

async fn usernames(stage: &Stage, filter: LeadFilter) -> Vec<String> {
    usernames_of(stage, &stage.member, filter).await
}

async fn usernames_of(stage: &Stage, member: &Member, filter: LeadFilter) -> Vec<String> {
    let query = LeadQuery { filter, sort: LeadSort::Newest };
    let page = stage.tenant().list(acting(member), &query, PageQuery { limit: 100, after: None }).await.unwrap();
    let mut names: Vec<String> = page.items.into_iter().map(|lead| lead.username).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn every_order_is_total_and_pages_show_each_lead_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    fill(&stage, &stage.member, 103).await?;
    for sort in SORTS {
        let query = LeadQuery { filter: LeadFilter::default(), sort };
        let mut seen = Vec::new();
        let mut after: Option<Cursor<LeadCursor>> = None;
        loop {
            let page = PageQuery { limit: 10, after };
            let page = stage.tenant().list(acting(&stage.member), &query, page).await.unwrap();
            seen.extend(page.items);
            match page.next_cursor {
                Some(next) => after = Some(Cursor::decode(&next).unwrap()),
                None => break,
            }
        }
        let keys: Vec<_> = seen
            .iter()
            .map(|lead| match sort {
                LeadSort::Newest => (lead.created_at.as_microsecond(), lead.id),
                LeadSort::Score => (i64::from(lead.score), lead.id),
                LeadSort::Updated => (lead.updated_at.as_microsecond(), lead.id),
            })
            .collect();
        assert_eq!(keys.len(), 103, "{sort:?}");
        assert!(keys.is_sorted_by(|before, next| before > next), "{sort:?}: {keys:?}");
    }
    Ok(())
}

#[tokio::test]
async fn each_filter_lets_its_own_pass() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let facts = |name: &str, biography: &str| {
        let mut lead = lead("2026-01-01T00:00:00Z", 100);
        lead["display_name"] = json!(name);
        lead["biography"] = json!(biography);
        lead
    };
    analysed(&stage, "low", &facts("Ann", "100% cotton_wool"), &judged(10, None)).await?;
    analysed(&stage, "middle", &facts("BJÖRN", "it's \\ fine"), &judged(50, None)).await?;
    analysed(&stage, "high", &facts("Cem", "cotton"), &judged(90, None)).await?;
    stage.execute("update analyses set is_stale = true where score = 10", &[]).await?;
    // Only the newest analysis tells whether a lead is stale.
    analysed(&stage, "middle", &facts("BJÖRN", "it's \\ fine"), &judged(50, None)).await?;
    let second = "update analyses set analysis_type = 'DEEP' where created_at = (select max(created_at) from analyses)";
    stage.execute(second, &[]).await?;
    stage.execute("update analyses set is_stale = true where score = 50 and analysis_type = 'LIGHT'", &[]).await?;

    let none = LeadFilter::default;
    let text = |text: &str| LeadFilter { text: SearchText::parse(text), ..none() };
    let profile = |id: Uuid| LeadFilter { business_profile_id: Some(BusinessProfileId::new(id)), ..none() };
    let light = "LIGHT".parse().ok();
    let cases: Vec<(&str, LeadFilter, &[&str])> = vec![
        ("all", none(), &["high", "low", "middle"]),
        ("score_min", LeadFilter { score_min: Some(50), ..none() }, &["high", "middle"]),
        ("score_max", LeadFilter { score_max: Some(50), ..none() }, &["low", "middle"]),
        ("both", LeadFilter { score_min: Some(11), score_max: Some(89), ..none() }, &["middle"]),
        ("stale", LeadFilter { stale: Some(true), ..none() }, &["low"]),
        ("fresh", LeadFilter { stale: Some(false), ..none() }, &["high", "middle"]),
        ("type", LeadFilter { analysis_type: light, ..none() }, &["high", "low", "middle"]),
        ("username", text("MIDD"), &["middle"]),
        ("name", text("björn"), &["middle"]),
        ("biography", text("Cotton"), &["high", "low"]),
        ("percent", text("100%"), &["low"]),
        ("wildcard", text("100%wool"), &[]),
        ("one letter", text("cotton_"), &["low"]),
        ("underscore", text("l_w"), &[]),
        ("backslash", text("\\"), &["middle"]),
        ("quote", text("'s \\"), &["middle"]),
        ("injection", text("' or true --"), &[]),
        ("across fields", text("low ann"), &[]),
        ("profile", profile(stage.member.business_profile_id), &["high", "low", "middle"]),
        ("other profile", profile(Uuid::new_v4()), &[]),
        ("together", LeadFilter { score_max: Some(60), stale: Some(false), ..text("fine") }, &["middle"]),
    ];
    stage.execute("update business_profiles set deleted_at = now()", &[]).await?;
    for (case, filter, expected) in cases {
        assert_eq!(usernames(&stage, filter).await, expected, "{case}");
    }
    stage.execute("update analyses set analysis_type = 'XRAY' where score = 90", &[]).await?;
    let of_type = LeadFilter { analysis_type: light, ..none() };
    assert_eq!(usernames(&stage, of_type).await, ["low", "middle"], "any of its analyses");
    Ok(())
}

#[tokio::test]
async fn a_lead_tells_its_history_newest_first() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let facts = lead("2026-01-01T00:00:00Z", 100);
    let id = analysed(&stage, "nasa", &facts, &judged(60, None)).await?;
    let profile = json!({
        "username": "nasa", "display_name": "NASA", "biography": "old", "followers": 100, "following": 1, "posts": 2,
        "category": null, "external_url": null, "is_verified": true, "is_business": false,
    });
    assert_eq!(analysed(&stage, "nasa", &facts, &judged(70, Some(profile.clone()))).await?, id);
    analysed(&stage, "nasa", &lead("2026-01-02T00:00:00Z", 150), &judged(80, Some(json!({ "followers": 150 }))))
        .await?;

    let (lead, analyses) = stage.tenant().get(acting(&stage.member), id, 50).await.unwrap().unwrap();
    assert_eq!((lead.score, lead.followers), (80, Some(150)));
    assert_eq!(lead.profile_picture, Some(format!("/leads/{id}/picture")));
    let told: Vec<_> = analyses.iter().map(|a| (a.score, a.summary.as_deref().unwrap())).collect();
    assert_eq!(told, [(80, "A fit of 80."), (70, "A fit of 70."), (60, "A fit of 60.")]);
    // One analysis kept no profile and one a part of it.
    assert_eq!(analyses[1].profile, serde_json::from_value(profile).ok());
    assert_eq!((&analyses[0].profile, &analyses[2].profile), (&None, &None));
    assert_eq!(lead.latest_analysis.as_ref().map(|latest| latest.id), Some(analyses[0].id));
    assert_eq!(lead.latest_analysis.and_then(|latest| latest.summary).as_deref(), Some("A fit of 80."));
    let (_, two) = stage.tenant().get(acting(&stage.member), id, 2).await.unwrap().unwrap();
    assert_eq!(two, analyses[..2]);
    Ok(())
}

#[tokio::test]
async fn a_deleted_lead_is_gone_with_its_analyses_and_a_later_analysis_makes_another() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let facts = lead("2026-01-01T00:00:00Z", 100);
    let first = analysed(&stage, "nasa", &facts, &judged(60, None)).await?;
    let kept = analysed(&stage, "esa", &facts, &judged(61, None)).await?;

    let deleted = tenant.delete(who, first).await.unwrap();
    assert!(deleted.is_some());
    assert_eq!(tenant.delete(who, first).await.unwrap(), deleted, "a repeat gives the first answer");
    assert_eq!(tenant.get(who, first, 50).await.unwrap(), None);
    assert_eq!(usernames(&stage, LeadFilter::default()).await, ["esa"]);
    assert_eq!(stage.count("analyses where deleted_at is not null").await?, 1);

    let second = analysed(&stage, "nasa", &facts, &judged(62, None)).await?;
    assert_ne!(second, first);
    let (_, analyses) = tenant.get(who, second, 50).await.unwrap().unwrap();
    assert_eq!(analyses.len(), 1, "the new lead begins anew");
    assert_eq!(tenant.delete(who, first).await.unwrap(), deleted);
    assert!(tenant.get(who, second, 50).await.unwrap().is_some() && tenant.get(who, kept, 50).await.unwrap().is_some());
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn two_deletions_wait_for_the_completion_that_is_under_way_and_agree() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let facts = lead("2026-01-01T00:00:00Z", 100);
    let id = analysed(&stage, "nasa", &facts, &judged(60, None)).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    stage.backend.open().await?;
    let complete = "select system.complete_run($1, $2, $3)";
    stage.backend.client().query(complete, &[&run, &facts, &judged(70, None)]).await?;
    let tenant = stage.tenant();
    let committed = async {
        // Both deletions wait for this transaction's lock.
        let waiting =
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while stage.superuser.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            tokio::task::yield_now().await;
        }
        stage.backend.client().batch_execute("commit").await.unwrap();
    };
    let who = acting(&stage.member);
    let (one, other, ()) = futures_util::future::join3(tenant.delete(who, id), tenant.delete(who, id), committed).await;
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.is_some() && one == other, "{one:?} and {other:?}");
    assert_eq!(stage.count("analyses where deleted_at is null").await?, 0, "the late analysis went with its lead");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn another_accounts_lead_does_not_exist() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let id = analysed(&stage, "nasa", &lead("2026-01-01T00:00:00Z", 100), &judged(60, None)).await?;
    let eve = stage.database.member("eve", 0).await?;
    // As herself, and naming the other's account, as if the application had failed to check that.
    for who in [eve, Member { user_id: eve.user_id, ..stage.member }] {
        assert_eq!(stage.tenant().get(acting(&who), id, 50).await.unwrap(), None);
        assert_eq!(stage.tenant().delete(acting(&who), id).await.unwrap(), None);
        let everything = usernames_of(&stage, &who, LeadFilter::default()).await;
        assert_eq!(everything, [""; 0]);
        let profile = Some(BusinessProfileId::new(stage.member.business_profile_id));
        let by_profile = LeadFilter { business_profile_id: profile, ..LeadFilter::default() };
        assert_eq!(usernames_of(&stage, &who, by_profile).await, [""; 0]);
    }
    // A member of both sees of each account only what they ask it for.
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&eve.user_id, &stage.member.account_id]).await?;
    assert_eq!(stage.tenant().get(acting(&eve), id, 50).await.unwrap(), None);
    assert_eq!(stage.tenant().delete(acting(&eve), id).await.unwrap(), None);
    assert_eq!(usernames_of(&stage, &eve, LeadFilter::default()).await, [""; 0]);

    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert_eq!(stage.tenant().delete(acting(&stage.member), id).await.unwrap(), None, "a closed account");
    assert_eq!(stage.count("leads where deleted_at is null").await?, 1);
    Ok(())
}

#[tokio::test]
async fn every_order_is_read_from_its_index_at_any_page() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let other = stage.database.member("bob", 0).await?;
    fill(&stage, &stage.member, 2_000).await?;
    fill(&stage, &other, 6_000).await?;
    // Vacuumed, as it is in a database that has been used: without its visibility map there is no index-only scan.
    stage.superuser.batch_execute("vacuum analyze leads").await?;
    for sort in SORTS {
        let key = if sort == LeadSort::Score { "50" } else { "2026-01-01T00:00:03Z" };
        let (later, anns) =
            (format!("'{key}', '{}'", Uuid::max()), format!("'won', 'vip', '{}'", stage.member.user_id));
        let later = later.as_str();
        for (page, place, work) in [
            ("first", "null, null", "null, null, null"),
            ("later", later, "null, null, null"),
            ("later", later, "'new,won', 'vip,berlin', 'none'"),
            ("later", later, anns.as_str()),
        ] {
            stage.customer.open().await?;
            let statement = format!(
                "prepare page (uuid, uuid, integer, integer, text, boolean, text, text, uuid, bigint, text, text, text) as {}",
                leads_statement(&LeadQuery { filter: LeadFilter::default(), sort })
            );
            stage.customer.client().batch_execute(&statement).await?;
            let explain = format!(
                "explain execute page ('{}', null, null, null, null, null, null, {place}, 51, {work})",
                stage.member.account_id
            );
            let plan = stage.customer.client().query(&explain, &[]).await?;
            let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
            stage.customer.client().batch_execute("deallocate page; rollback").await?;
            let text = plan.join("\n");
            let index = match sort {
                LeadSort::Newest => "leads_newest",
                LeadSort::Score => "leads_best",
                LeadSort::Updated => "leads_updated",
            };
            assert!(text.contains(&format!("Index Only Scan using {index} on leads f")), "{sort:?} {page}: {text}");
            // An account's people are few; in this database they are read as a whole.
            let scanned = plan.iter().filter(|line| line.contains("Seq Scan") && !line.contains("on account_members"));
            assert!(scanned.count() == 0 && !text.contains("Sort Key: f."), "{sort:?} {page}: {text}");
            assert!(page == "first" || text.contains("Index Cond: ((account_id = ") && text.contains("ROW("), "{text}");
        }
    }
    Ok(())
}

/// The first lead in the list and in its own history: score, summary, followers, whether it is stale, and its latest
/// analysis.
type Shown = (u8, Option<String>, Option<u64>, bool, String);

async fn shown(stage: &Stage) -> (Shown, Shown) {
    let query = LeadQuery { filter: LeadFilter::default(), sort: LeadSort::Newest };
    let page = PageQuery { limit: 1, after: None };
    let listed = stage.tenant().list(acting(&stage.member), &query, page).await.unwrap().items.remove(0);
    let (read, _) = stage.tenant().get(acting(&stage.member), listed.id, 9).await.unwrap().unwrap();
    (show(listed), show(read))
}

fn show<O>(lead: Lead<O>) -> Shown {
    let latest = lead.latest_analysis.unwrap();
    (lead.score, latest.summary, lead.followers, latest.is_stale, latest.id.to_string())
}

#[tokio::test]
async fn what_a_lead_shows_comes_from_one_analysis_whichever_run_ends_last() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let complete = async |scraped_at: &str, followers, score| {
        let run = stage.begun_and("nasa", "saving").await?;
        complete_with(&stage.backend, run, &lead(scraped_at, followers), &judged(score, None)).await
    };
    let newer = complete("2026-01-02T00:00:00Z", 1200, 80).await?;
    // The run that scraped first ends last.
    complete("2026-01-01T00:00:00Z", 1000, 40).await?;
    let latest = |score: u8, followers, is_stale, done: &Value| {
        let id = done["analysis_id"].as_str().unwrap().to_owned();
        (score, Some(format!("A fit of {score}.")), Some(followers), is_stale, id)
    };
    let expected = latest(80, 1200, false, &newer);
    assert_eq!(shown(&stage).await, (expected.clone(), expected));

    // A change after the older scrape marks the older analysis only.
    stage.execute("select system.mark_stale('nasa', '2026-01-01T12:00:00Z')", &[]).await?;
    assert_eq!(stage.count("analyses where is_stale").await?, 1);
    let expected = latest(80, 1200, false, &newer);
    assert_eq!(shown(&stage).await, (expected.clone(), expected));
    stage.execute("select system.mark_stale('nasa', '2026-01-03T00:00:00Z')", &[]).await?;
    let expected = latest(80, 1200, true, &newer);
    assert_eq!(shown(&stage).await, (expected.clone(), expected));

    // The same scrape, judged once more.
    let again = complete("2026-01-02T00:00:00Z", 1200, 60).await?;
    let expected = latest(60, 1200, true, &again);
    assert_eq!(shown(&stage).await, (expected.clone(), expected));
    stage.assert_ledger_is_whole().await
}

/// Leads like those of `fill`, each with an analysis, and with texts of their own.
async fn fill_with_analyses(stage: &Stage, member: &Member, count: i32) -> Result<(), Error> {
    fill(stage, member, count).await?;
    let texts = "update leads set display_name = 'Name ' || username, biography = case when score % 10 = 3 then 'Rare 料理' else 'common' end
        where account_id = $1";
    stage.execute(texts, &[&member.account_id]).await?;
    let runs = "insert into runs (id, account_id, username, analysis_type, credits)
        select gen_random_uuid(), l.account_id, l.username, t.type, 1 from leads l
        join (values ('LIGHT', 0), ('DEEP', 1), ('XRAY', 2)) t (type, nth) on t.nth = 0 or l.score % (t.nth * 5) = 0
        where l.account_id = $1";
    stage.execute(runs, &[&member.account_id]).await?;
    let analyses = "insert into analyses (account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at, result,
          is_new_lead, is_stale, created_at)
        select l.account_id, l.id, r.id, r.analysis_type, l.score, 'x', 'x', 'x', l.scraped_at, '{}', true, l.score % 4 = 0,
               now() + case r.analysis_type when 'LIGHT' then interval '0' else interval '1 minute' end
        from leads l join runs r using (account_id, username) where l.account_id = $1";
    stage.execute(analyses, &[&member.account_id]).await?;
    Ok(())
}

#[tokio::test]
async fn every_combination_of_filters_finds_what_a_search_through_all_leads_finds() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let other = stage.database.member("bob", 0).await?;
    // More than the leads after which a text counts as rare, so that both ways of a search are taken.
    fill_with_analyses(&stage, &stage.member, 2_300).await?;
    fill_with_analyses(&stage, &other, 50).await?;
    stage.superuser.batch_execute("analyze").await?;
    let everything = stage
        .superuser
        .query(
            "select l.username, l.display_name, l.biography, l.score, n.is_stale, l.created_at::text, l.updated_at::text, l.id::text,
               array(select analysis_type from analyses a where a.lead_id = l.id)
             from leads l cross join lateral (select * from analyses a where a.lead_id = l.id
               order by a.scraped_at desc, a.created_at desc, a.id desc limit 1) n
             where l.account_id = $1",
            &[&stage.member.account_id],
        )
        .await?;
    let texts = [None, Some("common"), Some("rare"), Some("料理"), Some("user_2299"), Some("e user_1"), Some("%")];
    let types = [None, Some("LIGHT"), Some("XRAY")];
    for (text, analysis_type) in texts.iter().flat_map(|text| types.map(|kind| (*text, kind))) {
        for (stale, scores) in [(None, (0, 100)), (Some(true), (0, 100)), (Some(false), (90, 100)), (None, (3, 3))] {
            for sort in SORTS {
                let mut expected: Vec<(String, String, String)> = everything
                    .iter()
                    .filter(|row| {
                        let fields: [String; 3] = [row.get(0), row.get(1), row.get(2)];
                        let kinds: Vec<String> = row.get(8);
                        let score: i32 = row.get(3);
                        text.is_none_or(|text| fields.iter().any(|field| field.to_lowercase().contains(text)))
                            && analysis_type.is_none_or(|kind| kinds.iter().any(|has| has == kind))
                            && stale.is_none_or(|stale| row.get::<_, bool>(4) == stale)
                            && (scores.0..=scores.1).contains(&score)
                    })
                    .map(|row| {
                        let key = match sort {
                            LeadSort::Newest => row.get(5),
                            LeadSort::Score => format!("{:03}", row.get::<_, i32>(3)),
                            LeadSort::Updated => row.get(6),
                        };
                        (key, row.get(7), row.get(0))
                    })
                    .collect();
                expected.sort_unstable_by(|a, b| b.cmp(a));
                let filter = LeadFilter {
                    score_min: (scores.0 > 0).then_some(scores.0 as u8),
                    score_max: (scores.1 < 100).then_some(scores.1 as u8),
                    analysis_type: analysis_type.and_then(|kind| kind.parse().ok()),
                    stale,
                    text: text.and_then(SearchText::parse),
                    ..LeadFilter::default()
                };
                let query = LeadQuery { filter, sort };
                let found = pages(&stage, &query, 2).await;
                let expected: Vec<_> = expected.into_iter().map(|(_, _, username)| username).collect();
                let shown = expected.len().min(found.len().max(200));
                assert_eq!(found, expected[..shown], "{query:?}");
                for rows in [0, 40, 3_000] {
                    let more = stage.tenant().are_more_than(acting(&stage.member), &query, rows).await.unwrap();
                    assert_eq!(more, expected.len() > rows as usize, "{query:?} {rows}");
                }
            }
        }
    }
    Ok(())
}

/// The usernames of up to `pages` pages of a hundred.
async fn pages(stage: &Stage, query: &LeadQuery, pages: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = None;
    for _ in 0..pages {
        let page = PageQuery { limit: 100, after };
        let page = stage.tenant().list(acting(&stage.member), query, page).await.unwrap();
        names.extend(page.items.into_iter().map(|lead| lead.username));
        match page.next_cursor {
            Some(next) => after = Cursor::decode(&next),
            None => break,
        }
    }
    names
}

#[tokio::test]
async fn a_text_is_found_whatever_its_capitals_accents_and_letter_forms() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let writings = [
        "𝗖𝗼𝗳𝗳𝗲𝗲 roasters",
        "ᴄᴏғғᴇᴇ roasters",
        "ＣＯＦＦＥＥ roasters",
        "Ⓒⓞⓕⓕⓔⓔ roasters",
        "Cöffée Roasters",
        "co\u{308}ffe\u{301}e roasters",
    ];
    for (number, writing) in writings.iter().enumerate() {
        let insert = "insert into leads (account_id, business_profile_id, username, display_name, score, scraped_at)
            values ($1, $2, $3, $4, 1, now())";
        let (member, username) = (&stage.member, format!("user_{number}"));
        stage.execute(insert, &[&member.account_id, &member.business_profile_id, &username, writing]).await?;
    }
    for text in writings.into_iter().chain(["coffee", "fee", "준", "ガ"]) {
        let found = usernames(&stage, LeadFilter { text: SearchText::parse(text), ..LeadFilter::default() }).await;
        assert_eq!(found.len(), if ["준", "ガ"].contains(&text) { 0 } else { writings.len() }, "{text}");
    }
    stage.execute("update leads set display_name = 'ǫᴜᴇᴇɴ Ғалым' where username = 'user_1'", &[]).await?;
    for text in ["queen", "ғалым", "ҒАЛЫМ"] {
        let found = usernames(&stage, LeadFilter { text: SearchText::parse(text), ..LeadFilter::default() }).await;
        assert_eq!(found, ["user_1"], "{text}");
    }
    // What belongs together stays together: a syllable is not found in another that begins like it.
    stage.execute("update leads set display_name = '준 カフェ' where username = 'user_0'", &[]).await?;
    for (text, count) in [("준", 1), ("주", 0), ("カ", 1), ("ガ", 0), ("ｶﾌｪ", 1), ("\u{301}", 0), ("´", 0)] {
        let found = usernames(&stage, LeadFilter { text: SearchText::parse(text), ..LeadFilter::default() }).await;
        assert_eq!(found.len(), count, "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_renamed_profile_is_linked_by_its_present_name_and_found_by_both() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let mut renamed = lead("2026-01-01T00:00:00Z", 1000);
    renamed["renamed_to"] = json!("esa.space");
    let id = analysed(&stage, "nasa", &renamed, &result(70)).await?;
    let shown = async || stage.tenant().get(acting(&stage.member), id, 0).await.unwrap().unwrap().0;
    let names = |lead: Lead<Mark>| (lead.username, lead.renamed_to, lead.profile_url);
    let (username, link) = ("nasa".to_owned(), |name: &str| format!("https://www.instagram.com/{name}/"));
    assert_eq!(names(shown().await), (username.clone(), Some("esa.space".to_owned()), link("esa.space")));
    for text in ["nasa", "esa.space"] {
        let found = usernames(&stage, LeadFilter { text: SearchText::parse(text), ..LeadFilter::default() }).await;
        assert_eq!(found, ["nasa"], "{text}");
    }
    // Its owner took the old name back.
    let again = analysed(&stage, "nasa", &lead("2026-01-02T00:00:00Z", 1000), &result(70)).await?;
    assert_eq!((again, names(shown().await)), (id, (username, None, link("nasa"))));
    Ok(())
}

#[tokio::test]
async fn a_search_finds_nothing_of_another_account_whoever_is_asked_for() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let eve = stage.database.member("eve", 0).await?;
    fill(&stage, &stage.member, 30).await?;
    let text = LeadFilter { text: SearchText::parse("user_"), ..LeadFilter::default() };
    assert_eq!(usernames(&stage, text.clone()).await.len(), 30);
    for who in [eve, Member { user_id: eve.user_id, ..stage.member }] {
        assert_eq!(usernames_of(&stage, &who, text.clone()).await, [""; 0]);
    }
    let direct = "select count(*) from api.search_leads('newest', $1, null, null, null, null, null, 'user_', null, null, 50, null, null, null)";
    for (session, found) in [(&stage.customer, 30), (&stage.database.customer(eve.user_id).await?, 0)] {
        let rows = session.rows(direct, &[&stage.member.account_id]).await?;
        assert_eq!(rows[0].get::<_, i64>(0), found);
    }
    let none = stage.customer.rows(direct, &[&None::<Uuid>]).await?;
    assert_eq!(none[0].get::<_, i64>(0), 0);
    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert_eq!(usernames(&stage, text).await, [""; 0], "a closed account");
    Ok(())
}

#[tokio::test]
async fn an_order_that_does_not_exist_is_refused() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let sql = "select 1 from api.search_leads('l.id); drop table leads', $1, null, null, null, null, null, 'x', null, null, 5, null, null, null)";
    assert_eq!(sqlstate(stage.customer.rows(sql, &[&stage.member.account_id]).await), "22023");
    Ok(())
}
