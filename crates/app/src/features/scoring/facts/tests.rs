use super::*;
use crate::features::profiles::testing::{post, snapshot};

#[test]
fn pinned_and_hidden_posts_do_not_flatter_the_engagement_rate() {
    let mut pinned = post("2026-11-01T00:00:00Z", Some(90_000), Some(0));
    pinned.is_pinned = true;
    let hidden = post("2026-11-02T00:00:00Z", None, Some(5));
    let plain = post("2026-11-03T00:00:00Z", Some(40), Some(10));
    let facts = Facts::of(&snapshot(1_000, vec![pinned, hidden, plain]));
    assert_eq!(facts.engagement_rate_percent, Some(5.0));
    assert_eq!(facts.engagement_posts, 1);
}

#[test]
fn neither_an_outlier_nor_anothers_post_moves_the_engagement_rate() {
    let plain = |likes| post("2026-11-03T00:00:00Z", Some(likes), Some(10));
    let mut anothers = plain(500_000);
    anothers.is_anothers = true;
    let facts = Facts::of(&snapshot(1_000, vec![plain(40), anothers, plain(90_000), plain(50), plain(60), plain(70)]));
    assert_eq!((facts.engagement_rate_percent, facts.engagement_posts), (Some(7.0), 5));
    let even = Facts::of(&snapshot(1_000, vec![plain(40), plain(60)]));
    assert_eq!(even.engagement_rate_percent, Some(6.0), "between the two in the middle");
}

#[test]
fn without_posts_or_followers_everything_about_them_is_unknown() {
    let empty = Facts::of(&snapshot(1_000, vec![]));
    assert_eq!((empty.engagement_rate_percent, empty.posts_per_week, empty.days_since_last_post), (None, None, None));
    let unfollowed = Facts::of(&snapshot(0, vec![post("2026-11-03T00:00:00Z", Some(1), Some(1))]));
    assert_eq!(unfollowed.engagement_rate_percent, None);
}

fn liked(counts: &[(u64, u64)]) -> Vec<Post> {
    counts.iter().map(|(likes, comments)| post("2026-11-03T00:00:00Z", Some(*likes), Some(*comments))).collect()
}

#[test]
fn bought_likes_and_followers_show() {
    let real = Facts::of(&snapshot(1_000, liked(&[(100, 5), (60, 2), (200, 12), (90, 3), (150, 9)])));
    assert_eq!(real.authenticity, Some(100.0));
    let bought = Facts::of(&snapshot(1_000, liked(&[(500, 0), (500, 0), (501, 0), (499, 0), (500, 0)])));
    assert!(bought.authenticity.is_some_and(|grade| grade < 40.0), "{bought:?}");
    let mut swapper = snapshot(1_000, vec![]);
    swapper.profile.following = 7_500;
    let swapper = Facts::of(&swapper);
    assert!(swapper.authenticity.is_some_and(|grade| grade < 20.0), "{swapper:?}");
}

#[test]
fn a_large_audience_that_hardly_reacts_shows() {
    let likes = [(38, 2), (44, 1), (31, 3), (52, 0), (40, 2)];
    let silent = Facts::of(&snapshot(500_000, liked(&likes)));
    assert!(silent.authenticity.is_some_and(|grade| grade < 5.0), "{silent:?}");
    let lively = Facts::of(&snapshot(1_500, liked(&likes)));
    assert!(lively.authenticity.is_some_and(|grade| grade > 80.0), "{lively:?}");
    // One post says nothing.
    let new = Facts::of(&snapshot(500_000, liked(&likes[..1])));
    assert_eq!(new.authenticity, Some(100.0), "{new:?}");
}

#[test]
fn views_are_those_of_its_own_videos() {
    let reel = |views, is_pinned, is_anothers| Post {
        video_views: views,
        is_pinned,
        is_anothers,
        ..post("2026-11-03T00:00:00Z", Some(1), Some(1))
    };
    let of = |posts| Facts::of(&snapshot(1_000, posts)).video_views;
    let own = vec![reel(Some(100), false, false), reel(Some(300), false, false), reel(Some(9_000), false, false)];
    let shown = [reel(Some(1_000_000), true, false), reel(Some(2_000_000), false, true), reel(None, false, false)];
    assert_eq!(of(own.clone().into_iter().chain(shown.clone()).collect()), Some(300.0));
    assert_eq!(of(shown.to_vec()), None);
}

#[test]
fn few_posts_and_few_likes_are_no_sign_of_anything() {
    let small = Facts::of(&snapshot(1_000, liked(&[(10, 0), (10, 0)])));
    assert_eq!((small.comments_per_hundred_likes, small.engagement_spread), (None, None));
    let nobody = Facts::of(&snapshot(0, vec![]));
    assert_eq!((nobody.following_per_follower, nobody.authenticity), (None, None));
}

