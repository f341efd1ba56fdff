use oslira_app::features::profiles::{DETAILS_POSTS, Post, PostKind, Profile};
use serde_json::json;

use super::{json::*, post::*, profile::*, *};

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../sandbox/fixtures/apify/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

fn handle(name: &str) -> InstagramHandle {
    name.parse().unwrap()
}

fn found_one(item: Value, asked: &str) -> Result<Found, Unreadable> {
    found(&[item], &handle(asked))
}

fn profile_of(item: Value, asked: &str) -> Profile {
    match found_one(item, asked) {
        Ok(Found::Profile(profile)) => *profile,
        other => panic!("{other:?}"),
    }
}

/// The smallest readable profile, with the fields of `more` added or replaced; a null removes a field.
fn small(more: Value) -> Value {
    let mut item = json!({
        "inputUrl": "https://www.instagram.com/ann", "username": "ann", "followersCount": 10, "followsCount": 20,
        "postsCount": 30, "latestPosts": [{"type": "Image", "shortCode": "first"}],
    });
    let fields = item.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    item
}

fn post_of(more: Value) -> Post {
    let mut item = json!({"type": "Image", "shortCode": "a"});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    profile_of(small(json!({"latestPosts": [item]})), "ann").posts.remove(0)
}

#[test]
fn every_recorded_profile_is_read() {
    let recorded = [
        ("nasa", fixture!("ig_nasa.apify2025"), 96_323_377, 80, 4_519, 3),
        ("frcsurat", fixture!("ig_frcsurat.apify2026"), 806, 4, 33, 4),
        ("apifytech", fixture!("ig_apifytech.apify2022"), 190, 16, 30, 1),
        ("josephinelangford", fixture!("ig_josephinelangford.apify2020"), 2_301_923, 0, 26, 12),
        ("avengers", fixture!("ig_avengers.apify2019"), 8_212_505, 4, 274, 1),
        ("synthetic_zero", fixture!("zero_posts"), 3, 12, 0, 0),
    ];
    for (name, item, followers, following, posts_count, posts) in recorded {
        let profile = profile_of(item, name);
        let counts = (profile.followers, profile.following, profile.posts_count, profile.posts.len());
        assert_eq!(counts, (followers, following, posts_count, posts), "{name}");
        assert_eq!(profile.username, handle(name));
    }
}

#[test]
fn a_rich_profile_keeps_everything_it_says() {
    let nasa = profile_of(fixture!("ig_nasa.apify2025"), "nasa");

    assert_eq!(nasa.display_name, "NASA");
    assert_eq!(nasa.category.as_deref(), Some("Government Agencies"));
    assert_eq!(nasa.external_url.as_deref(), Some("https://www.nasa.gov/"));
    assert_eq!(nasa.country.as_deref(), Some("United States"));
    assert!(nasa.is_verified && nasa.is_business);
    let [first, second, third] = nasa.posts.as_slice() else { panic!("{:?}", nasa.posts) };
    assert_eq!((first.short_code.as_str(), first.kind, first.is_pinned), ("DNQuxufAih9", PostKind::Sidecar, true));
    assert_eq!((first.likes, first.comments), (Some(601_022), Some(1_882)));
    assert_eq!(first.hashtags.first().map(String::as_str), Some("NASA"));
    assert_eq!(second.taken_at, "2025-07-09T16:08:25Z".parse().ok());
    assert_eq!((third.likes, third.taken_at, third.is_pinned), (None, None, false));
    assert_eq!(third.mentions, ["nasagoddard", "nasauniverse"]);
}

#[test]
fn old_and_sparse_posts_are_read_too() {
    let apify = profile_of(fixture!("ig_apifytech.apify2022"), "apifytech");
    assert_eq!(apify.posts[0].location.as_deref(), Some("Prague, Czech Republic"));

    let avengers = profile_of(fixture!("ig_avengers.apify2019"), "avengers");
    assert_eq!(avengers.posts[0].video_views, Some(482_810));
    assert_eq!(avengers.posts[0].hashtags, Vec::<String>::new());

    let without = fixture!("ig_josephinelangford.apify2020");
    assert!(["url", "inputUrl"].iter().all(|name| without.get(name).is_none()), "old recordings name no address");

    let sparse = profile_of(fixture!("ig_frcsurat.apify2026"), "frcsurat").posts.remove(3);
    assert_eq!((sparse.caption.as_str(), sparse.likes, sparse.comments), ("", None, Some(0)));
}

