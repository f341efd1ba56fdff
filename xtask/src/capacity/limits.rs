//! Limits and prices of the services, as they were published. Each says where and when it was read.

/// Instances a second of one workflow; the account has 300: developers.cloudflare.com/workflows/reference/limits, read 2026-11.
pub const WORKFLOW_CREATIONS_PER_S: f64 = 100.0;
/// Instances that run; those that sleep or wait for an event do not count. The same page.
pub const WORKFLOWS_RUNNING: f64 = 50_000.0;
/// Subrequests of one instance. The same page.
pub const SUBREQUESTS_PER_INSTANCE: f64 = 10_000.0;
/// Of one queue: developers.cloudflare.com/queues/platform/limits, read 2026-11.
pub const QUEUE_MESSAGES_PER_S: f64 = 5_000.0;
/// Of one object, a soft limit: developers.cloudflare.com/durable-objects/platform/limits, read 2026-11-28. Objects that store with each request
/// manage 200 to 500 by Cloudflare's "Rules of Durable Objects".
pub const OBJECT_REQUESTS_PER_S: f64 = 1_000.0;
/// To the origin, of one configuration on the paid plan: developers.cloudflare.com/hyperdrive/platform/limits, read 2026-11-28.
pub const HYPERDRIVE_CONNECTIONS: f64 = 100.0;
/// Points of one invocation: developers.cloudflare.com/analytics/analytics-engine/limits, read 2026-11.
pub const POINTS_PER_INVOCATION: f64 = 250.0;
/// Lines a day of one account; after them one in a hundred is kept: developers.cloudflare.com/workers/observability/logs/workers-logs, read 2026-11-28.
pub const LOG_LINES_PER_DAY: f64 = 5e9;
/// Actor runs at once on the largest plan, which is also the largest `APIFY_MAX_CONCURRENT`: docs.apify.com/platform/limits, read 2026-08.
pub const APIFY_RUNS: f64 = 256.0;
/// Starts of actor runs a second: docs.apify.com/api/v2, read 2026-08.
pub const APIFY_STARTS_PER_S: f64 = 400.0;

/// A database that Supabase sells: supabase.com/docs/guides/platform/compute-and-disk, from memory of 2026; compare before you buy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseSize {
    pub name: &'static str,
    pub cores: f64,
    pub connections: f64,
    pub usd_per_month: f64,
}

const fn size(name: &'static str, cores: f64, connections: f64, usd_per_month: f64) -> DatabaseSize {
    DatabaseSize { name, cores, connections, usd_per_month }
}

/// The smallest first.
pub const DATABASE_SIZES: [DatabaseSize; 10] = [
    size("Micro", 2.0, 60.0, 10.0),
    size("Small", 2.0, 90.0, 15.0),
    size("Medium", 2.0, 120.0, 60.0),
    size("Large", 2.0, 160.0, 110.0),
    size("XL", 4.0, 240.0, 210.0),
    size("2XL", 8.0, 380.0, 410.0),
    size("4XL", 16.0, 480.0, 960.0),
    size("8XL", 32.0, 490.0, 1_870.0),
    size("12XL", 48.0, 500.0, 2_800.0),
    size("16XL", 64.0, 500.0, 3_730.0),
];
pub const DATABASE_CORES: f64 = 64.0;
/// The largest disk of a Supabase project, in GB, and what a project includes: from memory of 2026, as above.
pub const DISK_GB: f64 = 16_384.0;
pub const DISK_GB_INCLUDED: f64 = 8.0;

/// Dollars. Cloudflare's, beyond what the paid plan includes: the pricing pages of each product, read 2026-11-28 (Workers, R2, Durable Objects,
/// Workers Logs) and 2026-11 (KV, Analytics Engine, which is announced and not billed yet).
pub mod usd {
    pub const WORKERS_PLAN: f64 = 5.0;
    pub const REQUEST: f64 = 0.30e-6;
    pub const CPU_MS: f64 = 0.02e-6;
    pub const OBJECT_REQUEST: f64 = 0.15e-6;
    pub const OBJECT_GB_S: f64 = 12.5e-6;
    pub const R2_WRITE: f64 = 4.5e-6;
    pub const R2_READ: f64 = 0.36e-6;
    pub const R2_GB_MONTH: f64 = 0.015;
    pub const KV_READ: f64 = 0.50e-6;
    pub const LOG_LINE: f64 = 0.60e-6;
    pub const POINT: f64 = 0.25e-6;
    /// Supabase's Pro plan, and a GB of its disk.
    pub const SUPABASE_PLAN: f64 = 25.0;
    pub const DISK_GB_MONTH: f64 = 0.125;
    /// Apify's smallest plan; `APIFY_PRICE_PER_RESULT_USD` has the same (docs/costs.md).
    pub const APIFY_PROFILE: f64 = 0.0026;
    pub const APIFY_POST: f64 = 0.0027;
    pub const APIFY_START: f64 = 0.00005;
}
/// What the paid plan includes in a month.
pub mod included {
    pub const REQUESTS: f64 = 10e6;
    pub const CPU_MS: f64 = 30e6;
    pub const OBJECT_REQUESTS: f64 = 1e6;
    pub const OBJECT_GB_S: f64 = 400e3;
    pub const R2_WRITES: f64 = 1e6;
    pub const R2_READS: f64 = 10e6;
    pub const R2_GB: f64 = 10.0;
    pub const KV_READS: f64 = 10e6;
    pub const LOG_LINES: f64 = 20e6;
    pub const POINTS: f64 = 10e6;
}
