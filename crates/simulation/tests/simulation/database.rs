//! The reference database must do what the real one does: the operations of random histories also run against the real
//! SQL functions, through the product's own adapters, and every answer and every row is compared.
//! `OSLIRA_SIM_DATABASE_HISTORIES=<n>` sets how many, `OSLIRA_SIM_SEED=<seed>` replays one.

mod compare;
mod pool;
mod replay;

use oslira_testkit::TestDatabase;

use crate::number;

const HISTORIES: u64 = 1_000;
/// Each has a database of its own and mostly waits for its answers.
const WORKERS: u64 = 4;

#[test]
fn a_thousand_random_histories_go_the_same_way_in_the_real_database() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seeds = match number("OSLIRA_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("OSLIRA_SIM_DATABASE_HISTORIES").unwrap_or(HISTORIES),
    };
    runtime.block_on(async {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let seeds = seeds.clone().skip(usize::try_from(worker).unwrap()).step_by(WORKERS as usize);
                tokio::spawn(async move {
                    // A sweep ends silent runs of every account, so the histories of one database run one after
                    // another.
                    let database = TestDatabase::create().await.unwrap();
                    let mut stage = replay::Stage::open(&database).await;
                    let mut operations = 0;
                    for seed in seeds {
                        operations += stage.replay(seed).await;
                    }
                    database.assert_ledger_is_whole().await.unwrap();
                    operations
                })
            })
            .collect();
        let mut operations = 0;
        for worker in workers {
            operations += worker.await.expect("a history went another way");
        }
        println!("{} histories, {operations} operations compared", seeds.count());
    });
}
