//! Checks the ledger, the runs and the leads of every account against each other. Every test that moves credits ends
//! with this audit.

use tokio_postgres::Client;

/// Each rule's query returns one line of text per violation.
const RULES: [(&str, &str); 13] = [
    (
        "the sum of the transactions is the balance",
        "select b.account_id || ': balance ' || b.balance || ', transactions ' || coalesce(sum(t.amount), 0)
           from credit_balances b left join credit_transactions t using (account_id)
          group by b.account_id, b.balance having b.balance <> coalesce(sum(t.amount), 0)",
    ),
    (
        "balance_after is the running sum",
        "select id || ': ' || balance_after || ' instead of ' || running from (
           select id, balance_after, sum(amount) over (partition by account_id order by id) as running from credit_transactions
         ) t where balance_after <> running",
    ),
    (
        "a balance is what is left of its grants",
        "select b.account_id || ': balance ' || b.balance || ', grants ' || coalesce(sum(g.remaining), 0)
           from credit_balances b left join credit_grants g using (account_id)
          group by b.account_id, b.balance having b.balance <> coalesce(sum(g.remaining), 0)",
    ),
    (
        "what is left of a grant is the sum of its movements",
        "select coalesce(g.id, m.grant_id) || ': ' || coalesce(g.remaining, 0) || ' left of ' || coalesce(g.amount, 0)
                || ', moved ' || coalesce(m.moved, 0)
           from credit_grants g full join (
             select account_id, key::bigint as grant_id, sum(value::bigint) as moved, max(value::bigint) as first
               from credit_transactions, jsonb_each_text(grants) group by 1, 2
           ) m on m.grant_id = g.id and m.account_id = g.account_id
          where g.remaining is distinct from m.moved or g.amount is distinct from m.first",
    ),
    (
        "an entry moves what it says of its grants",
        "select id || ': ' || amount || ' ' || grants from credit_transactions
          where amount <> (select sum(value::bigint) from jsonb_each_text(grants))
             or exists (select from jsonb_each_text(grants) where sign(value::bigint) <> sign(amount))",
    ),
    (
        "every run was charged its price, once",
        "select r.id || ': ' || count(t.id) || ' charges of ' || coalesce(sum(t.amount), 0)
           from runs r left join credit_transactions t on t.run_id = r.id and t.kind = 'charge' and t.account_id = r.account_id
          group by r.id, r.credits having count(t.id) <> 1 or sum(t.amount) <> -r.credits",
    ),
    (
        "a run is refunded in full exactly when it says so",
        "select r.id || ': ' || r.status || ', ' || coalesce(r.charge_outcome, 'open') || ', ' || count(t.id) || ' refunds'
           from runs r left join credit_transactions t on t.run_id = r.id and t.kind = 'refund' and t.account_id = r.account_id
          group by r.id having count(t.id) <> case when r.charge_outcome = 'refunded' then 1 else 0 end
             or coalesce(sum(t.amount), r.credits) <> r.credits",
    ),
    (
        // What its customer deleted is removed in the end, the analysis before the lead.
        "a run has a result exactly when it is complete",
        "select r.id || ': ' || r.status || ', ' || count(a.id) || ' analyses'
           from runs r left join analyses a on a.run_id = r.id and a.account_id = r.account_id
          group by r.id having count(a.id) <> case when r.status = 'complete' then 1 else 0 end
             and not (r.status = 'complete' and count(a.id) = 0 and not exists (
               select from leads l join accounts o on o.id = l.account_id
                where l.id = r.lead_id and l.deleted_at is null and o.deleted_at is null
             ))",
    ),
    (
        "every charge ends with its run, in exactly one way",
        "select r.id || ': ' || r.status || ', ' || coalesce(r.charge_outcome, 'open') from runs r
          where (r.status in ('complete', 'failed', 'cancelled')) <> (r.charge_outcome is not null)",
    ),
    (
        "one active run per profile, username and type",
        "select account_id || ': @' || username || ' ' || analysis_type || ' ' || count(*) from runs
          where status in ('pending', 'processing')
          group by account_id, business_profile_id, username, analysis_type having count(*) > 1",
    ),
    (
        "every lead was found by an analysis of its account",
        "select l.id::text from leads l join accounts o on o.id = l.account_id
          where l.deleted_at is null and o.deleted_at is null
            and not exists (select from analyses a where a.lead_id = l.id and a.account_id = l.account_id)",
    ),
    (
        "a lead shows one analysis, its latest, and the types of all",
        "select l.id::text from leads l
           join (
             select distinct on (a.lead_id) a.lead_id, a.id, a.score, a.is_stale, a.scraped_at from analyses a
              where a.deleted_at is null order by a.lead_id, a.scraped_at desc, a.created_at desc, a.id desc
           ) n on n.lead_id = l.id
           join (
             select a.lead_id, array_agg(distinct a.analysis_type order by a.analysis_type) as types from analyses a
              where a.deleted_at is null group by a.lead_id
           ) t on t.lead_id = l.id
           join accounts o on o.id = l.account_id
          where l.deleted_at is null and o.deleted_at is null
            and (l.latest_analysis_id, l.score, l.is_stale, l.scraped_at, l.analysis_types)
                is distinct from (n.id, n.score, n.is_stale, n.scraped_at, t.types)",
    ),
    (
        "a lead turned out as its newest mark says",
        "select l.id || ': ' || coalesce(l.outcome, 'open') || ' instead of ' || coalesce(m.outcome, 'open')
           from leads l
           -- An erasure takes the marks of a whole account before its leads.
           join accounts a on a.id = l.account_id and a.erasing_at is null
           left join (
             select distinct on (o.lead_id) o.lead_id, o.outcome from lead_outcomes o order by o.lead_id, o.id desc
           ) m on m.lead_id = l.id
          where l.deleted_at is null and l.outcome is distinct from m.outcome",
    ),
];

