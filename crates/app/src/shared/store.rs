//! The ways any store (Postgres, R2, a Durable Object) can fail.

/// Why a store did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It could not be reached, or did not answer in time. The same call may succeed later.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// It answered with something we do not understand, or refused the statement: a defect of ours.
    #[error("store defect: {0}")]
    Defect(String),
    /// The caller belongs to the account and may not do this there: only the database of a tenant says so.
    #[error("permission missing")]
    PermissionMissing,
    /// The caller is no operator: only the database of operators says so.
    #[error("operator required")]
    OperatorRequired,
    /// An operator has blocked the account, so it buys nothing: only the database of a tenant says so.
    #[error("account blocked")]
    AccountBlocked,
}
