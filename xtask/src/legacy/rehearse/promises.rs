//! What an import promises, checked from outside: by the old tables and the product's, and not by what the import says of itself.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio_postgres::Client;

use crate::legacy::mapping::Mapping;
use crate::legacy::{import, report, undo};

/// How many users one transaction imports: few, so that a rehearsal has several batches.
const USERS_AT_ONCE: i32 = 20;
/// How many breaches a line shows.
const SHOWN_MAX: usize = 3;

/// A promise, and what breaks it.
#[derive(Debug)]
pub struct Promise {
    name: &'static str,
    figures: String,
    broken: Vec<String>,
}

impl Promise {
    pub fn is_held(&self) -> bool {
        self.broken.is_empty()
    }

    /// `held` or `BROKEN`, the promise, and its figures or what broke it.
    pub fn line(&self) -> String {
        if self.is_held() {
            return format!("held    {}: {}", self.name, self.figures);
        }
        let shown: Vec<&str> = self.broken.iter().take(SHOWN_MAX).map(String::as_str).collect();
        format!("BROKEN  {} ({} times): {}", self.name, self.broken.len(), shown.join("; "))
    }
}

/// Each query returns one line of text per violation. They read a database right after the import.
const RULES: [(&str, &str); 9] = [
    (
        "a user has other credits than before",
        "select u.id::text from legacy.users u
           join auth.users s on s.id = u.id and s.deleted_at is null
           join account_members m on m.user_id = u.id and m.role = 'owner'
           join credit_balances b using (account_id)
           left join legacy.user_credits c on c.user_id = u.id
          where b.balance - b.owed <> coalesce(c.balance, 0) + coalesce((
            select sum(l.charge) from legacy.analyses a
             cross join lateral (
               select -sum(t.delta) from legacy.credit_ledger t where t.user_id = u.id and t.run_id = a.id
             ) l (charge)
             where a.user_id = u.id and a.status in ('pending', 'processing') and l.charge > 0), 0)",
    ),
    (
        "a user who can sign in has not one account that is theirs",
        "select s.id::text from auth.users s join legacy.users u using (id)
          where s.deleted_at is null and 1 <> (
            select count(*) from account_members m join accounts a on a.id = m.account_id
             where m.user_id = s.id and m.role = 'owner' and a.deleted_at is null)",
    ),
    (
        "an account has not one owner",
        "select a.id::text from accounts a where 1 <> (
           select count(*) from account_members m where m.account_id = a.id)",
    ),
    (
        "something is another user's than before",
        "select o.legacy_table || ' ' || o.legacy_id from legacy_import.origins o
           join (
             select 'leads' as t, l.id::text, l.user_id from legacy.leads l union all
             select 'analyses', a.id::text, a.user_id from legacy.analyses a union all
             select 'business_profiles', b.id::text, b.user_id from legacy.business_profiles b union all
             select 'subscriptions', s.id::text, s.user_id from legacy.subscriptions s
           ) old on old.t = o.legacy_table and old.id = o.legacy_id
           join (
             select 'leads' as t, l.id::text, l.account_id from leads l union all
             select 'runs', r.id::text, r.account_id from runs r union all
             select 'business_profiles', b.id::text, b.account_id from business_profiles b union all
             select 'subscriptions', s.id::text, s.account_id from subscriptions s
           ) new on new.t = o.relation and new.id = o.new_id
          where not exists (
            select from account_members m where m.account_id = new.account_id and m.user_id = old.user_id and m.role = 'owner')",
    ),
    (
        "a ledger does not start with the old balance",
        "select c.user_id::text from legacy.user_credits c
           join account_members m on m.user_id = c.user_id
           join lateral (
             select t.amount, t.idempotency_key from credit_transactions t
              where t.account_id = m.account_id and t.kind <> 'expiry' and not starts_with(t.idempotency_key, 'starting:')
              order by t.id limit 1
           ) f on true
          where c.balance > 0 and (f.amount, f.idempotency_key) is distinct from (c.balance::bigint, 'legacy:opening:' || c.user_id)",
    ),
    (
        "free credits are left beside the old balance",
        "select g.id::text from credit_grants g where g.source = 'free' and g.remaining > 0",
    ),
    (
        "a sign-in would give free credits",
        "select a.id::text from accounts a where a.starting_credits_at is null",
    ),
    (
        "an analysis has lost its date",
        "select a.id::text from legacy.analyses a
           join legacy_import.origins o on o.legacy_table = 'analyses' and o.legacy_id = a.id::text
           join runs r on r.id::text = o.new_id
          where r.created_at <> a.created_at",
    ),
    (
        "somebody is mailed or charged",
        "select 'account_events' from account_events union all select 'credit_purchases' from credit_purchases
          union all select 'payments' from payments union all select 'auto_top_ups' from auto_top_ups
          union all select 'invitations' from invitations
          union all select 'webhook_events' from webhook_events where processed_at is null",
    ),
];