#[test]
fn a_single_recorded_post_is_read() {
    let post = post(&fixture!("post_teslamotors.apify"), &[], &mut Dropped::default()).unwrap();
    assert_eq!((post.likes, post.comments), (Some(153_786), Some(711)));
    assert_eq!(post.mentions, ["elonmusk"]);
}

#[test]
fn profiles_that_are_not_shown_are_told_apart() {
    let errors = fixture!("ig_error_items");
    let ask = |kind: &str, name: &str| found(errors[kind].as_array().unwrap(), &handle(name));
    assert_eq!(ask("not_found", "no_such_account_example"), Ok(Found::NotFound));
    assert_eq!(ask("age_restricted", "some_brand_example"), Ok(Found::Restricted));
    assert_eq!(ask("no_items", "anyone"), Err(Unreadable::ErrorItem("no_items".to_owned())));
    assert_eq!(found_one(fixture!("private_profile"), "synthetic_private"), Ok(Found::Private));
    assert_eq!(
        found_one(small(json!({"error": "blocked_by_moon"})), "ann"),
        Err(Unreadable::ErrorItem("blocked_by_moon".to_owned()))
    );
    assert_eq!(found_one(json!({"error": "not_found"}), "ann"), Ok(Found::NotFound));
    assert_eq!(found(&[], &handle("ann")), Err(Unreadable::Empty));
}

#[test]
fn a_restriction_counts_however_it_is_said_and_an_empty_error_is_none() {
    let said = json!({"isRestrictedProfile": true, "error": "Something new", "restrictionReason": "age"});
    assert_eq!(found_one(small(said), "ann"), Ok(Found::Restricted));
    assert_eq!(found_one(small(json!({"isRestrictedProfile": true})), "ann"), Ok(Found::Restricted));
    assert_eq!(found_one(small(json!({"error": "Restricted profile"})), "ann"), Ok(Found::Restricted));
    let none = small(json!({"isRestrictedProfile": false, "error": "", "errorDescription": ""}));
    assert_eq!(profile_of(none, "ann").followers, 10);
}

#[test]
fn a_private_profile_is_private_whatever_else_it_shows() {
    let mut item = fixture!("private_profile");
    assert!(item["followersCount"].is_u64() && item["biography"].is_string());
    item["latestPosts"] = json!([{"type": "Image", "shortCode": "a"}]);
    assert_eq!(found_one(item, "synthetic_private"), Ok(Found::Private));
}

#[test]
fn another_profile_is_never_taken_for_the_one_that_was_asked_for() {
    let other = json!({"username": "bob", "inputUrl": "https://www.instagram.com/bob"});
    assert_eq!(found_one(small(other), "ann"), Err(Unreadable::OtherProfile));
    assert_eq!(found_one(json!({"error": "not_found", "username": "bob"}), "ann"), Err(Unreadable::OtherProfile));
    assert_eq!(found_one(json!({"followersCount": 1}), "ann"), Err(Unreadable::OtherProfile));
    for strange in [json!(null), json!([]), json!("ann"), json!({})] {
        assert_eq!(found_one(strange, "ann"), Err(Unreadable::OtherProfile));
    }
}

#[test]
fn case_and_a_rename_do_not_hide_the_profile() {
    assert_eq!(profile_of(small(json!({"username": "ANN", "inputUrl": null})), "ann").followers, 10);
    let renamed = small(json!({"username": "ann.new", "inputUrl": "https://www.instagram.com/Ann/"}));
    assert_eq!(profile_of(renamed, "ann").username, handle("ann"));
}

