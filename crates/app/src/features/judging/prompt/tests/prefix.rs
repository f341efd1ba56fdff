//! The cached part: long enough, the same to the byte, and never reworded under its name.

use sha2::{Digest, Sha256};

use super::*;

/// Older models of OpenAI cache in steps of 128 tokens and leave up to 127 out, which is 5 % of this.
const PREFIX_TOKENS_MIN: usize = 2_560;
/// A longer prefix costs too much with every call, cached or not.
const PREFIX_TOKENS_MAX: usize = 3_500;

/// Every wording that was ever in use. Only add lines: a reworded file gets the next version in its name, because
/// results are compared by version.
const IN_USE: [(&str, &str); 18] = [
    ("common.v1.md", "76c3dd3b2ff13c47a8d0187bc693923d662ecc0ebae4c907ffb5270b93981cf3"),
    ("light.v1.md", "888151c3fed9c5ab58d2c2b679ab354d96d3bbf6d76054bb472b9c222ab87aa1"),
    ("core_strategy.v1.md", "926e954f9fa2726144ffe64923936f4559ef6040dc66d6ed41985c9ca092d00b"),
    ("outreach.v1.md", "648123169838b14ea462487b9e4192c165fadc25db76a741ef36c7a63b024f28"),
    ("personality.v1.md", "ae92e9b546a0f119d170af6456cb62206c870bedf9001684b7175c90bdd7dada"),
    ("psychographic.v1.md", "25925f1f8e8c0261b6d1f73fc6ee44e4dd93c55da248278942cd077880b394b7"),
    ("commercial.v1.md", "aa2ea3a2dcb9dc298c8f797379b30ff549d96aa5a3bd9f3cf44ac8717a9849a5"),
    ("approach.v2.md", "944178bf3623803a8e477dccb9c6dca6d151e5b7379c63e91193c836c8d7bd21"),
    ("common.v2.md", "d997ca091a3eea222d2a95a9aabe88d26bc133f321c01429e946e0e78061d184"),
    ("deal.v2.md", "43a754627ff1eba5a2fd7f6d95eb2a8425937f52087dc0baba2341e5306253c0"),
    ("light.v2.md", "d0812ef2f4678b7c15dce2e6407fc7bf235837b52b66e00e3613689813b91929"),
    ("money.v2.md", "ad12b8e917923319a4f842897c384ce50132a6bf43f12fdf87014e32aa260a9d"),
    ("motives.v2.md", "f1f0c4c0a425cf0956f203980798d43dc28cb001997a176a37319c5ff6a8b2d9"),
    ("needs.v2.md", "77779a0ff144fdc0078fd1a218979dd30af046cc586ab6cd5bad019fb73c9d71"),
    ("openness.v2.md", "78a51de1cbafc265914635d595d850f497cc0e6971071ef840c0eb865ac29784"),
    ("outreach.v2.md", "091f4ad7fddd8fb988be5eafd9e1cae8f2b9269cc54527ea37a30f5b744a0ffb"),
    ("personality.v2.md", "8c24d68be565646e47f31bfa92155c58ddd34c1baae1cc8e1e9066db3ca36f7b"),
    ("verdict.v2.md", "aa018ec0c8eaecf4cd5b10ccc50c82906b4d991b2fbb63c77407db05cb461994"),
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
        let (model, budget) = (ModelName::fixed("openai/other"), AnalysisType::Light.config().profile_budget());
        let (other, _) = question(tags, &model, &business(), &snapshot(9, vec![]), budget);
        assert_eq!(one.system, other.system);
        assert_eq!(one.cache_key, other.cache_key);
        assert_ne!(one.user, other.user);
        assert_eq!(one.system, ask_for(&other_business, AnalysisType::Deep, call, &profile()).system);
    }
}

#[test]
fn the_prefix_changes_with_everything_that_the_business_says() {
    type Change = fn(&mut BusinessContext);
    let changes: [Change; 12] = [
        |b| b.name.push('!'),
        |b| b.offering.push('!'),
        |b| b.target_audience.push('!'),
        |b| b.voice = None,
        |b| b.do_not_say.clear(),
        |b| b.competitors.clear(),
        |b| b.proof_points.clear(),
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
