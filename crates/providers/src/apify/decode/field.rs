//! Items of real actors, rebuilt from public reports, and what is right for each.

use oslira_app::features::{
    business::IdealCustomer,
    judging::{CallKind, Verdict, examples},
    profiles::{DETAILS_POSTS, Post, Profile, Snapshot},
    scoring::{Facts, match_ideal_customer},
};

use super::{post::*, *};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/field/apify");

fn asked() -> InstagramHandle {
    "cafe.field".parse().unwrap()
}

fn items_of(name: &str) -> Vec<Value> {
    items(&std::fs::read(format!("{DIRECTORY}/{name}.json")).unwrap()).unwrap()
}

fn read(name: &str) -> Result<Found, Unreadable> {
    found(&items_of(name), &asked())
}

fn profile_of(name: &str) -> Profile {
    match read(name) {
        Ok(Found::Profile(profile)) => *profile,
        other => panic!("{name}: {other:?}"),
    }
}

fn posts_of(name: &str) -> Result<Found, Unreadable> {
    posts(&items_of(name), &asked(), 50)
}

fn snapshot(name: &str) -> Snapshot {
    let scraped_at = "2026-11-24T12:00:00Z".parse().unwrap();
    Snapshot {
        profile: profile_of(name),
        scraped_at,
        depth: DETAILS_POSTS,
        posts_read_at: None,
        source: "sandbox".to_owned(),
    }
}

/// Of a model that sees no theme.
fn verdict() -> Verdict {
    serde_json::from_value(examples::text(CallKind::Verdict)).unwrap()
}

#[test]
fn every_item_is_what_it_says_or_unusable_for_its_reason() {
    let dropped =
        |without_code, of_unknown_kind| Err(Unreadable::NoReadablePost(Dropped { without_code, of_unknown_kind }));
    let unknown = |word: &str| Err(Unreadable::ErrorItem(word.to_owned()));
    let cases = [
        ("06_empty_latest_posts", dropped(0, 0)),
        ("07a_posts_all_unknown_type", dropped(0, 8)),
        ("07b_posts_code_renamed", dropped(8, 0)),
        ("08a_private_no_items", Ok(Found::Private)),
        ("08b_no_items_anonymous", unknown("no_items")),
        // "8,200" is another number in other languages, and "8.2K" is none: a count is never guessed.
        ("09a_string_counts", Err(Unreadable::Missing("postsCount"))),
        ("09b_abbreviated_counts", Err(Unreadable::Missing("followersCount"))),
        ("10_other_actor_isPrivate", Ok(Found::Private)),
        ("16a_error_variant", Ok(Found::NotFound)),
        ("16b_error_variant", Ok(Found::NotFound)),
        ("16c_error_variant", Ok(Found::NotFound)),
        ("16d_error_variant", Ok(Found::NotFound)),
        ("16e_error_variant", Ok(Found::NotFound)),
        ("16f_error_variant", Ok(Found::NotFound)),
        ("16x_restricted_lower", Ok(Found::Restricted)),
        ("20_follows_missing", Err(Unreadable::Missing("followsCount"))),
        ("27_igtv_only", Err(Unreadable::Missing("latestPosts"))),
        ("28_verified_string", Ok(Found::Private)),
        ("45_no_posts_themes", dropped(0, 0)),
        ("P6_empty", Err(Unreadable::Empty)),
    ];
    for (name, expected) in cases {
        assert_eq!(read(name), expected, "{name}");
    }
}

#[test]
fn what_can_be_read_is_read_with_all_its_posts() {
    for (name, posts) in [
        ("00_control", 8),
        ("09c_string_likes", 5),
        ("11a_error_then_profile", 8),
        ("11b_profile_then_error", 8),
        ("12_renamed", 8),
        ("13_surrogate_cut", 8),
        ("15_links", 8),
        ("18_duplicates", 2),
        ("22_zero_posts_but_listed", 8),
        ("23_odd_numbers", 6),
        ("29_long_texts", 1),
        ("30_popular_old_posts", 8),
    ] {
        assert_eq!(profile_of(name).posts.len(), posts, "{name}");
    }
}

#[test]
fn a_renamed_profile_says_its_present_name_and_its_posts_stay_its_own() {
    let renamed = profile_of("12_renamed");
    assert_eq!(renamed.username, asked());
    assert_eq!(renamed.renamed_to.as_ref().map(InstagramHandle::as_str), Some("cafe.field.official"));
    assert_eq!(profile_of("00_control").renamed_to, None);
    assert!(renamed.posts.iter().all(|post| !post.is_anothers), "the posts still name the old owner");
}