#[test]
fn among_several_items_the_one_with_the_name_is_taken() {
    let linked = small(json!({"username": "bob", "followersCount": 1}));
    let items = [linked, small(json!({"username": "Ann", "followersCount": 2}))];
    let Ok(Found::Profile(profile)) = found(&items, &handle("ann")) else { panic!() };
    assert_eq!(profile.followers, 2);
}

#[test]
fn a_count_that_is_not_there_is_an_error_and_never_zero() {
    for name in ["followersCount", "followsCount", "postsCount"] {
        for value in [json!(null), json!(-1), json!(1.5), json!("12"), json!(1e300), json!(u64::MAX)] {
            let mut item = small(json!({}));
            item[name] = value.clone();
            assert_eq!(found_one(item, "ann"), Err(Unreadable::Missing(name)), "{name} {value}");
        }
    }
    let without_posts = small(json!({"latestPosts": null}));
    assert_eq!(found_one(without_posts, "ann"), Err(Unreadable::Missing("latestPosts")));
    let none = profile_of(small(json!({"postsCount": 0, "latestPosts": null})), "ann");
    assert_eq!((none.posts_count, none.posts.len()), (0, 0), "who never posted has no posts to list");
}

#[test]
fn whole_numbers_may_come_as_floats() {
    let item: Value = serde_json::from_str(
        r#"{"username":"ann","followersCount":9.6323377e7,"followsCount":80.0,"postsCount":0,"latestPosts":[]}"#,
    )
    .unwrap();
    let profile = profile_of(item, "ann");
    assert_eq!((profile.followers, profile.following), (96_323_377, 80));
}

#[test]
fn hidden_and_missing_likes_are_absent_not_zero() {
    let hidden = post_of(json!({"likesCount": -1, "commentsCount": -1, "videoViewCount": null}));
    assert_eq!((hidden.likes, hidden.comments, hidden.video_views), (None, None, None));
    let none = post_of(json!({}));
    assert_eq!((none.likes, none.comments), (None, None));
    assert_eq!(post_of(json!({"likesCount": 0})).likes, Some(0));
}

