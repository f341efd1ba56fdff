//! Where the watch gets its summaries: the deployment's operators' API.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use oslira_app::features::diagnostics::HealthSummary;
use oslira_app::shared::secret::Secret;

use super::follow::{Heard, Source};
use crate::deployed::{Deployed, Fault};
use crate::environment::Environment;

/// Kept with each poll.
const REASON: &str = "cargo xtask watch: how the deployment does";
/// A file with more holds no token.
const TOKEN_BYTES_MAX: usize = 16 * 1_024;

/// A deployment and the token of its operator.
pub struct Deployment {
    environment: Environment,
    token_file: Option<PathBuf>,
    token: Secret,
}

impl Deployment {
    /// # Errors
    /// There is no token.
    pub fn new(environment: Environment, token_file: Option<PathBuf>) -> Result<Self> {
        let token = match &token_file {
            Some(file) => read_token(file)?,
            None => environment.operator_token()?,
        };
        Ok(Self { environment, token_file, token })
    }

    fn poll(&self, since: Option<Timestamp>) -> Result<HealthSummary, Fault> {
        let query = since.map(|since| format!("?since={since}")).unwrap_or_default();
        Deployed::operator(&self.environment.api_url, self.token.clone(), REASON)
            .get(&format!("/operator/health/summary{query}"))
    }

    /// What to do about a token that is not good any more.
    fn without_token(&mut self, since: Option<Timestamp>, fault: &Fault) -> Heard {
        if let Some(file) = &self.token_file {
            return Heard::NoToken(format!(
                "{fault}. Sign in again and put the new access token into {}",
                file.display()
            ));
        }
        let since = since.map(|since| format!(" --since {since}")).unwrap_or_default();
        Heard::Over(format!(
            "{fault}. Sign in again, set OSLIRA_OPERATOR_TOKEN to the new access token, and go on with{since}; --token-file FILE lets a \
             longer watch take each new one from a file"
        ))
    }
}

fn read_token(file: &PathBuf) -> Result<Secret> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = text.trim();
    if text.is_empty() || text.len() > TOKEN_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("{} holds no access token: put it there alone, on one line", file.display());
    }
    Ok(Secret::new(text))
}

impl Source for Deployment {
    fn ask(&mut self, since: Option<Timestamp>) -> Heard {
        if let Some(file) = &self.token_file {
            match read_token(file) {
                Ok(token) => self.token = token,
                Err(error) => return Heard::NoToken(format!("{error:#}")),
            }
        }
        let mut answer = self.poll(since);
        // A posing stack gives as many as are needed.
        if self.environment.stack.is_some()
            && answer.as_ref().is_err_and(Fault::is_unauthenticated)
            && let Ok(token) = self.environment.operator_token()
        {
            self.token = token;
            answer = self.poll(since);
        }
        match answer {
            Ok(summary) => Heard::Summary(Box::new(summary)),
            Err(fault) if fault.is_unauthenticated() => self.without_token(since, &fault),
            Err(fault) => match fault.code() {
                "operator_required" => Heard::Over(format!(
                    "{fault}. The user of this token is no operator: docs/operators.md says how one becomes one"
                )),
                "route_not_found" => Heard::Over(format!(
                    "{fault}. The deployed version cannot be watched yet: deploy this checkout first"
                )),
                _ if is_for_good(&fault) => Heard::Over(fault.to_string()),
                _ => Heard::Failed(fault.to_string()),
            },
        }
    }
}

/// Whether the API will always say so; what is before it may be wrong for a while.
fn is_for_good(fault: &Fault) -> bool {
    match fault {
        Fault::Silent(_) => false,
        Fault::Refused(refusal) => !refusal.code.is_empty() && !fault.may_pass(),
        Fault::Unreadable(_) => true,
    }
}
