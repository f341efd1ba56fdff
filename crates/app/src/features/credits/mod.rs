//! Credits: what an account has, and every movement that led there. Movements themselves happen inside the database
//! functions of the features that cause them, so that a charge and its cause are one transaction.

mod budget;
mod http;
mod model;
mod ports;

pub use budget::{Budget, CapOutcome, DAILY_CAP_MAX, DailyCap, InvalidDailyCap};
pub use http::endpoints;
pub use model::{Balance, Transaction, TransactionKind};
pub use ports::{CreditLedger, CreditPorts};
