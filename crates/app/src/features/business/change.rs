//! Changing a business profile, if it still has the version that the change is meant for.

use super::{BusinessProfileChanges, BusinessProfileRepository, UpdateOutcome};
use crate::{
    features::auth::Member,
    http::ExpectedVersions,
    shared::{ids::BusinessProfileId, store::StoreError},
};

/// Each attempt compares and changes in one statement, so that no change of somebody else's is ever overwritten.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn change(
    profiles: &dyn BusinessProfileRepository,
    member: Member,
    id: BusinessProfileId,
    changes: &BusinessProfileChanges,
    ExpectedVersions(expected): &ExpectedVersions,
) -> Result<UpdateOutcome, StoreError> {
    let outcome = profiles.update(member, id, changes, expected.first().copied()).await?;
    match outcome {
        // Of several versions the database compares one; its answer says which one it should have been.
        UpdateOutcome::OtherVersion { context_version } if expected.contains(&context_version) => {
            profiles.update(member, id, changes, Some(context_version)).await
        }
        outcome => Ok(outcome),
    }
}
