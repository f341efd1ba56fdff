//! How many exports go on at once: each keeps thousands of leads in the memory that an isolate's requests share.

use jiff::SignedDuration;

use crate::shared::{
    ids::AccountId,
    in_flight::{InFlight, Limits},
};

/// In one isolate.
const EXPORTS_MAX: usize = 4;
pub const EXPORTS_OF_ACCOUNT_MAX: usize = 1;
/// After it, the export of a client that went away holds no place any more. Nor does one of an account that owns very much: the
/// next may begin beside it.
const EXPORT_LEASE: SignedDuration = SignedDuration::from_mins(1);
/// A file of ordinary size is out by then.
pub(super) const EXPORT_RETRY_AFTER_S: u32 = 5;

/// The exports that are under way; one per isolate.
#[must_use]
pub const fn exports_at_once() -> InFlight<AccountId> {
    InFlight::new(Limits { all_max: EXPORTS_MAX, each_max: EXPORTS_OF_ACCOUNT_MAX, lease: EXPORT_LEASE })
}