#[test]
fn cadence_and_recency_are_measured_in_weeks_and_days() {
    let posts = vec![
        post("2026-11-16T00:00:00Z", Some(1), Some(1)),
        post("2026-11-09T00:00:00Z", Some(1), Some(1)),
        post("2026-11-02T00:00:00Z", Some(1), Some(1)),
    ];
    let facts = Facts::of(&snapshot(100, posts));
    assert_eq!(facts.posts_per_week, Some(1.0));
    assert_eq!(facts.days_since_last_post, Some(4));
}

#[test]
fn the_band_is_that_of_the_followers_and_says_so() {
    use AudienceBand::*;
    for (followers, band, usual, words) in [
        (0, Starter, 4.0, "fewer than 1,000 followers"),
        (999, Starter, 4.0, "fewer than 1,000 followers"),
        (1_000, Nano, 2.5, "1,000 to 9,999 followers"),
        (9_999, Nano, 2.5, "1,000 to 9,999 followers"),
        (10_000, Micro, 1.0, "10,000 to 99,999 followers"),
        (99_999, Micro, 1.0, "10,000 to 99,999 followers"),
        (100_000, Macro, 1.0, "100,000 to 999,999 followers"),
        (999_999, Macro, 1.0, "100,000 to 999,999 followers"),
        (1_000_000, Mega, 1.0, "a million followers and more"),
    ] {
        let found = Facts::of(&snapshot(followers, vec![])).audience;
        assert_eq!(found, band, "{followers}");
        assert_eq!((found.usual_engagement_percent(), found.followers()), (usual, words));
    }
}

#[test]
fn each_sign_of_a_real_audience_is_a_straight_line() {
    let authenticity = |followers, following, likes: &[(u64, u64)]| {
        let mut snapshot = snapshot(followers, liked(likes));
        snapshot.profile.following = following;
        let facts = Facts::of(&snapshot);
        (facts.following_per_follower, facts.comments_per_hundred_likes, facts.engagement_spread, facts.authenticity)
    };
    // Three followed for each follower: 100 * (1 - log10(3)).
    assert_eq!(authenticity(1_000, 3_000, &[]), (Some(3.0), None, None, Some(52.3)));
    assert_eq!(authenticity(3_000, 2_000, &[]), (Some(0.667), None, None, Some(100.0)));
    // A fifth of a comment for a hundred likes is two fifths of the half that is fine; and nobody is followed.
    assert_eq!(authenticity(1_000, 0, &[(1_000, 2)]), (Some(0.0), Some(0.2), None, Some(70.0)));
    // Interactions differ by 8.944 around their mean of 110, two fifths of the fifth that is fine; the comments are enough.
    let even = [(90, 10), (90, 10), (100, 10), (110, 10), (110, 10)];
    assert_eq!(authenticity(1_000, 0, &even), (Some(0.0), Some(10.0), Some(0.081), Some(80.2)));
    // Every sign is fine, but the audience reacts with 0.1 %, two fifths of the quarter of what is usual.
    let quiet = [(25, 5), (35, 5), (45, 5), (55, 5), (65, 5)];
    // A smaller audience reacts more: 0.25 % of 8,000 is two fifths of the quarter of 2.5 %.
    let small = [(10, 2), (13, 3), (17, 3), (21, 3), (25, 3)];
    assert_eq!(authenticity(8_000, 0, &small), (Some(0.0), None, Some(0.283), Some(40.0)));
    assert_eq!(authenticity(50_000, 0, &quiet), (Some(0.0), None, Some(0.283), Some(40.0)));
}

#[test]
fn posts_are_counted_by_kind() {
    let of = |kind| Post { kind, ..post("2026-11-03T00:00:00Z", None, None) };
    let posts = vec![of(PostKind::Image), of(PostKind::Video), of(PostKind::Video), of(PostKind::Video)];
    let mix = Facts::of(&snapshot(1_000, posts)).content_mix;
    assert_eq!(mix, BTreeMap::from([(PostKind::Image, 1), (PostKind::Video, 3)]));
}

#[test]
fn what_has_nothing_to_be_measured_by_is_unknown() {
    let silent = Facts::of(&snapshot(1_000, liked(&[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0)])));
    assert_eq!(silent.engagement_spread, None, "nothing to be relative to");
    assert_eq!(Facts::of(&snapshot(1_000, liked(&[(9, 1)]))).posts_per_week, None, "one post has no rhythm");
    // Several posts within a day are one burst: as if they had taken a day.
    assert_eq!(Facts::of(&snapshot(1_000, liked(&[(9, 1), (9, 1), (9, 1)]))).posts_per_week, Some(14.0));
}

#[test]
fn the_most_used_hashtags_come_first() {
    let tagged = |tags: &[&str]| Post {
        hashtags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..post("2026-11-03T00:00:00Z", None, None)
    };
    let of = |posts| Facts::of(&snapshot(1_000, posts)).top_hashtags;
    assert_eq!(
        of(vec![tagged(&["Run", "abend"]), tagged(&["run", "Zug"]), tagged(&["RUN", "zug"])]),
        ["run", "zug", "abend"]
    );
    let many: Vec<String> = (10..30).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(of(vec![tagged(&many)]), many[..10]);
}