/// Of tables that no customer sees.
const SYSTEM_RULES: [(&str, &str); 2] = [
    (
        "what is kept of a day's spending is what its runs cost",
        "select coalesce(s.account_id, r.account_id) || ' ' || coalesce(s.starts_at, r.starts_at) || ': ' || coalesce(s.credits, 0)
                || ' instead of ' || coalesce(r.credits, 0)
           from spending_days s full join (
             select account_id, date_trunc('day', created_at, 'UTC') as starts_at, sum(credits) as credits from runs
              where charge_outcome is distinct from 'refunded' group by 1, 2
           ) r on r.account_id = s.account_id and r.starts_at = s.starts_at
          where coalesce(s.credits, 0) <> coalesce(r.credits, 0)",
    ),
    (
        "what is kept of a member's spending is what their runs cost",
        "select coalesce(s.account_id, r.account_id) || ' ' || coalesce(s.user_id, r.created_by) || ': ' || coalesce(s.credits, 0)
                || ' instead of ' || coalesce(r.credits, 0)
           from member_spending_days s full join (
             select account_id, created_by, date_trunc('day', created_at, 'UTC') as starts_at, sum(credits) as credits from runs
              where charge_outcome is distinct from 'refunded' and created_by is not null group by 1, 2, 3
           ) r on r.account_id = s.account_id and r.created_by = s.user_id and r.starts_at = s.starts_at
           join accounts a on a.id = coalesce(s.account_id, r.account_id)
          where coalesce(s.credits, 0) <> coalesce(r.credits, 0) and a.wiped_to_run is null",
    ),
];

/// The names of all rules.
pub fn audit_rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().chain(&SYSTEM_RULES).map(|(name, _)| *name)
}

/// All violations, in any account, as sentences. `client` must see every row: the superuser, or `service_role`.
pub async fn audit(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut findings = audit_what_is_seen(client).await?;
    findings.extend(check(client, &SYSTEM_RULES).await?);
    Ok(findings)
}

/// The violations among the rows that row-level security shows to this client, such as a customer's.
pub async fn audit_what_is_seen(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    check(client, &RULES).await
}

async fn check(client: &Client, rules: &[(&str, &str)]) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut findings = Vec::new();
    for (rule, violations) in rules {
        for row in client.query(*violations, &[]).await? {
            findings.push(format!("{rule}: {}", row.try_get::<_, String>(0)?));
        }
    }
    Ok(findings)
}
