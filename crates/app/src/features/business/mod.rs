//! What a customer sells and to whom. Here only what an analysis needs of it; managing profiles comes later.

mod model;

pub use model::{BusinessContext, IdealCustomer};
