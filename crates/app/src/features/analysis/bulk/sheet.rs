//! A bulk as a CSV file (RFC 4180): one row for each line of the list.

use csv::{Terminator, WriterBuilder};

use super::{Bulk, BulkItem, HeldLine, PlannedLine};
use crate::shared::{
    spreadsheet::{BYTE_ORDER_MARK, safe},
    store::StoreError,
};

const HEADER: [&str; 11] = [
    "line",
    "username",
    "profile_url",
    "status",
    "score",
    "summary",
    "error_code",
    "error_message",
    "credits",
    "lead_id",
    "run_id",
];

type Row = (u32, [String; HEADER.len()]);

/// The file. A list has a hundred lines at most, so it is written at once.
///
/// # Errors
/// [`StoreError::Defect`], which writing to memory does not meet.
pub fn sheet(bulk: &Bulk) -> Result<Vec<u8>, StoreError> {
    let mut rows: Vec<Row> = bulk.items.iter().map(bought).collect();
    rows.extend(bulk.held.iter().map(held));
    rows.extend(bulk.skipped.iter().map(|line| unbought(line, "skipped")));
    rows.extend(bulk.waiting.iter().map(|line| unbought(line, "waiting")));
    rows.sort_by_key(|(line, _)| *line);
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(BYTE_ORDER_MARK.to_vec());
    writer.write_record(HEADER).map_err(|error| defect(&error))?;
    for (_, cells) in rows {
        writer.write_record(cells.iter().map(|cell| safe(cell).into_owned())).map_err(|error| defect(&error))?;
    }
    writer.into_inner().map_err(|error| defect(error.error()))
}

fn defect(error: &dyn std::error::Error) -> StoreError {
    StoreError::Defect(format!("csv: {error}"))
}

fn profile_url(username: &str) -> String {
    format!("https://www.instagram.com/{username}/")
}

/// The word that the API uses for it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn bought(item: &BulkItem) -> Row {
    let (code, message) = match &item.error {
        Some(error) => (error.code.clone(), error.message.clone()),
        None => <(String, String)>::default(),
    };
    let cells = [
        item.line.to_string(),
        item.username.clone(),
        profile_url(&item.username),
        word(&item.status),
        text(item.score),
        text(item.summary.as_ref()),
        code,
        message,
        item.credits.to_string(),
        text(item.lead_id),
        item.run_id.to_string(),
    ];
    (item.line, cells)
}

fn held(line: &HeldLine) -> Row {
    let mut cells = unbought(&PlannedLine { line: line.line, username: line.username.clone(), run_id: None }, "held").1;
    let [_, _, _, _, score, _, _, _, _, lead, _] = &mut cells;
    *score = line.score.to_string();
    *lead = line.lead_id.to_string();
    (line.line, cells)
}

fn unbought(line: &PlannedLine, status: &str) -> Row {
    let mut cells: [String; HEADER.len()] = Default::default();
    let [number, username, url, state, _, _, _, _, credits, _, run] = &mut cells;
    *number = line.line.to_string();
    *username = line.username.clone();
    *url = profile_url(&line.username);
    status.clone_into(state);
    "0".clone_into(credits);
    *run = text(line.run_id);
    (line.line, cells)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_of_a_bulk_is_a_row_in_the_order_of_the_list() {
        let id = "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10";
        let bulk: Bulk = serde_json::from_value(json!({
            "id": id, "account_id": id, "business_profile_id": null, "analysis_type": "LIGHT", "status": "awaiting_continue",
            "credits_each": 1, "credits_spent": 1,
            "items": [
                { "line": 2, "run_id": id, "username": "nasa", "status": "complete", "phase": "saving", "credits": 1,
                  "charge_outcome": "result", "error": null, "lead_id": id, "score": 78, "summary": "=1+1, \"space\"" },
                { "line": 5, "run_id": id, "username": "gone", "status": "failed", "phase": "scraping", "credits": 1,
                  "charge_outcome": "refunded", "error": { "code": "profile_not_found", "message": "No such profile." },
                  "lead_id": null, "score": null, "summary": null },
            ],
            "held": [{ "line": 1, "username": "esa", "lead_id": id, "score": 60, "analyzed_at": "2026-11-20T12:00:00Z" }],
            "skipped": [{ "line": 4, "username": "jaxa", "run_id": id }],
            "waiting": [{ "line": 3, "username": "isro" }],
            "continue_until": "2026-11-21T12:00:00Z", "created_at": "2026-11-20T12:00:00Z", "finished_at": null,
        }))
        .unwrap();
        let file = String::from_utf8(sheet(&bulk).unwrap()).unwrap();
        let lines: Vec<&str> = file.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
        let url = |name: &str| format!("{name},https://www.instagram.com/{name}/");
        assert_eq!(
            lines,
            [
                HEADER.join(","),
                format!("1,{},held,60,,,,0,{id},", url("esa")),
                format!("2,{},complete,78,\"'=1+1, \"\"space\"\"\",,,1,{id},{id}", url("nasa")),
                format!("3,{},waiting,,,,,0,,", url("isro")),
                format!("4,{},skipped,,,,,0,,{id}", url("jaxa")),
                format!("5,{},failed,,,profile_not_found,No such profile.,1,,{id}", url("gone")),
                String::new(),
            ]
        );
    }
}
