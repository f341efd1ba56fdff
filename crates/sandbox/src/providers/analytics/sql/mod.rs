//! The part of Analytics Engine's SQL that our queries use. What is not in its published reference is not here either; what is here
//! is as strict as ClickHouse: an unknown column or table, or a column that is neither grouped nor aggregated, is refused.

mod evaluate;
mod lexer;
mod parser;
mod query;
mod value;

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::point::Point;

/// Ours have about a hundred; what is longer could be nested deeper than the stack.
const TOKENS_MAX: usize = 1_000;

/// The table that a query asks for, as `FORMAT JSON` writes it; or why there is none.
pub(super) fn answer(query: &str, rows: &VecDeque<Point>, now_s: i64) -> Result<Json, String> {
    let tokens = lexer::tokens(query)?;
    if tokens.len() > TOKENS_MAX {
        return Err(format!("the sandbox takes queries of {TOKENS_MAX} words and signs at most"));
    }
    let query = parser::parse(&tokens)?;
    evaluate::run(&query, rows, now_s)
}

#[cfg(test)]
mod tests;
