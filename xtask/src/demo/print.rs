//! The demo's report as text.

use serde_json::Value;

use crate::demo::scenario::{Report, RunReport};
use crate::stack::Document;
use crate::table::table;

/// Leads, credits and ledger.
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    let (again, first) = match report.runs.split_last() {
        Some((again, first)) => (Some(again), first),
        None => (None, report.runs.as_slice()),
    };
    for run in first {
        out += &lead(run);
    }
    if let Some(run) = again {
        let how = if run.cache_hit { "from the cache" } else { "NOT from the cache" };
        out += &format!("\n{} again: score {}, {how}, {}\n", run.username, score(run), seconds(run));
    }
    let credits = report.credits;
    out += &format!("\nCredits: {} before, {} after\n", credits.before, credits.after);
    let rows = report.ledger.iter().map(|entry| {
        let username = report.runs.iter().find(|run| Some(&run.run_id) == entry.run_id.as_ref());
        vec![
            entry.kind.clone(),
            format!("{:+}", entry.amount),
            entry.balance_after.to_string(),
            username.map_or_else(String::new, |run| run.username.clone()),
            entry.description.clone().unwrap_or_default(),
        ]
    });
    out + &table(&["ledger", "amount", "balance", "profile", "description"], rows.collect())
}

/// Commands to try on the stack that keeps running.
pub fn how_to_go_on(stack: &Document, dir: &std::path::Path, run_id: &str) -> String {
    let Document { api_url: api, token, business_profile_id, .. } = stack;
    format!(
        "\nThe stack is still running at {api}. Stop it with: cargo xtask stack down --dir {dir}\n\n\
         export TOKEN={token}\n\n\
         curl -s {api}/credits/balance -H \"Authorization: Bearer $TOKEN\"\n\
         curl -s {api}/v1/analyze -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \
         -d '{{\"username\":\"nasa\",\"analysis_type\":\"LIGHT\",\"business_profile_id\":\"{business_profile_id}\"}}'\n\
         curl -s {api}/runs/{run_id} -H \"Authorization: Bearer $TOKEN\"\n",
        dir = dir.display(),
    )
}

fn lead(run: &RunReport) -> String {
    if run.status != "complete" {
        let field = |name: &str| run.error.as_ref().and_then(|error| error.get(name)).map(text).unwrap_or_default();
        let charge = run.charge_outcome.as_deref().unwrap_or("still open");
        return format!(
            "\n{}  {} ({}), charge {charge}, {}\n  {}\n",
            run.username,
            run.status,
            field("code"),
            seconds(run),
            field("message")
        );
    }
    let provider = run.provider.as_deref().unwrap_or("?");
    let mut out = format!("\n{}  score {}  (judged by: {provider}, {})\n", run.username, score(run), seconds(run));
    if let Some(summary) = &run.summary {
        out += &format!("  {summary}\n");
    }
    for reason in items(&run.reasons) {
        out += &format!("  - {}{}\n", reason.get("insight").map(text).unwrap_or_default(), shown_by(reason));
    }
    let columns = ["rule", "fact", "value", "weight", "points", "explanation"];
    let rows = items(&run.evidence)
        .iter()
        .map(|item| columns.map(|name| item.get(name).map(text).unwrap_or_default()).to_vec());
    out + &table(&columns, rows.collect())
}

/// What shows a reason: the words of a post, or how many posts it is.
fn shown_by(reason: &Value) -> String {
    let posts = items(reason.get("posts").unwrap_or(&Value::Null)).iter().map(text).collect::<Vec<_>>().join(", ");
    match (reason.get("quote").and_then(Value::as_str), reason.get("count").and_then(Value::as_u64)) {
        (Some(quote), _) => format!(" (\u{201c}{quote}\u{201d}, {posts})"),
        (None, Some(count)) => format!(" ({count} posts: {posts})"),
        (None, None) => String::new(),
    }
}

fn score(run: &RunReport) -> String {
    run.score.map_or_else(|| "none".to_owned(), |score| score.to_string())
}

fn seconds(run: &RunReport) -> String {
    let millis = run.timings.get("total_ms").and_then(Value::as_f64).unwrap_or_default();
    format!("{:.1} s", millis / 1000.0)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A value without JSON's quotes, with at most three decimals.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => {
                let rounded = format!("{float:.3}");
                rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use serde_json::json;

    #[test]
    fn values_read_like_prose() {
        assert_eq!(text(&json!("fitness")), "fitness");
        assert_eq!(text(&json!(12)), "12");
        assert_eq!(text(&json!(0.1 + 0.2)), "0.3");
        assert_eq!(text(&json!(true)), "true");
        assert_eq!(text(&json!(null)), "");
    }
}
