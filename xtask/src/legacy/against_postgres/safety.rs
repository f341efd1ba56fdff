//! That nothing is imported twice, halfway, or by the wrong hand; and the way back.

use oslira_app::features::retention::Remains;

use super::*;
use crate::legacy::rehearse::{contents, differences};
use crate::legacy::undo;

/// Two users with a lead each.
async fn two_users(client: &Client) -> Result<()> {
    for name in ["ann", "bob"] {
        let user = old_user(client, name, 20).await?;
        business(client, user, &format!("{name}'s")).await?;
        lead(client, &format!("{name}'s lead"), &format!("{name}'s"), "nasa", "02-01").await?;
        analysis(client, &format!("{name}'s analysis"), &format!("{name}'s lead"), "complete", 70, "02-01").await?;
    }
    Ok(())
}

fn told<T>(result: Result<T>) -> String {
    format!("{:#}", result.err().expect("it must be refused"))
}

#[test]
fn everything_that_is_missing_is_told_at_once_and_nothing_is_written() {
    with_database(async |_, client| {
        client
            .batch_execute(
                "alter table legacy.leads rename bio to about; alter table legacy.analyses alter score type text;
                 drop table legacy.ai_usage_logs; insert into legacy.users values (null), (gen_random_uuid())",
            )
            .await?;
        let error = told(import::prepare(client, &mapping()).await);
        for part in [
            "legacy.leads has no column bio",
            "legacy.analyses.score is text",
            "no table legacy.ai_usage_logs",
            "without \"id\"",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(value(client, "select to_regnamespace('legacy_import') is null").await?, true);
        Ok(())
    });
}

#[test]
fn a_renamed_database_is_imported_by_its_mapping() {
    with_database(async |_, client| {
        two_users(client).await?;
        client
            .batch_execute(
                "alter schema legacy rename to \"Old\"; alter table \"Old\".leads rename to \"Prospects\";
                 alter table \"Old\".\"Prospects\" rename username to \"Handle\";
                 alter table \"Old\".\"Prospects\" alter created_at type timestamp using created_at at time zone 'UTC';
                 drop table \"Old\".webhook_events; set timezone = 'Asia/Tokyo'",
            )
            .await?;
        let text = MAPPING
            .replace("\"schema\": \"legacy\"", "\"schema\": \"Old\"")
            .replace("\"table\": \"leads\"", "\"table\": \"Prospects\"");
        let text = text.replace("\"username\": \"username\"", "\"username\": \"Handle\"");
        let mut file: Value = serde_json::from_str(&text)?;
        file["tables"]["webhook_events"] = Value::Null;
        import::prepare(client, &Mapping::parse(&file.to_string())?).await?;
        import::import(client, 1, |_, _| {}).await?;
        let leads = "select jsonb_agg(distinct l.username || ' ' || to_char(l.created_at at time zone 'UTC', 'HH24:MI')) from leads l";
        assert_eq!(value(client, leads).await?, serde_json::json!(["nasa 12:00"]));
        Ok(())
    });
}

#[test]
fn only_the_owner_imports() {
    with_database(async |database, client| {
        two_users(client).await?;
        let admin = database.login("oslira_admin").await?;
        assert!(told(import::prepare(&admin, &mapping()).await).contains("only the database's owner imports"));
        Ok(())
    });
}

#[test]
fn two_imports_never_run_at_once() {
    with_database(async |database, client| {
        two_users(client).await?;
        import::prepare(client, &mapping()).await?;
        let other = database.superuser().await?;
        assert!(told(import::prepare(&other, &mapping()).await).contains("under way"));
        // A pooler may have given the session away: each batch asks for itself.
        let batch = other.execute("select legacy_import.import_users(1)", &[]).await;
        assert!(batch.unwrap_err().as_db_error().unwrap().message().contains("under way"));
        Ok(())
    });
}

#[test]
fn a_killed_import_goes_on_where_it_was() {
    with_database(async |database, client| {
        two_users(client).await?;
        let killed = database.superuser().await?;
        import::prepare(&killed, &mapping()).await?;
        killed
            .execute("insert into legacy_import.handles select l.id, 'nasa' from legacy_import.old_leads l", &[])
            .await?;
        killed.execute("select legacy_import.import_users(1)", &[]).await?;
        killed.batch_execute("begin; select legacy_import.import_users(1)").await?;
        let process: i32 = killed.query_one("select pg_backend_pid()", &[]).await?.try_get(0)?;
        client.execute("select pg_terminate_backend($1, 5000)", &[&process]).await?;
        assert_eq!(
            value(client, "select count(*) from accounts").await?,
            1,
            "one batch was committed, the other is gone"
        );
        import_all(client).await?;
        assert_eq!(value(client, "select count(*) from accounts").await?, 2);
        assert_eq!(value(client, "select sum(b.balance) from credit_balances b").await?, 40);
        Ok(())
    });
}

#[test]
fn a_row_that_came_after_its_user_is_told_and_so_is_a_wrong_sum() {
    with_database(async |_, client| {
        two_users(client).await?;
        import_all(client).await?;
        report::require_whole(client).await?;
        lead(client, "late", "ann's", "esa", "02-01").await?;
        assert!(told(import_all(client).await).contains("1 rows of leads came after"));
        client.batch_execute("delete from legacy.leads where username = 'esa'; delete from legacy_import.sums").await?;
        client
            .execute(
                "update legacy_import.users set credits_after = credits_after + 1 where user_id = $1",
                &[&id("ann")],
            )
            .await?;
        assert!(told(report::require_whole(client).await).contains("the sums of credits differ"));
        Ok(())
    });
}

#[test]
fn an_account_that_was_used_since_stays_and_the_others_are_undone() {
    with_database(async |_, client| {
        two_users(client).await?;
        signed_up(client, "cat").await?;
        client.execute("insert into legacy.users (id) values ($1)", &[&id("cat")]).await?;
        let before = contents(client, &["public", "auth", "legacy"]).await?;
        import_all(client).await?;
        let ann = "(select m.account_id from account_members m where m.user_id = $1)";
        client.execute(&format!("update leads set tags = '{{vip}}' where account_id = {ann}"), &[&id("ann")]).await?;
        let undone = undo::undo(client).await?;
        assert_eq!(undone.users, 2);
        assert_eq!(undone.refused.len(), 1);
        assert_eq!(undone.refused[0].used.keys().collect::<Vec<_>>(), ["lead_actions", "leads"]);
        assert_eq!(
            value(client, "select count(*) from accounts").await?,
            2,
            "hers, and the one that the sign-up had made"
        );
        assert_eq!(value(client, "select count(*) from credit_transactions t where t.kind = 'expiry'").await?, 0);

        // As it was right after the import, it can be undone.
        client.execute(&format!("update leads set tags = '{{}}' where account_id = {ann}"), &[&id("ann")]).await?;
        client.batch_execute("delete from lead_actions").await?;
        assert!(undo::undo(client).await?.is_whole());
        assert_eq!(differences(&before, &contents(client, &["public", "auth", "legacy"]).await?), Vec::<String>::new());
        assert!(told(undo::undo(client).await).contains("nothing to undo"));
        let append_only = client.execute("update credit_transactions set amount = 1", &[]).await;
        assert!(append_only.is_err(), "the ledger's guard is on again");
        Ok(())
    });
}

#[test]
fn an_import_is_undone_from_a_session_with_another_time_zone() {
    with_database(async |database, client| {
        two_users(client).await?;
        signed_up(client, "cat").await?;
        client.execute("insert into legacy.users (id) values ($1)", &[&id("cat")]).await?;
        let before = contents(client, &["public", "auth", "legacy"]).await?;
        import_all(client).await?;
        let zone = format!("alter database {} set timezone = 'Asia/Tokyo'", database.name());
        client.batch_execute(&format!("{zone}; select pg_advisory_unlock_all()")).await?;
        let other = database.superuser().await?;
        assert_eq!(value(&other, "select current_setting('timezone')").await?, "Asia/Tokyo");
        assert!(undo::undo(&other).await?.is_whole());
        assert_eq!(differences(&before, &contents(client, &["public", "auth", "legacy"]).await?), Vec::<String>::new());
        Ok(())
    });
}

#[test]
fn what_was_undone_can_be_imported_again() {
    with_database(async |_, client| {
        two_users(client).await?;
        import_all(client).await?;
        undo::undo(client).await?;
        import_all(client).await?;
        assert_eq!(value(client, "select sum(b.balance) from credit_balances b").await?, 40);
        Ok(())
    });
}

#[test]
fn what_was_mended_after_a_partial_undo_is_read_again() {
    with_database(async |_, client| {
        two_users(client).await?;
        let event =
            "insert into legacy.webhook_events values (gen_random_uuid(), 'evt_1', 'invoice.paid', '2026-03-01')";
        client.batch_execute(event).await?;
        let rename = "update legacy.leads set username = $1 where id = $2";
        client.execute(rename, &[&"not a name", &id("bob's lead")]).await?;
        import_all(client).await?;
        assert_eq!(reason(client, "leads", id("bob's lead")).await?.as_deref(), Some("invalid_username"));

        client.batch_execute("update leads set tags = '{vip}'").await?;
        let undone = undo::undo(client).await?;
        assert_eq!((undone.users, undone.refused.len()), (1, 1));
        let known = "select system.missed_events('[\"evt_1\"]')";
        assert_eq!(
            value(client, known).await?,
            serde_json::json!([]),
            "an event would be applied to the account that stays"
        );

        client.execute(rename, &[&"esa", &id("bob's lead")]).await?;
        import_all(client).await?;
        assert_eq!(reason(client, "leads", id("bob's lead")).await?, None);

        client.batch_execute("update leads set tags = '{vip}'").await?;
        assert_eq!(undo::undo(client).await?.users, 0);
        assert!(report::is_complete(client).await?, "nobody was undone");
        Ok(())
    });
}

#[test]
fn the_end_is_confirmed_by_name_and_comes_after_a_complete_import() {
    with_database(async |database, client| {
        two_users(client).await?;
        assert!(told(undo::finish(client).await).contains("nothing to finish"));
        import::prepare(client, &mapping()).await?;
        assert!(told(undo::finish(client).await).contains("not complete"));
        import::import(client, 1, |_, _| {}).await?;
        assert!(told(undo::confirm(client, "another").await).contains(database.name()));
        undo::confirm(client, database.name()).await?;
        undo::finish(client).await?;
        let left = "select jsonb_agg(c.relname) from pg_class c where c.relnamespace = 'legacy_import'::regnamespace";
        assert_eq!(value(client, left).await?, serde_json::json!(["finished"]));
        assert_eq!(value(client, "select count(*) from leads").await?, 2);
        assert!(told(import::prepare(client, &mapping()).await).contains("the import was finished in this database"));
        assert!(told(undo::undo(client).await).contains("nothing to undo"));
        assert!(told(undo::finish(client).await).contains("nothing to finish"));
        Ok(())
    });
}

#[test]
fn no_role_of_the_product_reaches_what_the_import_remembers() {
    with_database(async |_, client| {
        import::prepare(client, &mapping()).await?;
        let reached = "select count(*) from pg_roles r
             where r.rolname in ('anon', 'authenticated', 'service_role', 'operator') and (
               has_schema_privilege(r.rolname, 'legacy_import', 'usage') or exists (
                 select from pg_class c where c.relnamespace = 'legacy_import'::regnamespace and c.relkind in ('r', 'v')
                    and has_table_privilege(r.rolname, c.oid, 'select')) or exists (
                 select from pg_proc p where p.pronamespace = 'legacy_import'::regnamespace
                    and has_function_privilege(r.rolname, p.oid, 'execute')))";
        assert_eq!(value(client, reached).await?, 0);
        Ok(())
    });
}

#[test]
fn what_is_written_twice_is_the_same() {
    let sql = include_str!("../../../../supabase/legacy/tables.sql");
    assert!(sql.contains(&format!("select {}", import::LOCK_KEY)));
    let days = Remains::AiUsage.kept_for().as_hours() / 24;
    assert!(include_str!("../../../../supabase/legacy/analyses.sql").contains(&format!("interval '{days} days'")));
}
