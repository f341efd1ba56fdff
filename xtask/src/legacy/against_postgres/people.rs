//! Users, business profiles, leads and analyses.

use super::*;
use crate::legacy::undo;

#[test]
fn leads_of_a_username_become_one_with_the_newest_facts_and_all_analyses() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 0).await?;
        business(client, ann, "shop").await?;
        business(client, ann, "other").await?;
        lead(client, "old", "shop", "@NASA", "01-01").await?;
        lead(client, "new", "shop", "https://www.instagram.com/nasa/?igsh=x", "03-01").await?;
        lead(client, "mid", "shop", " nasa\n", "02-01").await?;
        lead(client, "elsewhere", "other", "nasa", "02-01").await?;
        for (name, of, score, day) in [
            ("a", "old", 10, "05-01"),
            ("b", "new", 20, "03-01"),
            ("c", "mid", 30, "02-01"),
            ("d", "elsewhere", 40, "02-01"),
        ] {
            analysis(client, name, of, "complete", score, day).await?;
        }
        import_all(client).await?;
        let leads = "select jsonb_agg(l.username || ', ' || l.biography || ', ' || l.score || ', ' || (
               select string_agg(a.score || ' on ' || to_char(a.created_at at time zone 'UTC', 'MM-DD'), ' ' order by a.created_at)
                 from analyses a where a.lead_id = l.id) order by l.score) from leads l";
        // The newest facts are the newest row's, and the score is the newest analysis's.
        assert_eq!(
            value(client, leads).await?,
            serde_json::json!([
                "nasa, bio of 03-01, 10, 30 on 02-01 20 on 03-01 10 on 05-01",
                "nasa, bio of 02-01, 40, 40 on 02-01"
            ])
        );
        let runs = "select bool_and(r.created_at = a.created_at and r.id::text < (
               select coalesce(min(n.id::text), 'z') from runs n where n.created_at > r.created_at)) from runs r join analyses a on a.run_id = r.id";
        assert_eq!(value(client, runs).await?, true, "runs are listed in the order of their dates");
        let sums = report::sums(client).await?;
        let of = |name: &str| {
            sums.iter().find(|sum| sum.name == name).map(|sum| (sum.before, sum.after, sum.merged)).unwrap()
        };
        assert_eq!((of("leads"), of("analyses")), ((4, 2, 2), (4, 4, 0)));
        Ok(())
    });
}

#[test]
fn what_its_customer_deleted_is_left_out_and_a_deleted_business_keeps_its_leads() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 0).await?;
        for (name, of) in [("closed", "kept"), ("empty", "gone")] {
            business(client, ann, name).await?;
            lead(client, of, name, of, "02-01").await?;
            analysis(client, &format!("{of} analysis"), of, "complete", 50, "02-01").await?;
        }
        client.execute("update legacy.business_profiles set deleted_at = '2026-05-01'", &[]).await?;
        client.execute("update legacy.leads set deleted_at = '2026-05-01' where id = $1", &[&id("gone")]).await?;
        import_all(client).await?;
        assert_eq!(reason(client, "leads", id("kept")).await?, None);
        assert_eq!(reason(client, "business_profiles", id("closed")).await?, None);
        assert_eq!(reason(client, "leads", id("gone")).await?.as_deref(), Some("deleted"));
        assert_eq!(reason(client, "analyses", id("gone analysis")).await?.as_deref(), Some("lead_left_out"));
        assert_eq!(reason(client, "business_profiles", id("empty")).await?.as_deref(), Some("deleted"));
        let deleted =
            "select jsonb_agg(to_char(b.deleted_at at time zone 'UTC', 'YYYY-MM-DD')) from business_profiles b";
        assert_eq!(value(client, deleted).await?, serde_json::json!(["2026-05-01"]));
        Ok(())
    });
}

#[test]
fn what_the_product_cannot_hold_is_left_out_for_its_reason() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 0).await?;
        let bob = old_user(client, "bob", 0).await?;
        business(client, ann, "shop").await?;
        business(client, bob, "foreign").await?;
        let erase = "insert into erasures (id, requested_by, usernames, instagram_ids, done_at) values ($1, $1, '{}', '{}', now());";
        client.execute(erase, &[&id("erasure")]).await?;
        let subject = "insert into erased_subjects (hash, kind, erasure_id) values (private.subject_hash('username', 'erased'), 'username', $1)";
        client.execute(subject, &[&id("erasure")]).await?;
        for (name, username) in
            [("good", "nasa"), ("wrong", "not a name"), ("erased", "@Erased"), ("unjudged", "esa"), ("others", "jaxa")]
        {
            lead(client, name, "shop", username, "02-01").await?;
        }
        client
            .execute("update legacy.leads set business_id = $1 where id = $2", &[&id("foreign"), &id("others")])
            .await?;
        client.execute("update legacy.leads set bio = repeat('é', 5000) where id = $1", &[&id("good")]).await?;
        for (name, of, status, score) in [
            ("fine", "good", "Complete", 0),
            ("null", "good", "complete", -1),
            ("high", "good", "complete", 101),
            ("odd", "good", "paused", 5),
            ("type", "good", "complete", 5),
            ("late", "unjudged", "failed", -1),
            ("hidden", "erased", "complete", 5),
            ("astray", "good", "complete", 5),
        ] {
            analysis(client, name, of, status, score, "02-01").await?;
        }
        client.execute("update legacy.analyses set type = 'ultra' where id = $1", &[&id("type")]).await?;
        client.execute("update legacy.analyses set user_id = $1 where id = $2", &[&bob, &id("astray")]).await?;
        client.execute("update legacy.analyses set result = '[1]' where id = $1", &[&id("fine")]).await?;
        import_all(client).await?;
        let leads = [
            ("good", None),
            ("wrong", Some("invalid_username")),
            ("erased", Some("erased_on_request")),
            ("unjudged", Some("never_analysed")),
            ("others", Some("business_of_another_user")),
        ];
        for (name, expected) in leads {
            assert_eq!(reason(client, "leads", id(name)).await?.as_deref(), expected, "{name}");
        }
        let analyses = [
            ("fine", None),
            ("null", Some("no_score")),
            ("high", Some("score_out_of_range")),
            ("odd", Some("unknown_status")),
            ("type", Some("unknown_type")),
            // It failed, and is kept as a failed run.
            ("late", None),
            ("hidden", Some("lead_left_out")),
            ("astray", Some("lead_of_another_user")),
        ];
        for (name, expected) in analyses {
            assert_eq!(reason(client, "analyses", id(name)).await?.as_deref(), expected, "{name}");
        }
        assert_eq!(value(client, "select char_length(l.biography) from leads l").await?, 2000);
        assert_eq!(value(client, "select a.result from analyses a").await?, serde_json::json!({ "value": [1] }));
        Ok(())
    });
}

