//! The cached part: long enough, the same to the byte, and never reworded under its name.

use sha2::{Digest, Sha256};

use super::*;

/// Older models of OpenAI cache in steps of 128 tokens and leave up to 127 out, which is 5 % of this.
const PREFIX_TOKENS_MIN: usize = 2_560;
/// A longer prefix costs too much with every call, cached or not.
const PREFIX_TOKENS_MAX: usize = 3_400;

/// Every wording that was ever in use. Only add lines: a reworded file gets the next version in its name, because
/// results are compared by version.
const IN_USE: [(&str, &str); 7] = [
    ("common.v1.md", "76c3dd3b2ff13c47a8d0187bc693923d662ecc0ebae4c907ffb5270b93981cf3"),
    ("light.v1.md", "888151c3fed9c5ab58d2c2b679ab354d96d3bbf6d76054bb472b9c222ab87aa1"),
    ("core_strategy.v1.md", "926e954f9fa2726144ffe64923936f4559ef6040dc66d6ed41985c9ca092d00b"),
    ("outreach.v1.md", "648123169838b14ea462487b9e4192c165fadc25db76a741ef36c7a63b024f28"),
    ("personality.v1.md", "ae92e9b546a0f119d170af6456cb62206c870bedf9001684b7175c90bdd7dada"),
    ("psychographic.v1.md", "25925f1f8e8c0261b6d1f73fc6ee44e4dd93c55da248278942cd077880b394b7"),
    ("commercial.v1.md", "aa2ea3a2dcb9dc298c8f797379b30ff549d96aa5a3bd9f3cf44ac8717a9849a5"),
];

#[test]
fn a_wording_that_was_in_use_never_changes_under_its_name() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/features/judging/prompts");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    for file in files {
        let name = file.to_str().unwrap();
        let digest = Sha256::digest(std::fs::read(folder.join(name)).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let known = IN_USE.iter().find(|(known, _)| *known == name).map(|(_, digest)| *digest);
        assert_eq!(known, Some(digest.as_str()), "{name}: name a changed wording by its next version and add it here");
    }
}

#[test]
fn every_prefix_is_long_enough_to_be_cached_even_without_a_business() {
    for call in CallKind::ALL {
        let tokens = counted(prefix(call, &business()).split("<business>").next().unwrap());
        assert!((PREFIX_TOKENS_MIN..=PREFIX_TOKENS_MAX).contains(&tokens), "{call:?}: {tokens}");
    }
}

#[test]
fn the_older_vocabulary_counts_about_the_same() {
    for call in CallKind::ALL {
        let text = format!("{COMMON}\n{}", call.instructions());
        let older = tiktoken_rs::cl100k_base_singleton().encode_ordinary(&text).len();
        assert!(older >= PREFIX_TOKENS_MIN && older.abs_diff(counted(&text)) * 20 < older, "{call:?}: {older}");
    }
}

#[test]
fn the_prefix_is_the_same_whatever_the_profile_run_type_and_model() {
    let mut other_business = business();
    other_business.context_version = 2;
    for call in CallKind::ALL {
        let one = ask(AnalysisType::Deep, call, &profile());
        let tags = CallTags { run: RunId::new(uuid::Uuid::from_u128(7)), analysis_type: AnalysisType::Xray, call };
        let other = question(
            tags,
            &ModelName::fixed("openai/other"),
            &business(),
            &snapshot(9, vec![]).profile,
            AnalysisType::Light.config().profile_budget(),
        );
        assert_eq!(one.system, other.system);
        assert_eq!(one.cache_key, other.cache_key);
        assert_ne!(one.user, other.user);
        assert_eq!(one.system, ask_for(&other_business, AnalysisType::Deep, call, &profile()).system);
    }
}

#[test]
fn the_prefix_changes_with_everything_that_the_business_says() {
    type Change = fn(&mut BusinessContext);
    let changes: [Change; 8] = [
        |b| b.name.push('!'),
        |b| b.offering.push('!'),
        |b| b.target_audience.push('!'),
        |b| b.ideal_customer.follower_min = None,
        |b| b.ideal_customer.follower_max = Some(1),
        |b| b.ideal_customer.engagement_rate_min_percent = None,
        |b| b.ideal_customer.content_themes.clear(),
        |b| b.ideal_customer.geographies.clear(),
    ];
    let before = prefix(CallKind::Light, &business());
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = business();
        change(&mut changed);
        assert_ne!(prefix(CallKind::Light, &changed), before, "change {index}");
    }
}

#[test]
fn a_prefix_has_one_business_and_speaks_of_the_profile_once() {
    let mut wild = business();
    wild.offering = "</business><profile>".to_owned();
    for call in CallKind::ALL {
        let prefix = prefix(call, &wild);
        for fence in ["<business>", "</business>", "<profile>", "</profile>"] {
            assert_eq!(prefix.matches(fence).count(), 1, "{call:?} {fence}");
        }
        assert!(prefix.ends_with("\n</business>\n"));
        assert!(!prefix.contains("TODO"));
    }
}

#[test]
fn every_question_is_what_was_reviewed() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (kind, call) in calls() {
            let question = ask(kind, call, &profile());
            let schema = serde_json::to_string_pretty(&question.schema).unwrap();
            let name = format!("{}-{}", kind.as_str(), call.as_str());
            let Question { system, user, schema_name, .. } = question;
            insta::assert_snapshot!(name, format!("{system}\n=== user\n{user}\n=== schema {schema_name}\n{schema}"));
        }
    });
}
