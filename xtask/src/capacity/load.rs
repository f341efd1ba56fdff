//! How much is asked of a deployment, and how it is set up.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use oslira_app::shared::analysis_type::AnalysisType;

/// Which part of the analyses is of which type; together they are 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    light: f64,
    deep: f64,
    xray: f64,
}

impl Mix {
    pub const fn share(self, kind: AnalysisType) -> f64 {
        match kind {
            AnalysisType::Light => self.light,
            AnalysisType::Deep => self.deep,
            AnalysisType::Xray => self.xray,
        }
    }
}

impl FromStr for Mix {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<f64> = text.split(':').filter_map(|part| part.trim().parse().ok()).collect();
        let [light, deep, xray] = parts[..] else {
            anyhow::bail!("three numbers for LIGHT, DEEP and XRAY, such as 70:20:10");
        };
        let sum = light + deep + xray;
        ensure!(
            parts.iter().all(|part| *part >= 0.0) && sum > 0.0 && sum.is_finite(),
            "shares of at least 0, not all 0"
        );
        Ok(Self { light: light / sum, deep: deep / sum, xray: xray / sum })
    }
}

/// What customers ask for, all day long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    pub analyses_per_minute: f64,
    pub mix: Mix,
    /// Of all analyses, the part that finds its profile in the cache: 0 to 1.
    pub cached_share: f64,
    /// How often a customer asks how far one analysis is.
    pub polls_per_analysis: f64,
}

impl Load {
    pub const fn per_s(&self) -> f64 {
        self.analyses_per_minute / 60.0
    }

    /// The same customers, more or fewer of them.
    pub const fn at(self, analyses_per_minute: f64) -> Self {
        Self { analyses_per_minute, ..self }
    }

    /// Of a figure of each type, cold and cached, the mean over all analyses.
    pub fn mean(&self, figure: impl Fn(AnalysisType, bool) -> f64) -> f64 {
        let of = |kind| {
            let (cached, cold) = (figure(kind, true), figure(kind, false));
            self.mix.share(kind) * (self.cached_share * cached + (1.0 - self.cached_share) * cold)
        };
        AnalysisType::ALL.into_iter().map(of).sum()
    }
}

/// What an operator has set, or bought.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// `APIFY_MAX_CONCURRENT`.
    pub apify_runs: f64,
    /// How much longer actor runs take than the sandbox's.
    pub actor_time_factor: f64,
    /// Connections to the database of the Hyperdrive configuration `DB`, which customers' requests use.
    pub tenant_connections: f64,
    /// Those of `DB_ADMIN`, which workflows use.
    pub admin_connections: f64,
    pub database_cores: f64,
    /// By model, what our account at its provider may use. It differs from account to account.
    pub tokens_per_minute: BTreeMap<String, f64>,
}

/// `openai/gpt-6-luna=2000000`.
pub fn read_tokens(text: &str) -> Result<(String, f64)> {
    let (model, tokens) = text.split_once('=').context("a model and its limit, such as openai/gpt-6-luna=2000000")?;
    let tokens: f64 = tokens.parse().context("tokens a minute are a number")?;
    ensure!(
        tokens > 0.0 && tokens.is_finite() && model.contains('/'),
        "a model is PROVIDER/NAME, its limit is above 0"
    );
    Ok((model.to_owned(), tokens))
}

/// A finite number from `min` to `max`.
pub fn read_number(text: &str, min: f64, max: f64) -> Result<f64> {
    let number: f64 = text.parse().context("not a number")?;
    ensure!((min..=max).contains(&number), "must be from {min} to {max}");
    Ok(number)
}
