//! The part of a run's row that progress needs, read in the same way by customers and by the system.

/// For the run `$1::uuid`; no row for a run that the role may not see.
pub(crate) const RUN_STATE: &str = "select jsonb_build_object('account_id', r.account_id, 'status', r.status, \
    'phase', r.phase, 'error_message', r.error_message) from public.runs r where r.id = $1::uuid";
