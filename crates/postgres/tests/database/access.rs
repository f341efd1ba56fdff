//! Who may do what, as one file for people to read: every schema, table, sequence and function with the privileges of every
//! role, checked in as `access.txt`. A migration that opens something shows there as a changed line. `OSLIRA_UPDATE=1` rewrites
//! the file.

use std::collections::BTreeSet;
use std::path::Path;

use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio_postgres::Client;

const CHECKED_IN: &str = "tests/database/access.txt";

const HEAD: &str = "\
# Who may do what in a migrated database. Written by the test `access`; OSLIRA_UPDATE=1 rewrites it, and the difference is what
# a migration opens or closes.
#
# Letters are those of Postgres: r read, a insert, w update, d delete, D truncate, x references, t trigger, X execute, U usage,
# C create, T temporary objects, c connect. `r(a, b)` is reading these columns only, `-` is nobody. A role that is not named may
# do nothing. Privileges through other roles and through PUBLIC are counted; the owner of all objects, who ran the migrations,
# is not listed, and another owner is named as `by NAME`. A function that says `definer` runs as its owner.
# To use an object, a role needs U on its schema too.

";

/// One line for each object, from Postgres' own catalog.
async fn access(client: &Client) -> Result<Vec<String>, Error> {
    Ok(client.query(include_str!("access.sql"), &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// What only one of two lists has, as a difference is usually written.
fn difference(old: &[String], new: &[String]) -> Vec<String> {
    let known = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    let (before, after) = (known(old), known(new));
    let gone = old.iter().filter(|line| !after.contains(*line)).map(|line| format!("-{line}"));
    let come = new.iter().filter(|line| !before.contains(*line)).map(|line| format!("+{line}"));
    gone.chain(come).collect()
}

#[tokio::test]
async fn everybody_may_do_what_was_checked_in_and_no_more() -> TestResult {
    let database = TestDatabase::create().await?;
    let found = access(&database.superuser().await?).await?;
    let text = format!("{HEAD}{}\n", found.join("\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHECKED_IN);
    if std::env::var_os("OSLIRA_UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(
        text == checked_in,
        "who may do what in the database has changed; if that is meant, set OSLIRA_UPDATE=1 and look at the difference:\n{}",
        difference(&lines(&checked_in), &lines(&text)).join("\n")
    );
    Ok(())
}

/// What a change of the database does to the lines. It is rolled back, because roles belong to the whole server.
async fn changed_by(client: &Client, change: &str) -> Result<Vec<String>, Error> {
    let before = access(client).await?;
    client.batch_execute("begin").await?;
    client.batch_execute(change).await?;
    let after = access(client).await?;
    client.batch_execute("rollback").await?;
    Ok(difference(&before, &after))
}

#[tokio::test]
async fn whatever_opens_something_changes_a_line() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    for (change, line) in [
        (
            "grant update on public.credit_balances to authenticated",
            "+table public.credit_balances rls forced: authenticated=rw service_role=r",
        ),
        (
            "grant update (balance) on public.credit_balances to authenticated",
            "+  public.credit_balances: authenticated=w(balance)",
        ),
        ("grant select on public.payments to public", "+table public.payments rls forced: public=r anon=r"),
        ("alter table public.leads disable row level security", "+table public.leads NO RLS: authenticated=r"),
        ("alter table public.leads no force row level security", "+table public.leads rls NOT FORCED: "),
        (
            "alter policy members_read on public.leads using (true)",
            "+  public.leads: policy members_read, permissive for select to authenticated using true",
        ),
        (
            "grant execute on function system.give_plan(uuid, text) to anon",
            "+function system.give_plan(uuid, text) definer: anon=X service_role=X",
        ),
        ("alter function session.clock() security definer", "+function session.clock() definer: oslira_tenant=X"),
        (
            "alter function session.clock() owner to service_role",
            "+function session.clock() invoker by service_role: service_role=X",
        ),
        ("grant usage on schema private to authenticated", "+schema private: authenticated=U"),
        (
            "grant usage on sequence public.credit_transactions_id_seq to operator",
            "+sequence public.credit_transactions_id_seq: operator=U",
        ),
        ("create view public.all_leads as select * from public.leads", "+view public.all_leads: anon=rawdDxt"),
        ("alter role anon inherit; grant service_role to anon", "+role anon inherit: may become service_role"),
        // Nobody granted anything on this table to anon: it comes with the membership.
        (
            "alter role anon inherit; grant service_role to anon",
            "+table public.leads rls forced: anon=r authenticated=r",
        ),
    ] {
        let changed = changed_by(&superuser, change).await?;
        assert!(changed.iter().any(|found| found.starts_with(line)), "{change}: {changed:#?}");
    }
    Ok(())
}
