//! Small values for the unit tests of the workflow.

use uuid::Uuid;

use crate::{
    features::{
        analysis::Assignment,
        business::{BusinessContext, IdealCustomer},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BusinessProfileId},
    },
};

/// An analysis of `someone`.
pub(super) fn assignment(analysis_type: AnalysisType) -> Assignment {
    Assignment {
        account_id: AccountId::new(Uuid::from_u128(1)),
        username: "someone".parse().unwrap(),
        analysis_type,
        business: BusinessContext {
            id: BusinessProfileId::new(Uuid::from_u128(2)),
            name: "Fuel".to_owned(),
            offering: "Meal plans".to_owned(),
            target_audience: "Runners".to_owned(),
            ideal_customer: IdealCustomer::default(),
            context_version: 1,
        },
    }
}
