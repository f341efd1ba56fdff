//! Long profiles: within the budget, with every number, the newest posts' texts longest.

use proptest::prelude::*;

use super::*;
use crate::features::profiles::{Link, Post};

/// One character of every kind that costs much.
const SCRIPTS: [&str; 12] = ["a", "qz", "<\"", "\\", "é", "ж", "ع", "ह", "龘", "𓀀", "🧑🏽‍🚀", "𝓢"];

fn full(script: &str, posts: usize, caption_chars: usize) -> Profile {
    let of = |chars: usize| script.chars().cycle().take(chars).collect::<String>();
    let posts = (0..posts).map(|number| Post {
        short_code: format!("c{number}"),
        kind: crate::features::profiles::PostKind::Sidecar,
        caption: of(caption_chars),
        hashtags: vec![of(100); 30],
        mentions: vec![of(30); 20],
        likes: Some(u64::MAX),
        comments: Some(u64::MAX - 1),
        video_views: Some(u64::MAX - 2),
        taken_at: Some(jiff::Timestamp::MIN),
        is_pinned: true,
        is_anothers: false,
        location: Some(of(100)),
        newest_comments: vec![of(200); 3],
    });
    let mut profile = snapshot(u64::MAX, posts.collect()).profile;
    (profile.following, profile.posts_count) = (u64::MAX, u64::MAX);
    (profile.display_name, profile.biography) = (of(200), of(1_000));
    (profile.category, profile.country) = (Some(of(100)), Some(of(100)));
    profile.links = vec![Link { url: of(2_048), title: Some(of(100)) }; 5];
    profile
}

fn captions(question: &Question) -> Vec<Option<usize>> {
    let profile = read(question);
    let posts = profile["posts"].as_array().unwrap();
    posts.iter().map(|post| post.get("caption").map(|text| text.as_str().unwrap().chars().count())).collect()
}

#[test]
fn the_longest_profile_of_every_script_is_within_the_budget_and_keeps_every_number() {
    for script in SCRIPTS {
        let profile = full(script, 60, 2_200);
        for kind in AnalysisType::ALL {
            let config = kind.config();
            let question = ask(kind, config.calls[0], &profile);
            let counted = counted(&question.user);
            assert!(counted <= config.profile_tokens_max * 3, "{kind:?} {script}: {counted}");
            assert!(tokens::tokens(&question.user) <= config.profile_tokens_max, "{kind:?} {script}");
            let read = read(&question);
            assert_eq!(read["followers"], u64::MAX);
            let posts = read["posts"].as_array().unwrap();
            assert_eq!(posts.len(), config.posts as usize);
            for post in posts {
                assert_eq!(post["likes"], u64::MAX);
                assert_eq!(post["comments"], u64::MAX - 1);
                assert_eq!(post["video_views"], u64::MAX - 2);
                assert_eq!((&post["kind"], &post["is_pinned"]), (&json!("sidecar"), &json!(true)));
                assert!(post["taken_at"].is_string());
            }
        }
    }
}

#[test]
fn an_ordinary_profile_loses_nothing() {
    let caption = "Langer Lauf am Sonntag, danach Frühstück mit der ganzen Gruppe. Wer ist nächste Woche dabei? ";
    let mut profile = full("", 12, 0);
    for post in &mut profile.posts {
        (post.caption, post.hashtags) = (caption.to_owned(), vec!["running".to_owned(); 4]);
        (post.likes, post.comments, post.video_views) = (Some(412), Some(31), None);
        post.taken_at = "2026-11-18T06:30:00Z".parse().ok();
    }
    let read = read(&ask(AnalysisType::Light, CallKind::Light, &profile));
    for post in read["posts"].as_array().unwrap() {
        assert_eq!(post["caption"], caption.trim_end());
        assert_eq!(post["hashtags"].as_array().unwrap().len(), 4);
    }
}

