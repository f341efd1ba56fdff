//! What people of ours may do on accounts of others: look them up. Each act goes through a function of the database's schema
//! `operator`, which decides whether the caller is an operator and writes down what they did and why.

mod http;
mod model;
mod ports;

pub use http::endpoints;
pub use model::{AccountState, AccountView, OperatorAction, PlanView};
pub use ports::{OperatorActionPorts, OperatorStore};
