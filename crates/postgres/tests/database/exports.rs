//! An account's data as it is taken out: all of it, once, by whoever may, and nothing that would be a secret.

use std::collections::{BTreeMap, BTreeSet};

use oslira_app::{
    features::{
        account::{AccountStore as _, ExportedRow, ExportedTable},
        auth,
    },
    shared::store::StoreError,
};
use oslira_postgres::TenantDb;
use oslira_testkit::{Error, TestResult};
use serde_json::json;
use uuid::Uuid;

use crate::{
    members::colleague,
    support::{Stage, acting},
    tenancy::furnish,
};

/// Tables of accounts that are not exported, and why.
const NOT_EXPORTED: [(&str, &str); 6] = [
    ("ai_usage_logs", "what models cost us; the runs say what was done for the account"),
    ("card_fingerprints", "hashes that say no more than that this account's free credits count for a card"),
    ("insight_account_costs", "what the calls of a day cost us"),
    ("insight_runs", "sums of the runs, which are exported"),
    ("scrape_logs", "what scrapes cost us; the runs say whom they were about"),
    ("webhook_events", "Stripe's messages, whose effects are the payments, subscriptions and purchases"),
];

/// Columns that are not, and why.
const WITHHELD: [(&str, &[&str]); 21] = [
    // How far sign-up and erasure have come.
    ("accounts", &["erasing_at", "starting_credits_at", "tombstoned_at", "wiped_to_run"]),
    // The account's id stands at the top of the file. The person's id is the user's; scopes and ends are the keys'.
    ("account_members", &["account_id", "expires_at", "person_id", "scopes"]),
    // Who knows a link or a secret by its hash could wait for a slip of its owner.
    ("invitations", &["account_id", "token_hash"]),
    ("api_keys", &["account_id", "earlier_by", "earlier_hash", "secret_by", "secret_hash", "secret_used"]),
    ("member_actions", &["account_id"]),
    // Keys of requests, and what was deleted.
    ("business_profiles", &["account_id", "body_hash", "deleted_at", "emptied_at", "idempotency_key"]),
    // The status tells stage and outcome; what a search looks through repeats the other columns; Instagram's id is kept
    // only to find whom an erasure means.
    ("leads", &["account_id", "deleted_at", "instagram_id", "outcome", "search_text", "stage"]),
    // What an analysis cost us, and where its scrape was stored.
    ("analyses", &["account_id", "cost", "cost_microusd", "deleted_at", "snapshot_key"]),
    ("lead_outcomes", &["account_id"]),
    ("lead_notes", &["account_id", "number", "version"]),
    ("lead_actions", &["account_id"]),
    ("lead_filters", &["account_id", "version"]),
    // How the engine kept a run alive; whether its profile was cached, the analyses say.
    (
        "runs",
        &[
            "account_id",
            "ai_started_at",
            "body_hash",
            "cache_hit",
            "claimed_at",
            "heartbeat_at",
            "idempotency_key",
            "woken_at",
        ],
    ),
    ("bulk_runs", &["account_id", "body_hash", "idempotency_key"]),
    ("credit_balances", &["account_id"]),
    // How grants are kept: the transactions tell every movement.
    ("credit_grants", &["account_id", "has_rest", "is_brought_back", "times_ended"]),
    // It repeats kind and run.
    ("credit_transactions", &["account_id", "idempotency_key"]),
    ("subscriptions", &["account_id", "observed_at"]),
    // When Stripe was asked for cards.
    ("billing_customers", &["account_id", "cards_noted_at"]),
    ("credit_purchases", &["account_id", "idempotency_key"]),
    ("payments", &["account_id", "corrections"]),
];

/// Tables of which nothing but the account's id is withheld.
const WITHHELD_BY_DEFAULT: [&str; 1] = ["account_id"];

