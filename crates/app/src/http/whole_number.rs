//! Whole numbers in JSON bodies. JSON has one kind of number, and many languages write a whole one as `1000.0`.

use serde_json::Value;

/// Beyond this, neighbours of a floating-point number are more than 1 apart: it need not be the number that was meant.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The whole number that this value is, however it is written.
#[must_use]
pub fn whole_number(value: &Value) -> Option<i128> {
    let number = value.as_number()?;
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT_MAX)?;
    Some(number as i128)
}