/// Most of what is bought for a deep analysis is its captions.
#[test]
fn fifty_posts_with_captions_of_ordinary_length_are_all_shown_whole() {
    let caption = "Drei Brände, drei Mal ist das Blau verlaufen, und jedes Mal an derselben Stelle. Ich habe jetzt die Ofenkurve geändert \
                   und die Glasur dünner aufgetragen, mal sehen, was am Samstag aus dem Ofen kommt. Wer von euch hat das im Griff und \
                   verrät mir, woran es liegt? Auf dem Markt zeige ich beide Tassen nebeneinander.";
    let mut long = full("", 50, 0);
    for post in &mut long.posts {
        (post.caption, post.hashtags) = (caption.to_owned(), vec!["keramik".to_owned(), "steingut".to_owned()]);
        (post.likes, post.comments, post.video_views) = (Some(412), Some(31), None);
        (post.mentions, post.newest_comments, post.is_pinned) = (vec![], vec!["Wie schön!".to_owned()], false);
        (post.taken_at, post.location) = ("2026-11-18T06:30:00Z".parse().ok(), None);
    }
    assert!(caption.chars().count() > 300);
    for kind in [AnalysisType::Deep, AnalysisType::Xray] {
        let read = read(&ask(kind, CallKind::Verdict, &long));
        for post in read["posts"].as_array().unwrap() {
            assert_eq!(post["caption"], caption, "{kind:?}");
        }
    }
}

#[test]
fn the_newest_posts_keep_their_texts_longest() {
    let lengths = captions(&ask(AnalysisType::Xray, CallKind::Money, &full("龘", 50, 2_200)));
    assert!(lengths[0].is_some() && lengths[49].is_none(), "{lengths:?}");
    assert!(lengths.is_sorted_by(|newer, older| newer >= older), "{lengths:?}");
    let mut long = full("word ", 50, 400);
    for post in &mut long.posts {
        (post.hashtags, post.location) = (vec![], None);
    }
    let lengths = captions(&ask(AnalysisType::Xray, CallKind::Money, &long));
    assert!(lengths[0] > lengths[49] && lengths[49].is_some(), "{lengths:?}");
}

#[test]
fn what_is_unknown_stays_null() {
    let mut hidden = post("2026-11-11T06:30:00Z", None, None);
    hidden.taken_at = None;
    let read = read(&ask(AnalysisType::Light, CallKind::Light, &snapshot(1, vec![hidden]).profile));
    for field in ["likes", "comments", "taken_at"] {
        assert_eq!(read["posts"][0].get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!((&read["category"], &read["country"]), (&Value::Null, &Value::Null));
}

fn wild() -> impl Strategy<Value = Profile> {
    let text = || {
        let piece = prop_oneof![
            "[ -~]{0,40}",
            "\\PC{0,20}",
            ".{0,10}",
            proptest::sample::select(&SCRIPTS[..]).prop_map(str::to_owned)
        ];
        (piece, 0_usize..80).prop_map(|(piece, times)| piece.repeat(times))
    };
    let post = (
        text(),
        proptest::collection::vec(text(), 0..31),
        proptest::option::of(text()),
        any::<Option<u64>>(),
        any::<i32>(),
    )
        .prop_map(|(caption, hashtags, location, count, second)| {
            let mut post = post("2026-11-11T06:30:00Z", count, count);
            (post.caption, post.hashtags, post.location) = (caption, hashtags, location);
            post.taken_at = jiff::Timestamp::from_second(i64::from(second)).ok();
            post
        });
    (text(), text(), proptest::option::of(text()), proptest::collection::vec(post, 0..60), any::<u64>()).prop_map(
        |(name, bio, label, posts, followers)| {
            let mut profile = snapshot(followers, posts).profile;
            (profile.display_name, profile.biography) = (name, bio);
            (profile.category, profile.country) = (label.clone(), label.clone());
            profile.links = label.into_iter().map(|label| Link { url: label.clone(), title: Some(label) }).collect();
            profile
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_profile_fits_its_budget_the_same_way_each_time(profile in wild()) {
        for kind in AnalysisType::ALL {
            let config = kind.config();
            let question = ask(kind, config.calls[0], &profile);
            prop_assert!(tokens::tokens(&question.user) <= config.profile_tokens_max);
            prop_assert!(counted(&question.user) <= config.profile_tokens_max * 3);
            prop_assert_eq!(&question.user, &ask(kind, config.calls[0], &profile).user);
            let shown = read(&question);
            let posts = shown["posts"].as_array().unwrap();
            prop_assert_eq!(posts.len(), profile.posts.len().min(config.posts as usize));
            for (shown, post) in posts.iter().zip(&profile.posts) {
                prop_assert_eq!(shown["likes"].as_u64(), post.likes);
                prop_assert_eq!(shown["comments"].as_u64(), post.comments);
                prop_assert_eq!(shown["is_pinned"].as_bool().unwrap_or(false), post.is_pinned);
            }
        }
    }
}
