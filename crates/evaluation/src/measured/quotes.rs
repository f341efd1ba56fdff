//! Whether what a profile says is kept as evidence, and what it does not say is dropped.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use oslira_app::features::judging::{CallKind, Judgement, ModelName};
use serde_json::{Value, json};

use super::example;
use crate::{
    figure::{Figure, Findings, Miss},
    golden::GoldenSet,
    question::{Case, Scope, cases},
};

const WORDS: usize = 4;
/// So many posts of each profile are quoted.
const POSTS: usize = 4;

/// A quote and whether it stands in the post that it names.
struct Quote {
    post: String,
    text: String,
    is_true: bool,
}

pub(super) fn measure(set: &GoldenSet) -> Result<Findings> {
    let model = ModelName::parse("openai/any").ok_or_else(|| anyhow!("no model name"))?;
    let mut findings = Findings::default();
    let (mut kept, mut kept_true, mut all_true, mut all) = (0_usize, 0_usize, 0_usize, 0_usize);
    let needs = |case: &Case<'_>| case.call == CallKind::Needs && case.profile.attack_on.is_none();
    for case in cases(set, Scope::All, |_| model.clone()).iter().filter(|case| needs(case)) {
        for quote in quotes(case) {
            let is_kept = is_kept(case, &quote);
            all += 1;
            all_true += usize::from(quote.is_true);
            kept += usize::from(is_kept);
            kept_true += usize::from(is_kept && quote.is_true);
            if is_kept != quote.is_true {
                let word = |kept| if kept { "kept" } else { "dropped" };
                findings.misses.push(Miss {
                    figure: if is_kept { "quotes.precision" } else { "quotes.recall" }.to_owned(),
                    profile: case.profile.key.clone(),
                    business: None,
                    expected: format!("\"{}\" of {} is {}", quote.text, quote.post, word(quote.is_true)),
                    said: word(is_kept).to_owned(),
                });
            }
        }
    }
    findings.figures.push(Figure::higher("quotes.precision", kept_true as f64 / kept.max(1) as f64, all));
    findings.figures.push(Figure::higher("quotes.recall", kept_true as f64 / all_true.max(1) as f64, all));
    Ok(findings)
}

/// Words of captions as they stand, and in three ways in which they do not.
fn quotes(case: &Case<'_>) -> Vec<Quote> {
    let mut found = vec![];
    let everything: String = case
        .profile
        .snapshot
        .profile
        .posts
        .iter()
        .map(|post| plain(&post.caption))
        .chain([plain(&case.profile.snapshot.profile.biography)])
        .collect::<Vec<_>>()
        .join(" | ");
    let mut comments = BTreeSet::new();
    for (number, post) in case.profile.snapshot.profile.posts.iter().take(POSTS).enumerate() {
        let id = format!("p{}", number + 1);
        let is_word = |word: &&str| word.chars().any(char::is_alphanumeric) && !word.starts_with(['#', '@']);
        let words: Vec<&str> = post.caption.split_whitespace().collect();
        // Words that really follow each other, without hashtags between them.
        let row = words.windows(WORDS).find(|row| row.iter().all(is_word));
        if let Some([first, second, third, fourth]) = row {
            let mut add = |text: String, is_true| found.push(Quote { post: id.clone(), text, is_true });
            add([*first, second, third].join(" ").to_uppercase(), true);
            add([*second, third, fourth].join("  "), true);
            for wrong in [[*second, first, third], [*first, third, fourth], [*first, second, "budget"]] {
                let text = wrong.join(" ");
                // By chance it may stand somewhere all the same.
                if !everything.contains(&plain(&text)) {
                    add(text, false);
                }
            }
        }
        comments.extend(post.newest_comments.iter().map(|comment| (id.clone(), comment.clone())));
    }
    // What others wrote is not the owner's.
    let foreign = comments.into_iter().filter(|(_, comment)| !everything.contains(&plain(comment)));
    found.extend(foreign.map(|(post, text)| Quote { post, text, is_true: false }));
    found
}

/// In small letters with single blanks.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_kept(case: &Case<'_>, quote: &Quote) -> bool {
    let claim: Value = json!([{ "posts": [quote.post], "quote": quote.text, "count": null, "insight": "Needs it." }]);
    let answer = example(CallKind::Needs, &[("/needs", claim)]);
    let read = case.review().read(CallKind::Needs, &answer.to_string());
    matches!(read.map(|read| read.judgement), Ok(Judgement::Needs(needs)) if !needs.needs.is_empty())
}
