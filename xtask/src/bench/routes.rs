//! Latency of routes with one connection and with sixteen.

use std::time::Duration;

use anyhow::{Result, anyhow};

use super::Bench;
use super::analyses::{LIGHT, wait_for_end};
use super::load::{Load, drive};
use super::metric::{Metric, Report};
use crate::api::Api;

/// One client for the measurement alone, sixteen for the one together.
const CLIENTS: usize = 17;
const READS_C1: Load = Load { warm_up: 50, requests: 500, pause: Duration::ZERO };
const READS_C16: Load = Load { warm_up: 10, requests: 150, pause: Duration::ZERO };

// Every request starts an analysis that goes on working after the answer. With one connection the requests come slowly,
// so that earlier analyses hardly disturb the measured route; with sixteen they do, as under real load.
const STARTS_C1: Load = Load { warm_up: 5, requests: 50, pause: Duration::from_millis(200) };
const STARTS_C16: Load = Load { warm_up: 1, requests: 8, pause: Duration::ZERO };

/// A customer with a finished run to read.
struct Client {
    api: Api,
    number: usize,
    run: String,
}

/// A request that only reads.
type Read = fn(&Client) -> Result<()>;

pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let clients: Vec<Client> = (0..CLIENTS).map(|number| client(bench, number)).collect::<Result<_>>()?;
    clients.iter().try_for_each(|client| wait_for_end(&client.api, &client.run))?;
    let reads: [(&str, Read); 3] = [
        ("balance", |client| client.api.balance().map(drop)),
        ("progress", |client| client.api.progress(&client.run).map(drop)),
        ("run", |client| client.api.run(&client.run).map(drop)),
    ];
    for (name, read) in reads {
        if bench.wants(&format!("http.{name}_ms.")) {
            let request = |client: &&Client, _| read(client);
            both(&clients, name, [READS_C1, READS_C16], request, report)?;
        }
    }
    if bench.wants("http.analyze_ms.") {
        let start = |client: &&Client, number: usize| {
            let username = bench.customers.username("s", client.number * 100 + number)?;
            client.api.analyze(&username, LIGHT.analysis_type).map(drop)
        };
        both(&clients, "analyze", [STARTS_C1, STARTS_C16], start, report)?;
    }
    Ok(())
}

/// All clients analyse the same profile, so that it is scraped only once.
fn client(bench: &Bench<'_>, number: usize) -> Result<Client> {
    let api = bench.customers.mint()?;
    let run = api.analyze(&bench.customers.username("r", 0)?, LIGHT.analysis_type)?.run_id;
    if number == 0 {
        wait_for_end(&api, &run)?;
    }
    Ok(Client { api, number, run })
}

fn both<'a>(
    clients: &'a [Client],
    name: &str,
    [one, many]: [Load; 2],
    request: impl Fn(&&'a Client, usize) -> Result<()> + Sync,
    report: &mut Report,
) -> Result<()> {
    let (first, others) = clients.split_first().ok_or_else(|| anyhow!("no clients"))?;
    let single = drive(vec![first], one, &request)?;
    let crowd = drive(others.iter().collect(), many, &request)?;
    for (quantile, percentile) in [(0.5, "p50"), (0.99, "p99")] {
        report.add(Metric::ms(format!("http.{name}_ms.{percentile}.c1"), single.ms(quantile)));
        report.add(Metric::ms(format!("http.{name}_ms.{percentile}.c16"), crowd.ms(quantile)));
    }
    Ok(())
}
