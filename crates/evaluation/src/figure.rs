//! A figure: a number with a name that never changes, of so many cases, and whether more of it is better.

use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, which never changes.
    pub name: String,
    pub value: f64,
    /// How many cases it is computed from; with few of them it says little.
    pub of: usize,
    pub better: Better,
}

impl Figure {
    /// A figure of which more is better.
    #[must_use]
    pub fn higher(name: impl Into<String>, value: f64, of: usize) -> Self {
        Self { name: name.into(), value: rounded(value), of, better: Better::Higher }
    }

    /// A figure of which less is better.
    #[must_use]
    pub fn lower(name: impl Into<String>, value: f64, of: usize) -> Self {
        Self { name: name.into(), value: rounded(value), of, better: Better::Lower }
    }

    /// Whether this figure is worse than another value of it.
    #[must_use]
    pub fn is_worse_than(&self, value: f64) -> bool {
        match self.better {
            Better::Higher => self.value < value,
            Better::Lower => self.value > value,
        }
    }
}

/// To the ten-thousandth, so that figures can be compared with stored ones.
fn rounded(value: f64) -> f64 {
    const STEPS: f64 = 10_000.0;
    (value * STEPS).round() / STEPS
}

/// Counts how many of the cases are right.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    right: usize,
    of: usize,
}

impl Share {
    pub fn count(&mut self, is_right: bool) {
        self.of += 1;
        self.right += usize::from(is_right);
    }

    /// The share as a figure; `None` without any case.
    #[must_use]
    pub fn figure(self, name: impl Into<String>) -> Option<Figure> {
        (self.of > 0).then(|| Figure::higher(name, self.right as f64 / self.of as f64, self.of))
    }
}

/// Something that was not as expected, for people to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Miss {
    /// The figure that it worsens.
    pub figure: String,
    /// The profile's key.
    pub profile: String,
    /// The business's key, if it is about one.
    pub business: Option<String>,
    pub expected: String,
    pub said: String,
}

/// Figures with what was missed.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub figures: Vec<Figure>,
    pub misses: Vec<Miss>,
}

impl Findings {
    pub fn extend(&mut self, other: Self) {
        self.figures.extend(other.figures);
        self.misses.extend(other.misses);
    }
}