/// Imports, imports again and undoes, in a database with the previous product's tables in `legacy`, and checks every promise.
pub async fn check(client: &Client, mapping: &Mapping) -> Result<Vec<Promise>> {
    let before = contents(client, &["public", "auth", "legacy"]).await?;
    import::prepare(client, mapping).await?;
    interrupted(client).await?;
    import::import(client, USERS_AT_ONCE, quiet).await?;
    let mut promises = vec![sums(client).await?, ends(client).await?];

    let everything = ["public", "auth", "legacy", "legacy_import"];
    let first = contents(client, &everything).await?;
    import::prepare(client, mapping).await?;
    import::import(client, USERS_AT_ONCE, quiet).await?;
    let second = contents(client, &everything).await?;
    promises.push(Promise {
        name: "a second run changes nothing",
        figures: format!("{} tables as they were", first.len()),
        broken: differences(&first, &second),
    });

    let whole = whole(client).await?;
    let undone = undo::undo(client).await?;
    let mut broken: Vec<String> = undone.refused.iter().map(|refused| format!("{refused:?}")).collect();
    broken.extend(differences(&before, &contents(client, &["public", "auth", "legacy"]).await?));
    promises.push(Promise {
        name: "undo leaves the database as it was",
        figures: format!("{} users undone, {} tables as they were", undone.users, before.len()),
        broken,
    });
    promises.push(whole);
    Ok(promises)
}

/// A rehearsal tells its promises, and not its progress.
fn quiet(_: &str, _: i64) {}

/// A batch that is cut off leaves nothing behind, and one that was committed is gone on from.
async fn interrupted(client: &Client) -> Result<()> {
    import::gather(client, &quiet).await?;
    client.batch_execute("begin; select legacy_import.import_users(2); rollback").await?;
    client.execute("select legacy_import.import_users(3)", &[]).await?;
    Ok(())
}

async fn sums(client: &Client) -> Result<Promise> {
    let sums = report::sums_now(client).await?;
    let figures = sums.iter().map(|sum| {
        let extra = [("merged", sum.merged), ("left out", sum.left_out), ("returned", -sum.returned)];
        let extra = extra
            .iter()
            .filter(|(_, n)| *n != 0)
            .map(|(what, n)| format!(" {} {} {what}", if *n < 0 { '-' } else { '+' }, n.abs()));
        format!("{} {} = {}{}", sum.name, sum.before, sum.after, extra.collect::<String>())
    });
    let figures = figures.collect::<Vec<_>>().join(", ");
    let mut broken: Vec<String> = sums.iter().filter(|sum| !sum.is_equal()).map(|sum| format!("{sum:?}")).collect();
    broken.extend(violations(client, RULES.split_at(1).0).await?);
    Ok(Promise { name: "sums are equal before and after", figures, broken })
}

async fn ends(client: &Client) -> Result<Promise> {
    let ends = report::ends(client).await?;
    let broken = ends.iter().filter(|ends| {
        ends.missing != 0 || ends.twice != 0 || ends.total == 0 || ends.total != ends.carried + ends.left_out
    });
    let sum = |of: fn(&report::Ends) -> i64| ends.iter().map(of).sum::<i64>();
    Ok(Promise {
        name: "every row is carried over or reported",
        figures: format!(
            "{} rows, {} carried over, {} reported for {} reasons",
            sum(|ends| ends.total),
            sum(|ends| ends.carried),
            sum(|ends| ends.left_out),
            report::left_out(client).await?.len()
        ),
        broken: broken.map(|ends| format!("{ends:?}")).collect(),
    })
}

async fn whole(client: &Client) -> Result<Promise> {
    let mut broken = oslira_testkit::audit(client).await?;
    broken.extend(violations(client, RULES.split_at(1).1).await?);
    let sql = "select (select count(*) from accounts), (select count(*) from credit_transactions)";
    let row = client.query_one(sql, &[]).await?;
    let (accounts, entries): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Promise {
        name: "tenancy and ledger are whole",
        figures: format!(
            "{accounts} accounts of one owner each, {entries} entries = balances = grants, nobody mailed or charged"
        ),
        broken,
    })
}

async fn violations(client: &Client, rules: &[(&str, &str)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (rule, sql) in rules {
        for row in client.query(*sql, &[]).await? {
            found.push(format!("{rule}: {}", row.try_get::<_, String>(0)?));
        }
    }
    Ok(found)
}

/// Each table of these schemas, with a digest of all its rows.
pub async fn contents(client: &Client, schemas: &[&str]) -> Result<BTreeMap<String, String>> {
    let tables = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any ($1) and c.relkind = 'r'";
    let mut contents = BTreeMap::new();
    for row in client.query(tables, &[&schemas]).await? {
        let table: String = row.try_get(0)?;
        let sql = format!(
            "select count(*) || ' rows ' || coalesce(md5(string_agg(md5(x::text), '' order by md5(x::text))), '') from {table} x"
        );
        contents.insert(table, client.query_one(&sql, &[]).await?.try_get(0)?);
    }
    Ok(contents)
}

/// Tables that differ.
pub fn differences(left: &BTreeMap<String, String>, right: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |table: &&String| left.get(*table) != right.get(*table);
    let tables: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    tables.iter().filter(|table| differs(table)).map(|table| format!("{table} is different")).collect()
}
