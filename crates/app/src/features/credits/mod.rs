//! Credits: what an account has, and every movement that led to it. Credits move inside the database functions of the
//! features that charge or refund, so that a charge and its cause are one transaction.

mod budget;
mod http;
mod model;
mod ports;

pub use budget::{Budget, CapOutcome, DAILY_CAP_MAX, DailyCap, InvalidDailyCap};
pub use http::endpoints;
pub use model::{Balance, ChargeState, Grant, GrantSource, GrantState, Transaction, TransactionKind};
pub use ports::{CreditLedger, CreditPorts};
