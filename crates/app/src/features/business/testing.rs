//! Small values for the tests of other features.

use super::{BusinessContext, IdealCustomer};
use crate::shared::ids::BusinessProfileId;

/// A business that asks for nothing.
pub fn business() -> BusinessContext {
    BusinessContext {
        id: BusinessProfileId::new(uuid::Uuid::from_u128(1)),
        name: "Fuel".to_owned(),
        offering: "Meal plans.".to_owned(),
        target_audience: "Runners.".to_owned(),
        voice: None,
        do_not_say: vec![],
        competitors: vec![],
        proof_points: vec![],
        ideal_customer: IdealCustomer::default(),
        context_version: 1,
    }
}
