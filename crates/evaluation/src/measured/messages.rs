//! Whether labelled messages are found right or wrong as labelled.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use oslira_app::features::judging::{CallKind, MessageRule, ModelName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::example;
use crate::{
    figure::{Findings, Miss, Share},
    golden::GoldenSet,
    question::{Scope, cases},
};

const MESSAGES: &str = include_str!("../../golden/messages.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    profile: String,
    business: String,
    about: String,
    language: String,
    opener: String,
    message: String,
    follow_up: String,
    gloss: Option<String>,
    breaks: Vec<Break>,
}

#[derive(Deserialize, PartialEq, Eq, Debug, Clone)]
#[serde(deny_unknown_fields)]
struct Break {
    field: String,
    rule: MessageRule,
}

pub(super) fn measure(set: &GoldenSet) -> Result<Findings> {
    let model = ModelName::parse("openai/any").ok_or_else(|| anyhow!("no model name"))?;
    let labelled: Vec<Labelled> = serde_json::from_str(MESSAGES).context("golden/messages.json")?;
    let cases = cases(set, Scope::Light, |_| model.clone());
    let mut findings = Findings::default();
    let (mut clean, mut caught) = (Share::default(), Share::default());
    for message in labelled {
        let case =
            cases.iter().find(|case| case.profile.key == message.profile && case.business.key == message.business);
        let case =
            case.ok_or_else(|| anyhow!("messages.json: no pair {} and {}", message.profile, message.business))?;
        let read = case.review().read(CallKind::Outreach, &answer(&message).to_string());
        let problems = read.map(|read| read.problems).map_err(|fault| anyhow!("{}: {fault}", message.about))?;
        let found: BTreeSet<(String, String)> =
            problems.iter().map(|problem| named(&problem.field, problem.rule)).collect();
        let expected: BTreeSet<(String, String)> =
            message.breaks.iter().map(|broken| named(&broken.field, broken.rule)).collect();
        let (share, figure, is_right) = match expected.is_empty() {
            true => (&mut clean, "messages.clean", found.is_empty()),
            false => (&mut caught, "messages.caught", expected.is_subset(&found)),
        };
        share.count(is_right);
        if !is_right {
            findings.misses.push(Miss {
                figure: figure.to_owned(),
                profile: message.profile.clone(),
                business: Some(message.business.clone()),
                expected: format!("{}: {expected:?}", message.about),
                said: format!("{found:?}"),
            });
        }
    }
    findings.figures.extend(clean.figure("messages.clean"));
    findings.figures.extend(caught.figure("messages.caught"));
    Ok(findings)
}

fn named(field: &str, rule: MessageRule) -> (String, String) {
    let rule = serde_json::to_value(rule).unwrap_or_default();
    (field.to_owned(), rule.as_str().unwrap_or_default().to_owned())
}

fn answer(message: &Labelled) -> Value {
    example(
        CallKind::Outreach,
        &[
            ("/language", json!(message.language)),
            ("/opener", json!(message.opener)),
            ("/message", json!(message.message)),
            ("/follow_up", json!(message.follow_up)),
            ("/gloss", json!(message.gloss)),
            ("/hooks", json!([])),
        ],
    )
}
