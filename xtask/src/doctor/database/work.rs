//! What the deployment has been doing: connections, jobs, what waits and what was given up.

use anyhow::{Context, Result};
use jiff::SignedDuration;
use oslira_app::triggers::Job;
use tokio_postgres::Client;

use crate::doctor::database::texts;
use crate::doctor::finding::Verdict;

/// How many connections others than superusers may have.
pub async fn connections_max(client: &Client) -> Result<u32> {
    let sql = "select (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::text";
    let found = texts(client, sql, &[]).await?;
    found.first().context("the database does not say how many connections it takes")?.parse().context("not a number")
}

pub async fn connections(client: &Client) -> Result<Verdict> {
    let max = connections_max(client).await?;
    let used = "select count(*)::text from pg_stat_activity where backend_type = 'client backend'";
    let used: u32 = texts(client, used, &[]).await?.first().context("no count")?.parse().context("not a number")?;
    if u64::from(used) * 5 <= u64::from(max) * 4 {
        return Ok(Verdict::Held);
    }
    Ok(Verdict::broken(
        format!("{used} of {max} connections are in use"),
        "see who holds them (select usename, application_name, count(*) from pg_stat_activity group by 1, 2); lower the Hyperdrives' \
         limits, or take a larger database (docs/capacity.md)",
    ))
}

/// Every job that the platform starts has succeeded within its time. One that no deployment has known for that long has its time yet.
pub async fn jobs(client: &Client, has_schedule: bool) -> Result<Verdict> {
    if !has_schedule {
        return Ok(Verdict::unknown("nothing starts a local stack's jobs but `cargo xtask cron NAME`"));
    }
    let names = Job::SCHEDULED.map(Job::name);
    let silences_s = Job::SCHEDULED.map(|job| seconds(job.silence_max()));
    let sql = "with wanted as (
          select w.job, make_interval(secs => w.silence_s) as silence from unnest($1::text[], $2::float8[]) w (job, silence_s)
        ), newest as (
          select w.*, k.since,
                 (select max(j.finished_at) from job_runs j where j.job = w.job and j.outcome = 'ok') as ok_at,
                 (select j.error from job_runs j where j.job = w.job and j.outcome is not null order by j.id desc limit 1) as error
            from wanted w left join known_jobs k using (job)
        )
        select n.job || case when n.error is not null then ' fails: ' || left(n.error, 120)
                             when n.ok_at is null then ' has never succeeded'
                             else ' succeeded last at ' || to_char(n.ok_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' end
          from newest n
         where coalesce(n.ok_at, n.since, '-infinity') < now() - n.silence order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[&names.as_slice(), &silences_s.as_slice()]).await?,
        "look for the job in the Worker's log; if none of them runs, deploy again: the cron triggers are not there. A deployment of less \
         than five minutes has run none yet",
    ))
}

fn seconds(duration: SignedDuration) -> f64 {
    duration.as_secs_f64()
}

pub async fn dead_letters(client: &Client) -> Result<Verdict> {
    let sql = "select d.queue || ' gave ' || d.messages || ' messages up' from dead_letters d
                where d.last_at > now() - interval '24 hours' order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[]).await?,
        "look for the queue's errors in the Worker's log: a run that could not be started was refunded, an event of Stripe's is in \
         webhook_events (docs/reliability.md)",
    ))
}

pub async fn webhooks(client: &Client) -> Result<Verdict> {
    // One that waits for what Stripe has not told yet is in order.
    let sql = "select count(*) || ' events are ' || e.outcome || ', the oldest ' || min(e.id) from webhook_events e
                where e.processed_at is null and e.outcome <> 'waiting'
                  and greatest(e.received_at, e.put_back_at) < now() - interval '1 hour'
                group by e.outcome order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[]).await?,
        "read the event's note (select note from webhook_events where id = …), mend the cause, then replay or drop it as an operator \
         (docs/operators.md)",
    ))
}

pub async fn alarms(client: &Client) -> Result<Verdict> {
    let sql = "select a.alarm || case when a.subject = '' then '' else ' of ' || a.subject end
                      || ' since ' || to_char(a.opened_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
                 from alarms a where a.closed_at is null order by a.opened_at";
    Ok(Verdict::of(texts(client, sql, &[]).await?, "docs/insights.md says of each alarm what it means"))
}