async fn names(stage: &Stage, sql: &str) -> Result<BTreeSet<String>, Error> {
    Ok(stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn every_table_and_column_of_an_account_is_exported_or_said_why_not() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let owned = names(
        &stage,
        "select c.relname::text from pg_class c
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
         union select 'accounts'",
    )
    .await?;
    let exported = names(&stage, "select source from exported_tables").await?;
    let reasoned: BTreeSet<String> = NOT_EXPORTED.iter().map(|(table, _)| (*table).to_owned()).collect();
    let known: BTreeSet<String> = exported.union(&reasoned).cloned().collect();
    assert_eq!(owned, known, "export a new table, or say why not");
    assert!(exported.is_disjoint(&reasoned));

    let columns = "select e.source, array(select a.attname::text from pg_attribute a
                       where a.attrelid = ('public.' || e.source)::regclass and a.attnum > 0 and not a.attisdropped
                         and not (a.attname = any (e.columns)) order by 1)
                     from exported_tables e";
    let withheld: BTreeMap<&str, &[&str]> = WITHHELD.into_iter().collect();
    for row in stage.superuser.query(columns, &[]).await? {
        let (table, left_out): (String, Vec<String>) = (row.get(0), row.get(1));
        let expected = withheld.get(table.as_str()).copied().unwrap_or(&WITHHELD_BY_DEFAULT);
        assert_eq!(left_out, expected, "{table}: export a new column, or say why not");
    }
    Ok(())
}

#[tokio::test]
async fn the_order_of_every_table_is_one_in_which_no_row_is_passed_over() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let loose = "select e.source from exported_tables e
                  where not exists (
                    select from pg_index i
                     where i.indrelid = ('public.' || e.source)::regclass and i.indisunique and i.indpred is null
                       and array(select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey))
                           <@ (e.key_columns || e.owner_column)
                  ) or exists (
                    select from pg_attribute a
                     where a.attrelid = ('public.' || e.source)::regclass and a.attname = any (e.key_columns) and not a.attnotnull
                  )";
    assert_eq!(names(&stage, loose).await?, BTreeSet::new());
    Ok(())
}

/// Every row of every table, read as an export does.
async fn all(tenant: &TenantDb, member: auth::Member) -> Result<BTreeMap<String, Vec<ExportedRow>>, StoreError> {
    let mut all = BTreeMap::new();
    for ExportedTable { name, page_rows, .. } in tenant.exported_tables(member).await?.unwrap() {
        let mut rows: Vec<ExportedRow> = Vec::new();
        loop {
            let page = tenant.exported_rows(member, &name, rows.last().map(|row| &row.key)).await?;
            let is_last = page.len() < page_rows;
            rows.extend(page);
            if is_last {
                break;
            }
        }
        all.insert(name, rows);
    }
    Ok(all)
}

