//! What a month of a load costs, in dollars.

use super::demand::{DAY_S, Demand, MONTH_DAYS};
use super::figures::{self};
use super::limits::{DATABASE_SIZES, DISK_GB_INCLUDED, DatabaseSize, included, usd};

/// A line of the bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    pub what: &'static str,
    pub usd_per_month: f64,
}

/// What is paid beyond the part that is included.
fn beyond(per_s: f64, included: f64, price: f64) -> f64 {
    (per_s * DAY_S * MONTH_DAYS - included).max(0.0) * price
}

/// The smallest database whose cores do the load's transactions at 60 %; the largest if none does.
pub fn database_for(demand: &Demand<'_>) -> DatabaseSize {
    const BUSY_MAX: f64 = 0.6;
    let per_s = demand.system_statements_per_s() + demand.tenant_statements_per_s();
    let fits = |size: &&DatabaseSize| size.cores * figures::TRANSACTIONS_PER_S_PER_CORE * BUSY_MAX >= per_s;
    let [first, .., last] = &DATABASE_SIZES;
    *DATABASE_SIZES.iter().skip(1).find(fits).unwrap_or(if per_s > 0.0 { last } else { first })
}

pub fn costs(demand: &Demand<'_>) -> Vec<Cost> {
    let month_s = DAY_S * MONTH_DAYS;
    let line = |what, usd_per_month| Cost { what, usd_per_month };
    let models: f64 = demand.tokens(false).values().map(|tokens| tokens.usd_per_s).sum();
    let profiles = demand.profiles_per_s() * (usd::APIFY_PROFILE + usd::APIFY_START);
    let posts = demand.post_lists_per_s() * (POSTS_OF_A_LIST * usd::APIFY_POST + usd::APIFY_START);
    let objects = demand.gate_requests_per_s() + demand.progress_requests_per_s() + demand.scrape_requests_per_s();
    let requests = (figures::REQUESTS + demand.load.polls_per_analysis) * demand.load.per_s();
    let snapshots_gb = demand.snapshot_bytes_per_s() * figures::SNAPSHOT_DAYS * DAY_S / 1e9;
    let pictures_gb = demand.profiles_per_s() * figures::PICTURE_BYTES * month_s / 1e9;
    let disk_gb = (demand.rows_gb_per_month() - DISK_GB_INCLUDED).max(0.0);
    vec![
        line("Apify: posts", posts * month_s),
        line("Apify: profiles", profiles * month_s),
        line("models", models * month_s),
        line("Workers: plan, requests, CPU", {
            let cpu = beyond(demand.cpu_ms_per_s(), included::CPU_MS, usd::CPU_MS);
            // A workflow instance counts as a request.
            let calls = beyond(requests + demand.load.per_s(), included::REQUESTS, usd::REQUEST);
            usd::WORKERS_PLAN + cpu + calls
        }),
        line("Durable Objects: requests, duration", {
            beyond(objects, included::OBJECT_REQUESTS, usd::OBJECT_REQUEST)
                + beyond(demand.object_gb_per_s(), included::OBJECT_GB_S, usd::OBJECT_GB_S)
        }),
        line("R2: operations, storage after a month", {
            beyond(demand.writes_per_s(), included::R2_WRITES, usd::R2_WRITE)
                + beyond(demand.reads_per_s(), included::R2_READS, usd::R2_READ)
                + (snapshots_gb + pictures_gb - included::R2_GB).max(0.0) * usd::R2_GB_MONTH
        }),
        line("KV, Workers Logs, Analytics Engine", {
            beyond(demand.load.per_s(), included::KV_READS, usd::KV_READ)
                + beyond(demand.points_per_s(), included::LOG_LINES, usd::LOG_LINE)
                + beyond(demand.points_per_s(), included::POINTS, usd::POINT)
        }),
        line("Supabase: plan, database, disk after a month", {
            usd::SUPABASE_PLAN + database_for(demand).usd_per_month + disk_gb * usd::DISK_GB_MONTH
        }),
    ]
}

const POSTS_OF_A_LIST: f64 = 50.0;