#[test]
fn what_is_inside_a_post_is_not_another_post() {
    let item = fixture!("ig_nasa.apify2025");
    let inside: Vec<&Value> = item["latestPosts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|post| post["childPosts"].as_array())
        .flatten()
        .collect();
    assert!(inside.iter().any(|child| child["likesCount"].is_null() && child["timestamp"].is_null()));
    let nasa = profile_of(item.clone(), "nasa");
    assert!(inside.iter().all(|child| nasa.posts.iter().all(|post| child["shortCode"] != post.short_code.as_str())));
    let album = post_of(json!({"likesCount": 5, "childPosts": [{"type": "Image", "shortCode": "b", "likesCount": 7}]}));
    assert_eq!(album.likes, Some(5));
}

#[test]
fn only_what_is_a_tag_or_a_name_is_listed() {
    let post = post_of(json!({"hashtags": ["#", " ", "#tea", 7], "mentions": ["@", "...", "@Bob.", "’s", null]}));
    assert_eq!((post.hashtags, post.mentions), (vec!["tea".to_owned()], vec!["bob".to_owned()]));
}

#[test]
fn numbers_of_posts_may_come_as_floats_too() {
    let post = post_of(json!({"likesCount": 12.0, "commentsCount": 3.5, "videoViewCount": 1e3}));
    assert_eq!((post.likes, post.comments, post.video_views), (Some(12), None, Some(1_000)));
}

#[test]
fn a_small_picture_is_better_than_none() {
    let picture = |more: Value| profile_of(small(more), "ann").profile_pic_url;
    let both = json!({"profilePicUrlHD": "https://a.b/hd", "profilePicUrl": "https://a.b/small"});
    assert_eq!(picture(both).as_deref(), Some("https://a.b/hd"));
    for hd in [json!(null), json!(""), json!(7)] {
        let only = json!({"profilePicUrlHD": hd, "profilePicUrl": "https://a.b/small"});
        assert_eq!(picture(only).as_deref(), Some("https://a.b/small"));
    }
    assert_eq!(picture(json!({})), None);
}

#[test]
fn a_country_is_taken_only_where_it_is_stated() {
    let country = |about: Value| profile_of(small(json!({"about": about})), "ann").country;
    assert_eq!(country(json!({"country": "France", "is_verified": true})).as_deref(), Some("France"));
    for about in [json!("France"), json!({}), json!({"country": null}), json!({"country": " "})] {
        assert_eq!(country(about), None);
    }
}

#[test]
fn leftovers_in_the_category_are_taken_away() {
    let category = |value: Value| profile_of(small(json!({"businessCategoryName": value})), "ann").category;
    assert_eq!(category(json!(null)), None);
    assert_eq!(category(json!("None")), None);
    assert_eq!(category(json!("  ")), None);
    assert_eq!(category(json!("None,Restaurant")).as_deref(), Some("Restaurant"));
    assert_eq!(category(json!("Shop, ,None,Cafe,")).as_deref(), Some("Shop, Cafe"));
    assert_eq!(category(json!("Content & Apps")).as_deref(), Some("Content & Apps"));
}

#[test]
fn only_web_addresses_become_links() {
    let link = |more: Value| profile_of(small(more), "ann").external_url;
    let refused =
        ["", "javascript:alert(1)", "ftp://a.b", "https://", "https:///x", "http://a b", "//a.b", "ünï://x.y"];
    for url in refused {
        assert_eq!(link(json!({"externalUrl": url})), None, "{url}");
    }
    assert_eq!(link(json!({"externalUrl": format!("https://a.b/{}", "x".repeat(URL_BYTES_MAX))})), None);
    assert_eq!(link(json!({"externalUrl": "HTTP://a.b/ü"})).as_deref(), Some("HTTP://a.b/ü"));
    let listed = json!([{"url": "mailto:x"}, {"title": "no address"}, {"url": "https://a.b"}]);
    for own in [json!(null), json!("")] {
        let mut item = small(json!({"externalUrls": listed}));
        item["externalUrl"] = own;
        assert_eq!(profile_of(item, "ann").external_url.as_deref(), Some("https://a.b"));
    }
    let both = json!({"externalUrl": "https://own.b", "externalUrls": listed});
    assert_eq!(link(both).as_deref(), Some("https://own.b"));
    assert_eq!(link(json!({"externalUrls": []})), None);
}

#[test]
fn links_keep_what_their_owner_calls_them() {
    let links = |more: Value| {
        let read = profile_of(small(more), "ann").links;
        read.into_iter().map(|link| (link.url, link.title.unwrap_or_default())).collect::<Vec<_>>()
    };
    let named = |url: &str, title: &str| (url.to_owned(), title.to_owned());
    let listed = json!(["https://plain.example", {"title": " ", "url": "https://a.b"}, {"title": "Shop", "url": "https://s.b"}, 7, {"url": "mailto:x"}]);
    assert_eq!(
        links(json!({"externalUrls": listed, "externalUrl": "https://s.b"})),
        [named("https://plain.example", ""), named("https://a.b", ""), named("https://s.b", "Shop")]
    );
    assert_eq!(links(json!({"externalUrls": [], "externalUrl": "https://own.b"})), [named("https://own.b", "")]);
    assert_eq!(links(json!({"externalUrls": vec!["https://a.b"; 9]})).len(), LINKS_MAX);
    assert_eq!(links(json!({})), []);
}

#[test]
fn the_newest_comments_of_others_are_kept_as_bare_texts() {
    let comment = |day: u32, by: &str, text: &str| json!({"ownerUsername": by, "text": text, "timestamp": format!("2025-01-{day:02}T00:00:00.000Z")});
    let read = post_of(json!({
        "ownerUsername": "ann",
        "latestComments": [
            comment(1, "bo", "oldest"), comment(4, "ann", "Thanks!"), comment(3, "cy", "Price?\u{0}"), comment(2, "di", " "),
            {"text": "undated"}, comment(9, "ed", &"x".repeat(500)), "no comment",
        ],
    }));
    let lengths: Vec<usize> = read.newest_comments.iter().map(String::len).collect();
    assert_eq!(lengths, [COMMENT_CHARS_MAX, 6, 6]);
    assert_eq!(read.newest_comments[1..], ["Price?", "oldest"]);
}

#[test]
fn posts_are_sorted_by_time_whatever_is_pinned_and_come_once() {
    let day = |day: u32| format!("2025-01-{day:02}T00:00:00.000Z");
    let post = |code: &str, time: Option<String>| json!({"type": "Image", "shortCode": code, "timestamp": time});
    let mut posts = vec![
        json!({"type": "Image", "shortCode": "pinned", "timestamp": day(1), "isPinned": true}),
        post("undated", None),
        post("broken_date", Some("yesterday".into())),
        post("twice", Some(day(28))),
        post("twice", Some(day(2))),
    ];
    posts.extend((3..=11).map(|n| post(&format!("day{n}"), Some(day(n)))));
    let profile = profile_of(small(json!({"latestPosts": posts})), "ann");

    let codes: Vec<&str> = profile.posts.iter().map(|post| post.short_code.as_str()).collect();
    assert_eq!(codes.len(), DETAILS_POSTS as usize);
    assert_eq!((codes[0], codes[1]), ("twice", "day11"));
    assert_eq!(codes[10..], ["pinned", "undated"]);
}

#[test]
fn a_bad_post_does_not_cost_the_profile() {
    let posts = json!([
        null, 7, {}, {"type": "Image"}, {"type": "Hologram", "shortCode": "b"}, {"type": "Image", "shortCode": "../x"},
        {"type": "Video", "shortCode": "ok", "caption": 5, "hashtags": "x", "mentions": [null, 3], "isPinned": "yes"},
    ]);
    let profile = profile_of(small(json!({"latestPosts": posts})), "ann");
    assert_eq!(profile.posts.len(), 1);
    assert_eq!((profile.posts[0].short_code.as_str(), profile.posts[0].caption.as_str()), ("ok", ""));
}

#[test]
fn long_texts_are_clipped_between_characters() {
    let item = small(json!({
        "biography": "🪸".repeat(3_000), "fullName": "é".repeat(3_000),
        "latestPosts": [{
            "type": "Image", "shortCode": "a", "caption": "é".repeat(9_000),
            "hashtags": vec!["#tag"; 100], "mentions": vec!["ann"; 100],
        }],
    }));
    let profile = profile_of(item, "ann");
    let post = &profile.posts[0];
    assert_eq!(profile.biography.chars().count(), BIOGRAPHY_CHARS_MAX);
    assert_eq!(profile.display_name.chars().count(), NAME_CHARS_MAX);
    assert_eq!(post.caption.chars().count(), CAPTION_CHARS_MAX);
    assert_eq!((post.hashtags.len(), post.mentions.len()), (HASHTAGS_MAX, MENTIONS_MAX));
    assert_eq!(post.hashtags[0], "tag");
}

#[test]
fn control_characters_are_dropped_and_lines_are_kept() {
    let profile = profile_of(small(json!({"biography": "a\u{0}b\nc\u{7}\td"})), "ann");
    assert_eq!(profile.biography, "ab\nc\td");
}

#[test]
fn a_text_that_was_cut_through_an_emoji_does_not_cost_the_profile() {
    let body = small(json!({"biography": "BIO"})).to_string().replace("BIO", r"tea \ud83d");
    let items = items(format!("[{body}]").as_bytes()).unwrap();
    let Ok(Found::Profile(profile)) = found(&items, &handle("ann")) else { panic!() };
    assert_eq!(profile.biography, "tea \u{fffd}");
}

#[test]
fn what_is_not_a_list_of_items_is_said_to_be_so() {
    for body in ["", "{}", "null", "[{\"username\":", "<html>"] {
        assert_eq!(items(body.as_bytes()), Err(Unreadable::NotItems), "{body}");
    }
}
