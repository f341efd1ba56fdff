//! What is attacked, and the tests that do it: a file for each heading of docs/security.md.

mod database;
mod machine;
mod money;
mod profiles;
mod providers;
mod requests;
mod tenancy;
mod tokens;

use super::model::Attack;

/// In the order of docs/security.md.
pub fn attacks() -> impl Iterator<Item = &'static Attack> {
    [
        tenancy::ATTACKS,
        money::ATTACKS,
        tokens::ATTACKS,
        requests::ATTACKS,
        profiles::ATTACKS,
        providers::ATTACKS,
        database::ATTACKS,
        machine::ATTACKS,
    ]
    .into_iter()
    .flatten()
}
