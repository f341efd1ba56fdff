//! What operators do, as `operator` with the operator's claims: the functions of the schema of that name decide who is one, and
//! write down what was done.

mod accounts;
mod commands;
mod db;
mod diagnostics;
mod erasures;
mod insights;

pub use db::OperatorDb;
