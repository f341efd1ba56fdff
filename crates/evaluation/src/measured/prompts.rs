//! What can be seen of a question without an answer: the order in which it makes a model think, the grades that it explains, the
//! fence around the profile, and how much of what was bought is shown.

use anyhow::{Result, anyhow};
use oslira_app::{
    features::judging::{CallKind, ModelName, shown},
    shared::analysis_type::AnalysisType,
};
use serde_json::Value;

use crate::{
    figure::{Figure, Findings, Miss, Share},
    golden::{GoldenProfile, GoldenSet},
    question::{Case, Scope, cases},
};

/// Fields in the order of thought: whichever of them an object has must stand so.
const ORDERS: [&[&str]; 4] = [
    &["posts", "quote", "count", "insight"],
    &["posts", "quote", "count", "name", "strength"],
    &[
        "niche",
        "themes",
        "reasons",
        "concerns",
        "role",
        "seems_minor",
        "summary",
        "confidence",
        "fit_score",
        "receptiveness",
    ],
    &["language", "opener", "message", "follow_up", "gloss"],
];
const GRADES: [&str; 3] = ["fit_score", "receptiveness", "confidence"];
/// A rubric says what a grade means at so many places.
const ANCHORS_MIN: usize = 4;

pub(super) fn measure(set: &GoldenSet) -> Result<Findings> {
    let model = ModelName::parse("openai/any").ok_or_else(|| anyhow!("no model name"))?;
    let cases = cases(set, Scope::All, |_| model.clone());
    let mut findings = Findings::default();
    let (mut order, mut rubric, mut fence) = (Share::default(), Share::default(), Share::default());
    for call in CallKind::ALL {
        let Some(case) = cases.iter().find(|case| case.call == call) else { continue };
        pairs_in_order(&case.question.schema, &mut order);
        for grade in
            GRADES.into_iter().filter(|grade| case.question.schema.to_string().contains(&format!("\"{grade}\":")))
        {
            let explained = anchors(&case.question.system, grade) >= ANCHORS_MIN;
            rubric.count(explained);
            if !explained {
                findings.misses.push(Miss {
                    figure: "prompts.rubric".to_owned(),
                    profile: String::new(),
                    business: None,
                    expected: format!("{} explains {grade}", call.as_str()),
                    said: "fewer than four anchors".to_owned(),
                });
            }
        }
    }
    for case in cases.iter().filter(|case| case.call == CallKind::Light) {
        let holds = is_fenced(case);
        fence.count(holds);
        if !holds {
            findings.misses.push(Miss {
                figure: "prompts.fence".to_owned(),
                profile: case.profile.key.clone(),
                business: Some(case.business.key.clone()),
                expected: "one fence, and JSON in it".to_owned(),
                said: "something else".to_owned(),
            });
        }
    }
    findings.figures.extend(order.figure("prompts.order"));
    findings.figures.extend(rubric.figure("prompts.rubric"));
    findings.figures.extend(fence.figure("prompts.fence"));
    findings.figures.extend(captions_shown(set));
    Ok(findings)
}

/// Counts each two neighbours of the orders that an object of the schema has.
fn pairs_in_order(schema: &Value, share: &mut Share) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                let place = |name: &&str| properties.keys().position(|key| key == name);
                for order in ORDERS {
                    let places: Vec<usize> = order.iter().filter_map(place).collect();
                    for two in places.windows(2) {
                        share.count(two.is_sorted());
                    }
                }
            }
            fields.values().for_each(|field| pairs_in_order(field, share));
        }
        Value::Array(items) => items.iter().for_each(|item| pairs_in_order(item, share)),
        _ => {}
    }
}

/// The lines such as "- 40-69: …" that follow the first mention of a grade at the beginning of a line, up to the next empty line.
fn anchors(instructions: &str, grade: &str) -> usize {
    let is_anchor = |line: &str| {
        let range = line.trim_start_matches("- ").split(':').next().unwrap_or_default();
        range.split_once('-').is_some_and(|(low, high)| low.parse::<u8>().is_ok() && high.parse::<u8>().is_ok())
    };
    let paragraphs = instructions.split("\n\n").flat_map(|paragraph| paragraph.split("\n# "));
    let explains = |paragraph: &&str| paragraph.lines().any(|line| line.trim_start_matches("- ").starts_with(grade));
    paragraphs
        .filter(explains)
        .map(|paragraph| paragraph.lines().filter(|line| is_anchor(line)).count())
        .max()
        .unwrap_or(0)
}

/// Whether the profile's text is JSON between the fence's two marks and nowhere else.
fn is_fenced(case: &Case<'_>) -> bool {
    let user = &case.question.user;
    let inner = user.strip_prefix("<profile>\n").and_then(|rest| rest.strip_suffix("\n</profile>\n"));
    let Some(inner) = inner else { return false };
    let bio = &case.profile.snapshot.profile.biography;
    let is_apart = bio.chars().count() < 40 || !case.question.system.contains(bio.as_str());
    !inner.contains('<') && is_apart && serde_json::from_str::<Value>(inner).is_ok_and(|profile| profile.is_object())
}

/// How much of the captions of a profile with fifty posts is shown to the deep analyses.
fn captions_shown(set: &GoldenSet) -> Option<Figure> {
    let mut fullest: GoldenProfile = set.plain().next()?.clone();
    let posts = AnalysisType::Xray.config().posts as usize;
    let all = set.plain().filter(|profile| profile.language.as_deref() == Some("en"));
    let texts: Vec<_> = all.flat_map(|profile| &profile.snapshot.profile.posts).collect();
    fullest.snapshot.profile.posts = texts.into_iter().cycle().take(posts).cloned().collect();
    let shown = shown(&fullest.snapshot, AnalysisType::Xray.config().profile_budget());
    let bought: usize = fullest.snapshot.profile.posts.iter().map(|post| post.caption.chars().count()).sum();
    let read: usize = shown.posts().map(|post| post.text.chars().count()).sum();
    Some(Figure::higher("prompts.captions_shown", read as f64 / bought as f64, posts))
}
