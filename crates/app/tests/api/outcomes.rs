//! `POST /leads/{id}/outcome` and `GET /leads/outcomes.ndjson`, and what leads show of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        judging::ModelChoice,
        leads::{
            Analysis, JudgedOutcome, Lead, LeadCursor, LeadOutcome, LeadQuery, LeadRepository, Mark, MarkOutcome,
            OutcomeRepository,
        },
    },
    shared::{
        ids::{BusinessProfileId, LeadId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, answer, ports, request, send_to};

const SAID_AT: &str = "2026-11-23T11:00:00Z";

/// Answers every mark in one way, and has as many present marks as a test says.
struct Marks {
    answer: MarkOutcome,
    present: i64,
    asked: Mutex<Vec<Value>>,
}

impl Marks {
    fn answering(answer: Value) -> Arc<Self> {
        Arc::new(Self { answer: serde_json::from_value(answer).unwrap(), present: 0, asked: Mutex::default() })
    }

    fn having(present: i64) -> Arc<Self> {
        Arc::new(Self { answer: MarkOutcome::NotFound, present, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

fn judged(id: i64) -> Value {
    json!({
        "id": id, "outcome": "won", "marked_at": SAID_AT, "analysis_type": "DEEP", "score": 78, "fit_score": 82,
        "confidence": 60, "role": "buyer", "seems_minor": false,
        "business": { "name": "Fuel", "offering": "Meals.", "target_audience": "Runners.", "ideal_customer": {
            "follower_min": 2000, "follower_max": null, "engagement_rate_min_percent": 1.5,
            "content_themes": ["running"], "geographies": []
        } },
        "profile": { "username": "livia.runs", "biography": "first line\nsecond line" }, "facts": { "video_views": null }
    })
}

#[async_trait]
impl OutcomeRepository for Marks {
    async fn mark(&self, _: Member, id: LeadId, outcome: Option<LeadOutcome>) -> Result<MarkOutcome, StoreError> {
        self.asked.lock().unwrap().push(json!([id, outcome]));
        Ok(self.answer.clone())
    }

    async fn outcomes(
        &self,
        _: Member,
        business: Option<BusinessProfileId>,
        page: PageQuery<i64>,
    ) -> Result<Page<JudgedOutcome>, StoreError> {
        self.asked.lock().unwrap().push(json!(business));
        let newest = page.after.map_or(self.present, |after| after.0 - 1);
        let ids = (1..=newest).rev().take(page.limit as usize + 1);
        let marks = ids.map(|id| serde_json::from_value(judged(id)).unwrap()).collect();
        Ok(Page::cut(marks, page.limit, |last: &JudgedOutcome| last.id))
    }

    async fn are_more_outcomes_than(
        &self,
        _: Member,
        _: Option<BusinessProfileId>,
        rows: u32,
    ) -> Result<bool, StoreError> {
        Ok(self.present > i64::from(rows))
    }
}

/// One lead, that was won.
struct Won;

fn lead(outcome: &Value) -> Value {
    json!({
        "id": Uuid::nil(), "account_id": Uuid::nil(), "business_profile_id": Uuid::nil(), "username": "livia.runs",
        "renamed_to": null, "profile_url": "https://www.instagram.com/livia.runs/", "display_name": null, "biography": null,
        "followers": null, "following": null, "posts": null, "category": null, "external_url": null,
        "profile_picture": null, "is_verified": false, "is_business": false, "score": 81, "outcome": outcome,
        "status": "won", "owner_id": null, "tags": ["vip"],
        "latest_analysis": null, "scraped_at": SAID_AT, "created_at": SAID_AT, "updated_at": SAID_AT
    })
}

fn mark() -> Value {
    json!({ "outcome": "won", "marked_at": SAID_AT, "analysis_id": Uuid::nil(), "score": 78 })
}

#[async_trait]
impl LeadRepository for Won {
    async fn may_export(&self, _: Member) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, _: Member, query: &LeadQuery, page: PageQuery<LeadCursor>) -> Result<Page<Lead>, StoreError> {
        let leads = vec![serde_json::from_value(lead(&json!("won"))).unwrap()];
        Ok(Page::cut(leads, page.limit, |last| LeadCursor::of(query.sort, last)))
    }

    async fn are_more_than(&self, _: Member, _: &LeadQuery, _: u32) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn get(&self, _: Member, _: LeadId, _: usize) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError> {
        Ok(Some((serde_json::from_value(lead(&mark())).unwrap(), vec![])))
    }

    async fn delete(&self, _: Member, _: LeadId) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
}

/// Asks the router over these marks: status, `Retry-After` and body.
async fn ask(marks: &Arc<Marks>, method: &str, path: &str, body: &Value) -> (u16, Option<String>, Value) {
    let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
    ports.leads.outcomes = marks.clone();
    let (status, retry_after, body) = answer(send_to(ports, request(method, path, body)).await).await;
    (status.as_u16(), retry_after, body)
}

fn path_of(lead: Uuid) -> String {
    format!("/leads/{lead}/outcome")
}

#[tokio::test]
async fn a_customer_says_how_a_lead_turned_out_and_takes_it_back() {
    for outcome in [json!("won"), json!("lost"), json!("wrong"), Value::Null] {
        let mark = json!({
            "lead_id": Uuid::max(), "outcome": outcome, "analysis_id": Uuid::nil(), "score": 78, "marked_at": SAID_AT
        });
        let marks = Marks::answering(json!({ "outcome": "marked", "mark": mark }));
        let (status, _, body) = ask(&marks, "POST", &path_of(Uuid::max()), &json!({ "outcome": outcome })).await;
        assert_eq!((status, &body["data"]), (200, &mark), "{body}");
        assert_eq!(marks.asked(), [json!([Uuid::max(), outcome])]);
    }
}

#[tokio::test]
async fn taking_back_what_was_never_said_answers_that_there_is_no_mark() {
    let none =
        json!({ "lead_id": Uuid::max(), "outcome": null, "analysis_id": null, "score": null, "marked_at": null });
    let marks = Marks::answering(json!({ "outcome": "marked", "mark": none }));
    let (status, _, body) = ask(&marks, "POST", &path_of(Uuid::max()), &json!({ "outcome": null })).await;
    assert_eq!((status, &body["data"]), (200, &none));
}

#[tokio::test]
async fn an_outcome_that_makes_no_sense_is_refused_without_asking_the_database() {
    let marks = Marks::having(0);
    for body in [
        json!({}),
        json!({ "outcome": "maybe" }),
        json!({ "outcome": "Won" }),
        json!({ "outcome": "" }),
        json!({ "outcome": true }),
        json!({ "outcome": ["won"] }),
        json!({ "outcome": "won", "score": 100 }),
        json!({ "outcome": null, "marked_at": SAID_AT }),
        json!(["won"]),
    ] {
        let (status, _, answer) = ask(&marks, "POST", &path_of(Uuid::max()), &body).await;
        assert_eq!((status, &answer["code"]), (422, &json!("invalid_request")), "{body}");
    }
    let (status, _, answer) = ask(&marks, "POST", "/leads/7/outcome", &json!({ "outcome": "won" })).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_id")));
    assert_eq!(marks.asked(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_lead_that_is_not_there_cannot_be_marked() {
    let marks = Marks::answering(json!({ "outcome": "not_found" }));
    let (status, _, body) = ask(&marks, "POST", &path_of(Uuid::max()), &json!({ "outcome": "won" })).await;
    assert_eq!((status, &body["code"]), (404, &json!("lead_not_found")));
}

#[tokio::test]
async fn who_has_said_too_much_for_a_day_is_told_when_to_go_on() {
    let marks = Marks::answering(json!({ "outcome": "limit", "daily_max": 1000, "retry_after_s": 3600 }));
    let (status, retry_after, body) = ask(&marks, "POST", &path_of(Uuid::max()), &json!({ "outcome": "won" })).await;
    assert_eq!((status, retry_after.as_deref()), (429, Some("3600")));
    let details = json!({ "limit": 1000, "retry_after_s": 3600 });
    assert_eq!((&body["code"], &body["details"]), (&json!("too_many_outcomes"), &details));
}

#[tokio::test]
async fn a_list_tells_how_leads_turned_out_and_a_lead_tells_what_was_judged() {
    let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
    ports.leads.leads = Arc::new(Won);
    let read = async |path: &str| answer(send_to(ports.clone(), request("GET", path, &Value::Null)).await).await.2;
    assert_eq!(read("/leads").await["data"]["items"][0], lead(&json!("won")));
    let one = read(&format!("/leads/{}", Uuid::nil())).await;
    assert_eq!((&one["data"]["outcome"], &one["data"]["score"]), (&mark(), &json!(81)));
}

/// The answer's headers and the lines of its file.
async fn exported(marks: &Arc<Marks>, query: &str) -> (Vec<Option<String>>, Vec<Value>) {
    let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
    ports.leads.outcomes = marks.clone();
    let path = format!("/leads/outcomes.ndjson{query}");
    let response = send_to(ports, request("GET", &path, &Value::Null)).await;
    assert_eq!(response.status().as_u16(), 200);
    let names = ["content-type", "content-disposition", "x-oslira-truncated"];
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let headers = names.map(header).to_vec();
    let file = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "every line ends");
    (headers, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn an_export_is_a_json_object_a_line_newest_first() {
    let marks = Marks::having(2);
    let (headers, lines) = exported(&marks, "").await;
    let name = "attachment; filename=\"oslira-outcomes-2026-11-23.ndjson\"";
    let expected = [Some("application/x-ndjson"), Some(name), None];
    assert_eq!(headers.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    let mut line = judged(2);
    line.as_object_mut().unwrap().remove("id");
    assert_eq!(lines, [line.clone(), line]);
    assert_eq!(exported(&Marks::having(0), "").await.1, [Value::Null; 0], "a file without lines is a file too");
}

#[tokio::test]
async fn an_export_holds_ten_thousand_outcomes_and_says_if_there_are_more() {
    for (present, written, truncated) in [(99, 99, None), (10_000, 10_000, None), (10_001, 10_000, Some("true"))] {
        let marks = Marks::having(present);
        let (headers, lines) = exported(&marks, "").await;
        assert_eq!((lines.len(), headers[2].as_deref()), (written, truncated), "{present}");
        assert_eq!(marks.asked().len(), written.div_ceil(100), "a page is read at a time");
    }
}

#[tokio::test]
async fn an_export_is_of_one_business_if_that_is_asked_for() {
    let marks = Marks::having(1);
    exported(&marks, &format!("?business_profile_id={}", Uuid::max())).await;
    exported(&marks, "?business_profile_id=").await;
    assert_eq!(marks.asked(), [json!(Uuid::max()), Value::Null]);
    let twice = format!("?business_profile_id={0}&business_profile_id={0}", Uuid::max());
    for (query, field) in [("?business_profile_id=7", json!("business_profile_id")), (&twice, Value::Null)] {
        let (status, _, body) = ask(&marks, "GET", &format!("/leads/outcomes.ndjson{query}"), &Value::Null).await;
        assert_eq!((status, &body["code"]), (400, &json!("invalid_query")), "{query}");
        assert_eq!(body["details"]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn an_account_exports_either_leads_or_outcomes_at_a_time() {
    let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
    (ports.leads.leads, ports.leads.outcomes) = (Arc::new(Won), Marks::having(1));
    let export = |path: &str| send_to(ports.clone(), request("GET", path, &Value::Null));
    for (one, other) in
        [("/leads/outcomes.ndjson", "/leads/export.csv"), ("/leads/export.csv", "/leads/outcomes.ndjson")]
    {
        let file = export(one).await;
        assert_eq!(file.status().as_u16(), 200, "{one}");
        let (status, retry_after, body) = answer(export(other).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (429, &json!("too_many_exports")), "{other}");
        assert_eq!(retry_after.as_deref(), Some("5"));
        to_bytes(file.into_body(), usize::MAX).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_without_a_token_marks_or_exports() {
    let marks = Marks::having(1);
    for (method, path) in [("POST", path_of(Uuid::max())), ("GET", "/leads/outcomes.ndjson".to_owned())] {
        let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
        ports.leads.outcomes = marks.clone();
        let request = Request::builder().method(method).uri(&path).header(header::CONTENT_TYPE, "application/json");
        let (status, _, body) = answer(send_to(ports, request.body(Body::empty()).unwrap()).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (401, &json!("token_missing")), "{method} {path}");
    }
    assert_eq!(marks.asked(), [Value::Null; 0]);
}
