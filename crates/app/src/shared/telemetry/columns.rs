//! Which column a field is in. The first five texts and the first two numbers mean the same for every kind, so that one query can
//! be about several kinds; where a kind has no such field, the column is empty. A column never changes its meaning: queries reach
//! three months back.

use std::borrow::Cow;

use super::{
    Event,
    event::{AiCalled, JobEnded, RequestAnswered, RunEnded, Scraped, WebhookReceived},
};
use crate::shared::analysis_type::AnalysisType;

/// A name for the documentation, and the value.
type Text<'a> = (&'static str, Cow<'a, str>);
type Number = (&'static str, f64);

/// The columns of a point: the index, `blob1` and so on, `double1` and so on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns<'a> {
    pub(super) index: Text<'a>,
    pub(super) texts: Vec<Text<'a>>,
    pub(super) numbers: Vec<Number>,
}

const NO_TEXT: Text<'static> = ("", Cow::Borrowed(""));
const NO_NUMBER: Number = ("", 0.0);

pub(super) fn of<'a>(event: &Event<'a>) -> Columns<'a> {
    match event {
        Event::Request(it) => request(it),
        Event::Run(it) => run(it),
        Event::AiCall(it) => ai_call(it),
        Event::Scrape(it) => scrape(it),
        Event::Webhook(it) => webhook(it),
        Event::Job(it) => job(it),
        Event::Error(it) => Columns {
            index: text("place", &it.place),
            texts: vec![
                text("kind", "error"),
                text("subject", it.subject()),
                text("account_id", it.tag("account_id")),
                text("place", &it.place),
                text("message", &it.message),
                text("service", it.tag("service")),
            ],
            numbers: vec![],
        },
    }
}

const fn text<'a>(name: &'static str, value: &'a str) -> Text<'a> {
    (name, Cow::Borrowed(value))
}

fn id(name: &'static str, id: Option<impl ToString>) -> Text<'static> {
    (name, Cow::Owned(id.map(|id| id.to_string()).unwrap_or_default()))
}

/// What is counted is far below the 2⁵³ up to which a double holds every whole number.
const fn count(name: &'static str, value: u64) -> Number {
    (name, value as f64)
}

const fn span(name: &'static str, value: i64) -> Number {
    (name, value as f64)
}

fn request<'a>(it: &RequestAnswered<'a>) -> Columns<'a> {
    Columns {
        index: text("route", it.route),
        texts: vec![
            text("kind", "request"),
            text("request_id", it.request_id),
            NO_TEXT,
            text("route", it.route),
            text("code", if it.code.is_empty() { "ok" } else { it.code }),
            text("method", it.method),
        ],
        numbers: vec![
            span("duration_ms", it.duration_ms),
            NO_NUMBER,
            count("status", u64::from(it.status)),
            count("times", u64::from(it.times)),
        ],
    }
}

fn run<'a>(it: &RunEnded<'a>) -> Columns<'a> {
    Columns {
        index: id("account_id", it.account_id),
        texts: vec![
            text("kind", "run"),
            id("run_id", Some(it.run_id)),
            id("account_id", it.account_id),
            text("analysis_type", it.analysis_type.map_or("", AnalysisType::as_str)),
            text("end", it.end.as_str()),
            text("code", it.code),
            text("cache", it.cache.as_str()),
        ],
        numbers: vec![count("duration_ms", it.duration_ms()), count("cost_microusd", it.cost_microusd)],
    }
}

fn ai_call<'a>(it: &AiCalled<'a>) -> Columns<'a> {
    Columns {
        index: id("account_id", Some(it.account_id)),
        texts: vec![
            text("kind", "ai_call"),
            id("run_id", Some(it.run_id)),
            id("account_id", Some(it.account_id)),
            text("analysis_type", it.analysis_type.as_str()),
            text("outcome", it.outcome),
            text("provider", it.provider),
            text("model", it.model),
            text("call", it.call),
            text("cache", it.cache.as_str()),
        ],
        numbers: vec![
            count("duration_ms", it.duration_ms),
            count("cost_microusd", it.cost_microusd.unwrap_or(0)),
            count("input_tokens", it.input_tokens),
            count("cached_tokens", it.cached_tokens),
            count("output_tokens", it.output_tokens),
            count("reasoning_tokens", it.reasoning_tokens),
            count("unpriced", u64::from(it.cost_microusd.is_none())),
        ],
    }
}

fn scrape<'a>(it: &Scraped<'a>) -> Columns<'a> {
    Columns {
        index: id("account_id", Some(it.account_id)),
        texts: vec![
            text("kind", "scrape"),
            id("run_id", Some(it.run_id)),
            id("account_id", Some(it.account_id)),
            text("analysis_type", it.analysis_type.as_str()),
            text("outcome", it.outcome),
            text("provider", it.provider),
            text("actor", it.actor),
            text("part", it.part),
        ],
        numbers: vec![
            count("duration_ms", it.duration_ms),
            count("cost_microusd", it.cost_microusd),
            count("results", u64::from(it.results)),
        ],
    }
}

fn webhook<'a>(it: &WebhookReceived<'a>) -> Columns<'a> {
    Columns {
        index: text("provider", it.provider),
        texts: vec![
            text("kind", "webhook"),
            text("event_id", it.event_id),
            NO_TEXT,
            text("event_type", it.event_type),
            text("outcome", it.outcome),
            text("provider", it.provider),
        ],
        numbers: vec![span("duration_ms", it.duration_ms)],
    }
}

fn job<'a>(it: &JobEnded<'a>) -> Columns<'a> {
    Columns {
        index: text("job", it.job),
        texts: vec![
            text("kind", "job"),
            NO_TEXT,
            NO_TEXT,
            text("job", it.job),
            text("outcome", if it.is_ok { "ok" } else { "failed" }),
        ],
        numbers: vec![span("duration_ms", it.duration_ms)],
    }
}

#[cfg(test)]
mod tests;