#[test]
fn a_user_owns_one_account_and_one_who_cannot_sign_in_has_none() {
    with_database(async |_, client| {
        old_user(client, "ann", 5).await?;
        let bob = old_user(client, "bob", 6).await?;
        client.execute("update auth.users set email = null where id = $1", &[&id("ann")]).await?;
        client.execute("delete from auth.users where id = $1", &[&bob]).await?;
        business(client, bob, "shop").await?;
        import_all(client).await?;
        let owners = "select jsonb_agg(m.role || ' of ' || a.name) from account_members m join accounts a on a.id = m.account_id";
        assert_eq!(value(client, owners).await?, serde_json::json!(["owner of My account"]));
        assert_eq!(reason(client, "users", bob).await?.as_deref(), Some("not_in_auth"));
        assert_eq!(reason(client, "user_credits", bob).await?.as_deref(), Some("user_not_carried"));
        assert_eq!(reason(client, "business_profiles", id("shop")).await?.as_deref(), Some("user_not_carried"));
        Ok(())
    });
}

#[test]
fn a_user_who_was_missing_in_auth_is_imported_once_they_are_there() {
    with_database(async |_, client| {
        old_user(client, "ann", 5).await?;
        let bob = old_user(client, "bob", 6).await?;
        business(client, bob, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "first", "lead", "complete", 70, "02-01").await?;
        let usage = "insert into legacy.ai_usage_logs values ($1, $2, 'gpt-4o', 100, 20, 0.01, now())";
        client.execute(usage, &[&id("usage"), &id("first")]).await?;
        client.execute("delete from auth.users where id = $1", &[&bob]).await?;
        import_all(client).await?;
        assert_eq!(reason(client, "ai_usage_logs", id("usage")).await?.as_deref(), Some("analysis_left_out"));

        signed_up(client, "bob").await?;
        import_all(client).await?;
        for (table, row) in [
            ("users", bob),
            ("user_credits", bob),
            ("leads", id("lead")),
            ("analyses", id("first")),
            ("ai_usage_logs", id("usage")),
        ] {
            assert_eq!(reason(client, table, row).await?, None, "{table}");
        }
        let sums = report::sums(client).await?;
        let credits = sums.iter().find(|sum| sum.name == "credits").unwrap();
        assert_eq!((credits.before, credits.after, credits.left_out), (11, 11, 0), "the sums are those of both");
        Ok(())
    });
}

#[test]
fn past_days_of_the_insights_count_imported_runs_until_they_are_undone() {
    with_database(async |_, client| {
        let sum_up = "select system.sum_up(now())";
        let runs = "select coalesce(sum(r.runs), 0) from private.run_sums('00000000-0000-0000-0000-000000000000', '2026-02-01', '2026-02-01') r";
        let ann = old_user(client, "ann", 0).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "first", "lead", "complete", 70, "02-01").await?;
        client.execute(sum_up, &[]).await?;
        import_all(client).await?;
        assert_eq!(value(client, runs).await?, 1, "read from the rows");
        client.execute(sum_up, &[]).await?;
        assert_eq!(value(client, runs).await?, 1, "summed up");
        undo::undo(client).await?;
        assert_eq!(value(client, runs).await?, 0);
        Ok(())
    });
}

#[test]
fn usage_is_kept_as_long_as_the_product_keeps_it() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 0).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "first", "lead", "complete", 70, "02-01").await?;
        for (name, age) in [("young", 5), ("old", 91)] {
            let sql = "insert into legacy.ai_usage_logs values ($1, $2, 'gpt-4o', 100, 20, 0.0123, now() - make_interval(days => $3))";
            client.execute(sql, &[&id(name), &id("first"), &age]).await?;
        }
        import_all(client).await?;
        assert_eq!(reason(client, "ai_usage_logs", id("young")).await?, None);
        assert_eq!(reason(client, "ai_usage_logs", id("old")).await?.as_deref(), Some("older_than_kept"));
        let usage = "select u.provider || ' ' || u.model || ' ' || u.input_tokens || ' ' || u.cost_microusd from ai_usage_logs u";
        assert_eq!(value(client, usage).await?, "openai gpt-4o 100 12300");
        assert_eq!(value(client, "select a.provider || ' ' || a.model from analyses a").await?, "openai gpt-4o");
        Ok(())
    });
}
