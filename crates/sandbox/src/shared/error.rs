//! The one error of the sandbox itself; a provider's errors are in its own folder.

/// Why the sandbox could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or socket failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A setting that can't be used.
    #[error("{0}")]
    Config(String),
    /// A file of the sandbox's own that does not say what it must.
    #[error("{what}: {why}")]
    Corrupt {
        /// Which file.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}
