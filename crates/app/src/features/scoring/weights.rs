//! How a score is blended.

/// Shares of the score; they sum to 1, and all but the first two are facts, at least 0.4 together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The model's judgement of fit.
    pub fit: f64,
    /// The model's judgement of receptiveness; 0 where it is not asked for.
    pub receptiveness: f64,
    /// All ideal-customer criteria together.
    pub ideal_customer: f64,
    /// The audience's engagement.
    pub engagement: f64,
    /// Recent activity.
    pub activity: f64,
    /// Signs of a real audience.
    pub authenticity: f64,
}

impl Weights {
    /// For analyses that do not ask how receptive the person is: LIGHT and DEEP.
    pub const QUICK: Self = Self {
        fit: 0.50,
        receptiveness: 0.0,
        ideal_customer: 0.28,
        engagement: 0.10,
        activity: 0.07,
        authenticity: 0.05,
    };
    /// For those that do: XRAY.
    pub const PSYCHOGRAPHIC: Self = Self { fit: 0.35, receptiveness: 0.15, ..Self::QUICK };
}