/// What `furnish` does not do: keys, invitations, what was paid.
async fn furnish_the_rest(stage: &Stage, account: Uuid) -> TestResult {
    let key = "select api.create_key($1, gen_random_uuid(), 'Import', '{read,export}', null, null, null, 'oslira_0123', repeat('cd', 32))";
    stage.customer.call(key, &[&account]).await?;
    let invite =
        "select api.invite_member($1, gen_random_uuid(), 'guest@example.com', 'viewer', null, null, repeat('ab', 32))";
    stage.customer.call(invite, &[&account]).await?;
    stage.customer.call("select api.link_customer($1, 'cus_1')", &[&account]).await?;
    for insert in [
        "insert into payments (id, account_id, amount_cents) values ('purchase:1', $1, 2000)",
        "insert into disputes (stripe_dispute_id, payment_id, amount_cents, status)
           select 'dp_1', p.id, 2000, 'open' from payments p where p.account_id = $1",
        "insert into returned_periods (account_id, subscription_id, plan_id, payment_id, starts_at, ends_at)
           select s.account_id, s.id, 'starter', 'purchase:1', now(), now() + interval '1 day'
             from subscriptions s where s.account_id = $1",
    ] {
        stage.execute(insert, &[&account]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_export_holds_every_row_once_whatever_the_size_of_a_page_and_no_secret() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let account = stage.member.account_id;
    let other = stage.database.member("bob", 9).await?;
    furnish(&stage, &other, &stage.database.customer(other.user_id).await?).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    furnish_the_rest(&stage, account).await?;

    let tenant = stage.tenant();
    let whole = all(&tenant, acting(&stage.member)).await.unwrap();
    let sizes = stage.superuser.query("select name, source, owner_column, condition from exported_tables", &[]).await?;
    for row in sizes {
        let (name, source, owner, condition): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let sql = format!("select count(*) from {source} t where t.{owner} = $1 and {condition}");
        let there: i64 = stage.superuser.query_one(&sql, &[&account]).await?.get(0);
        assert!(there > 0, "{name}: a new table needs rows in `furnish`");
        assert_eq!(i64::try_from(whole[&name].len()).unwrap(), there, "{name}");
    }
    assert_eq!(whole["account"][0].row["id"], json!(account));
    assert!(whole["members"][0].row["email"].as_str().unwrap().contains('@'));
    assert_eq!(whole["api_keys"][0].row["scopes"], json!(["read", "export"]));
    assert_eq!(whole["payments"][0].row["disputes"][0]["status"], "open");
    let text = format!("{whole:?}");
    for secret in ["cdcdcd", "ababab", "instagram/nasa/1", &other.account_id.to_string()] {
        assert!(!text.contains(secret), "{secret}");
    }

    stage.execute("update exported_tables set page_rows = 1", &[]).await?;
    let by_one = all(&tenant, acting(&stage.member)).await.unwrap();
    // A key's time of last use and the like do not move meanwhile.
    assert_eq!(by_one, whole);
    Ok(())
}

#[tokio::test]
async fn data_is_taken_out_by_who_may_and_of_a_closed_account_by_its_owners() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    furnish_the_rest(&stage, stage.member.account_id).await?;
    let tenant = stage.tenant();
    let account = acting(&stage.member).account();
    let as_user = |user: Uuid| auth::Member::new(oslira_app::shared::ids::UserId::new(user), account);
    let mut admins = Vec::new();
    for (role, may) in [("viewer", false), ("member", false), ("admin", true), ("owner", true)] {
        let (user, _) = colleague(&stage, role, role).await?;
        let tables = tenant.exported_tables(as_user(user)).await;
        let rows = tenant.exported_rows(as_user(user), "leads", None).await;
        assert_eq!((tables.is_ok(), rows.is_ok()), (may, may), "{role}");
        if !may {
            assert!(
                matches!(tables, Err(StoreError::PermissionMissing))
                    && matches!(rows, Err(StoreError::PermissionMissing))
            );
        }
        admins.push(user);
    }
    let key: Uuid = stage.superuser.query_one("select id from api_keys", &[]).await?.get(0);
    assert!(tenant.exported_tables(as_user(key)).await.unwrap().is_some());
    stage.execute("update account_members set scopes = '{read}' where user_id = $1", &[&key]).await?;
    assert!(matches!(tenant.exported_tables(as_user(key)).await, Err(StoreError::PermissionMissing)));
    let eve = stage.database.member("eve", 0).await?.user_id;
    assert_eq!(tenant.exported_tables(as_user(eve)).await.unwrap(), None);
    // An empty page would look like the end of the table.
    assert!(matches!(tenant.exported_rows(as_user(eve), "leads", None).await, Err(StoreError::PermissionMissing)));

    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    assert!(!all(&tenant, acting(&stage.member)).await.unwrap()["leads"].is_empty());
    assert_eq!(tenant.exported_tables(as_user(admins[2])).await.unwrap(), None);
    assert!(tenant.exported_rows(as_user(admins[2]), "leads", None).await.is_err());
    assert!(tenant.exported_tables(as_user(admins[3])).await.unwrap().is_some());
    Ok(())
}

#[tokio::test]
async fn no_name_or_key_of_a_row_is_taken_for_sql() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let other = stage.database.member("bob", 9).await?;
    furnish(&stage, &other, &stage.database.customer(other.user_id).await?).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    let leads = stage.count("leads").await?;
    let (tenant, member) = (stage.tenant(), acting(&stage.member));
    for table in ["accounts", "auth.users", "leads t --", "leads'", ""] {
        assert!(matches!(tenant.exported_rows(member, table, None).await, Err(StoreError::Defect(_))), "{table}");
    }
    let widening = json!(["infinity') or ('x' = 'x", "x"]);
    let dropping = json!(["x'); drop table leads; --", 1]);
    for key in [json!([]), json!([1]), dropping, widening, json!([null, null]), json!({})] {
        let answer = tenant.exported_rows(member, "leads", Some(&key)).await;
        assert!(
            matches!(&answer, Err(StoreError::Defect(_))) || answer.as_ref().is_ok_and(Vec::is_empty),
            "{key} {answer:?}"
        );
    }
    assert_eq!(stage.count("leads").await?, leads);
    Ok(())
}
