//! AWS Secrets Manager: one secret of it, an object of texts, holds the values of our secret settings.

mod read;
mod settings;
mod sigv4;

pub use read::{SecretSource, SecretsManager};
pub use settings::{AwsCredentials, AwsSettings};
