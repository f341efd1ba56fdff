//! Whether a message in the captions' language passes, and one in another language does not.

use anyhow::{Result, anyhow};
use oslira_app::features::judging::{CallKind, MessageRule, ModelName};
use serde_json::json;

use super::example;
use crate::{
    figure::{Findings, Miss, Share},
    golden::GoldenSet,
    question::{Case, Scope, cases},
};

/// What anybody could be written, in two languages.
const ENGLISH: &str = "That post of yours stayed with me for days. Would you tell me how it came about?";
const GERMAN: &str = "Dieser Beitrag ist mir tagelang nicht aus dem Kopf gegangen. Wie ist er denn entstanden?";
const OPENER_CHARS: usize = 250;

pub(super) fn measure(set: &GoldenSet) -> Result<Findings> {
    let model = ModelName::parse("openai/any").ok_or_else(|| anyhow!("no model name"))?;
    let mut findings = Findings::default();
    let mut share = Share::default();
    let is_first = |case: &Case<'_>| case.business.key == set.businesses.first().map_or("", |first| first.key.as_str());
    for case in cases(set, Scope::Light, |_| model.clone()).iter().filter(|case| is_first(case)) {
        let (Some(language), None) = (&case.profile.language, &case.profile.attack_on) else { continue };
        // One caption says little, to the product too.
        if case.shown.posts().nth(1).is_none() {
            continue;
        }
        let longest = case
            .profile
            .snapshot
            .profile
            .posts
            .iter()
            .map(|post| post.caption.as_str())
            .max_by_key(|caption| caption.len());
        let own: String = longest.unwrap_or_default().chars().take(OPENER_CHARS).collect();
        let (other, text) = if language == "en" { ("de", GERMAN) } else { ("en", ENGLISH) };
        for (tag, opener, is_right) in
            [(language.as_str(), own.as_str(), true), (other, text, false), (language, text, false)]
        {
            let passes = passes(case, tag, opener);
            share.count(passes == is_right);
            if passes != is_right {
                findings.misses.push(Miss {
                    figure: "languages.accuracy".to_owned(),
                    profile: case.profile.key.clone(),
                    business: None,
                    expected: format!(
                        "{tag} where most captions are in {language}: {}",
                        if is_right { "passes" } else { "is a problem" }
                    ),
                    said: if passes { "passed" } else { "a problem" }.to_owned(),
                });
            }
        }
    }
    findings.figures.extend(share.figure("languages.accuracy"));
    Ok(findings)
}

fn passes(case: &Case<'_>, tag: &str, opener: &str) -> bool {
    let answer = example(
        CallKind::Light,
        &[("/language", json!(tag)), ("/outreach_opener", json!(opener)), ("/verdict/reasons", reason(case))],
    );
    let read = case.review().read(CallKind::Light, &answer.to_string());
    read.is_ok_and(|read| {
        !read
            .problems
            .iter()
            .any(|problem| matches!(problem.rule, MessageRule::LanguageOfCaptions | MessageRule::LanguageTag))
    })
}

/// A reason that holds, or the answer is none: it counts the posts.
fn reason(case: &Case<'_>) -> serde_json::Value {
    let ids: Vec<String> = case.shown.posts().map(|post| post.id.clone()).collect();
    json!([{ "posts": ids, "quote": null, "count": ids.len(), "insight": "Posts often." }])
}
