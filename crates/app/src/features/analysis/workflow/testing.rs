//! Small values for the unit tests of the workflow.

use uuid::Uuid;

use crate::{
    features::{analysis::Assignment, business::testing::business},
    shared::{analysis_type::AnalysisType, ids::AccountId},
};

/// An analysis of `someone`.
pub(super) fn assignment(analysis_type: AnalysisType) -> Assignment {
    Assignment {
        account_id: AccountId::new(Uuid::from_u128(1)),
        username: "someone".parse().unwrap(),
        analysis_type,
        business: business(),
        paused: vec![],
    }
}
