//! Six trivial durable steps in a row, for `cargo xtask bench`: what `step.do` costs before a product does anything.

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use workers_workflows::{Step, StepConfig, StepError};

const NAMES: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// Runs the steps and returns how many milliseconds they took, by the runtime's clock.
#[wasm_bindgen]
pub async fn six_steps(step: Step) -> Result<f64, JsValue> {
    let started = js_sys::Date::now();
    let mut sum = 0;
    for name in NAMES {
        let one = step.run(name, &StepConfig::default(), || async { Ok::<u32, StepError>(1) }).await;
        sum += one.map_err(|error| js_sys::Error::new(&error.to_string()))?;
    }
    if sum as usize != NAMES.len() {
        return Err(js_sys::Error::new("a step's result was lost").into());
    }
    Ok(js_sys::Date::now() - started)
}