#[test]
fn counts_are_what_instagram_shows_and_otherwise_unknown() {
    let all = |name: &str, is: fn(&Post) -> bool| assert!(profile_of(name).posts.iter().all(is), "{name}");
    all("01_reel_views_zero", |post| post.video_views.is_some_and(|views| views >= 48_000));
    all("02_reel_playcount_only", |post| post.video_views.is_some_and(|views| views >= 48_000));
    all("03_comments_disabled", |post| post.comments.is_none() && post.likes.is_some());
    all("04_hidden_likes_three", |post| post.likes.is_none() && post.comments.is_some());
    all("09c_string_likes", |post| post.likes.is_none());
    assert_eq!(Facts::of(&snapshot("04_hidden_likes_three")).engagement_rate_percent, None);
}

#[test]
fn views_of_zero_beside_likes_are_unknown() {
    let reel = |views: u64, likes: u64| {
        let item = serde_json::json!({
            "type": "Video", "shortCode": "a", "videoViewCount": views, "likesCount": likes,
        });
        post(&item, &[], &mut Dropped::default()).unwrap().video_views
    };
    assert_eq!((reel(0, 3_600), reel(0, 0), reel(9, 3_600)), (None, Some(0), Some(9)));
}

#[test]
fn posts_of_another_account_stay_out_of_the_engagement_rate() {
    let collab = snapshot("05_collab_outlier");
    assert_eq!(collab.profile.posts.iter().filter(|post| post.is_anothers).count(), 1);
    let facts = Facts::of(&collab);
    assert_eq!(facts.engagement_posts, 9);
    assert!(facts.engagement_rate_percent.is_some_and(|rate| (3.0..4.0).contains(&rate)), "{facts:?}");

    let Ok(Found::Posts(shared)) = posts_of("P2_collab_without_input") else { panic!() };
    assert_eq!((shared.len(), shared.iter().all(|post| post.is_anothers)), (4, true));
}

#[test]
fn posts_are_read_however_the_items_name_their_profile() {
    let count = |name: &str| match posts_of(name) {
        Ok(Found::Posts(posts)) => posts.len(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(count("P1_no_items"), 0);
    assert_eq!(count("P3_mixed"), 3);
    assert_eq!(count("P4_input_with_query"), 3);
    assert_eq!(count("P5_parent_null_owner"), 3);
    assert_eq!(count("P6_empty"), 0);
}

#[test]
fn every_form_of_a_date_is_read_and_1970_is_unknown() {
    let times: Vec<Option<String>> =
        profile_of("14_timestamps").posts.iter().map(|post| post.taken_at.map(|at| at.to_string())).collect();
    let expected = [
        Some("2026-11-20T10:00:00Z"),
        Some("2026-11-18T11:06:40Z"),
        Some("2026-11-18T10:00:00Z"),
        Some("2026-11-16T10:00:00Z"),
        Some("2026-11-12T10:00:00Z"),
        None,
        None,
    ];
    assert_eq!(times.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    assert_eq!(time(&serde_json::json!(1_795_000_000_000_i64)), time(&serde_json::json!(1_795_000_000)));
}

#[test]
fn themes_and_places_are_found_however_they_are_written() {
    let points = |name: &str, themes: &[&str], places: &[&str]| -> Vec<f64> {
        let snapshot = snapshot(name);
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let ideal = IdealCustomer { content_themes: texts(themes), geographies: texts(places), ..Default::default() };
        let facts = Facts::of(&snapshot);
        let criteria = match_ideal_customer(&ideal, &snapshot.profile, &facts, &verdict());
        criteria.into_iter().map(|criterion| criterion.points).collect()
    };
    // By words alone, which only support what a model judges.
    assert_eq!(points("40_fancy_letters", &["coffee"], &["Lisbon"]), [25.0, 100.0]);
    assert_eq!(points("44_smallcaps", &["coffee"], &["Lisbon"]), [25.0, 100.0]);
    assert_eq!(points("43_decomposed", &["café"], &[]), [25.0]);
    assert_eq!(points("41_caps_bio_us", &[], &["US"]), [] as [f64; 0], "no place is named");
    assert_eq!(points("42_flag_only", &[], &["Portugal"]), [100.0]);
    assert_eq!(points("42_flag_only", &[], &["Spain"]), [0.0]);
}

#[test]
fn every_file_is_read_here() {
    let this = include_str!("field.rs");
    for entry in std::fs::read_dir(DIRECTORY).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap().replace(".json", "");
        assert!(this.contains(&format!("\"{name}\"")), "{name} has no test");
    }
}
