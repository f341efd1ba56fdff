//! An attack and its tests.

/// An attack, and what must come of it.
#[derive(Debug)]
pub struct Attack {
    /// A word of docs/security.md.
    pub area: &'static str,
    /// What the attacker does, and what must hold.
    pub what: &'static str,
    pub tests: Tests,
}

/// The tests of an attack.
#[derive(Debug)]
pub enum Tests {
    /// By their names, in this program.
    Named(Program, &'static [&'static str]),
    /// Requests that schemathesis generates from the API's description.
    Generated,
}

/// A test program: its crate and its target.
pub type Program = (&'static str, &'static str);

pub const API: Program = ("e2e", "api");
pub const BILLING: Program = ("e2e", "zz_billing");
pub const CLIENTS: Program = ("e2e", "zz_clients");
pub const FLOOD: Program = ("e2e", "zz_flood");
pub const FAULTS: Program = ("e2e", "faults");
pub const ON_DATABASE: Program = ("crates/postgres", "database");
pub const POOLER: Program = ("crates/pooler", "pooler");
pub const PRODUCT: Program = ("crates/app", "oslira_app");
pub const TOOL: Program = ("xtask", "xtask");

/// An attack by tests with these names.
pub const fn by(program: Program, area: &'static str, what: &'static str, tests: &'static [&'static str]) -> Attack {
    Attack { area, what, tests: Tests::Named(program, tests) }
}
