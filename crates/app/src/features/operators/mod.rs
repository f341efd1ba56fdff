//! What people of ours may do on accounts of others: look them up, and mend what went wrong. Each act goes through a function of the
//! database's schema `operator`, which decides whether the caller is an operator and writes down what they did and why.

mod command;
mod http;
mod model;
mod ports;
mod run;

pub use command::{
    AdjustOutcome, CreditAdjustment, EventId, EventOutcome, EventState, EventView, PausedService, RunOutcome, RunView,
    ServicePause,
};
pub use http::endpoints;
pub use model::{AccountState, AccountView, OperatorAction, PlanView};
pub use ports::{OperatorActionPorts, OperatorCommandPorts, OperatorDesk, OperatorStore};
