//! Which scrapes a deep analysis starts, given the snapshot that is known already. docs/costs.md states the rules.
//!
//! Promises: pure, so that a replay decides the same from what its steps remember; the posts of two profiles are never
//! mixed; between earlier posts and new ones no gap is left that anybody could see.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    DETAILS_POSTS, EarlierPosts, Profile, SNAPSHOT_LIFETIME, ScrapePart, Snapshot, earlier_posts::shown_since,
};

/// With a snapshot younger than this the profile is read first, and the posts only if it shows that some are missing.
/// Most profiles post less than twelve times a day, so it costs nothing but a profile; if posts are missing, it takes
/// as long as two scrapes one after the other. For an older snapshot that would be too often.
const DETAILS_FIRST_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How a profile is scraped for an analysis that wants more posts than the profile itself shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapePlan {
    /// The profile and as many posts as are wanted, at the same time. Runs that began before there were plans do this.
    #[default]
    Everything,
    /// The profile, which showed all of its posts so far; the posts only if it has more by now.
    DetailsUnlessMore,
    /// The profile and its newer posts, at the same time.
    NewPosts { newer_than: Timestamp },
    /// The profile; its newer posts only if it does not show all of them itself.
    NewPostsIfMissing { newer_than: Timestamp },
}

/// What a scrape of posts gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostsRead {
    /// None was started.
    NotAsked,
    /// It showed so many posts.
    Count(u64),
    /// It gave nothing.
    Failed,
}

/// What follows when the profile is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// All that is wanted is known; the earlier posts belong to it or not.
    Enough { with_earlier: bool },
    /// This is still to be read. If it was read already, no posts are no answer.
    Read(ScrapePart),
    /// The posts cannot be read.
    Unreadable,
}

impl ScrapePlan {
    /// The plan for `wanted` posts, with the newest known snapshot that is as deep.
    #[must_use]
    pub fn of(previous: Option<&Snapshot>, wanted: u32, now: Timestamp) -> Self {
        let Some(previous) = previous else { return Self::Everything };
        if shows_all(&previous.profile) {
            return Self::DetailsUnlessMore;
        }
        // What an owner deletes among older posts shows only when all are read again.
        let is_good = previous.depth >= wanted && previous.posts_read_at() >= now - SNAPSHOT_LIFETIME;
        match newest(previous).filter(|_| is_good) {
            None => Self::Everything,
            Some(newer_than) if now.duration_since(previous.scraped_at) < DETAILS_FIRST_AGE => {
                Self::NewPostsIfMissing { newer_than }
            }
            Some(newer_than) => Self::NewPosts { newer_than },
        }
    }

    /// What is read beside the profile, at the same time.
    #[must_use]
    pub const fn at_once(self, wanted: u32) -> Option<ScrapePart> {
        match self {
            Self::Everything => Some(ScrapePart::newest(wanted)),
            Self::NewPosts { newer_than } => Some(ScrapePart::newer(wanted, newer_than)),
            Self::DetailsUnlessMore | Self::NewPostsIfMissing { .. } => None,
        }
    }

    /// What is still to be done when `details` are known, and `read` of the posts that were asked for.
    #[must_use]
    pub fn rest(self, wanted: u32, details: &Profile, earlier: Option<&EarlierPosts>, read: PostsRead) -> Rest {
        if shows_all(details) {
            return Rest::Enough { with_earlier: false };
        }
        match self {
            Self::Everything | Self::DetailsUnlessMore => match read {
                PostsRead::NotAsked | PostsRead::Count(0) => Rest::Read(ScrapePart::newest(wanted)),
                PostsRead::Count(_) => Rest::Enough { with_earlier: false },
                PostsRead::Failed => Rest::Unreadable,
            },
            Self::NewPosts { newer_than } | Self::NewPostsIfMissing { newer_than } => {
                match earlier.is_some_and(|earlier| earlier.are_of(details)) {
                    true => new_posts(wanted, newer_than, details, read),
                    false => others_posts(wanted, read),
                }
            }
        }
    }
}

/// The earlier posts are this profile's: they are continued by what is newer.
fn new_posts(wanted: u32, newer_than: Timestamp, details: &Profile, read: PostsRead) -> Rest {
    // The profile shows everything since the newest earlier post: whatever the posts actor says, nothing is missing.
    let is_reached = shown_since(details).is_some_and(|since| since <= newer_than);
    match read {
        _ if is_reached => Rest::Enough { with_earlier: true },
        PostsRead::NotAsked | PostsRead::Count(0) => Rest::Read(ScrapePart::newer(wanted, newer_than)),
        PostsRead::Count(_) => Rest::Enough { with_earlier: true },
        PostsRead::Failed => Rest::Unreadable,
    }
}

/// Another profile has the username now, or it cannot be told: all posts are needed.
fn others_posts(wanted: u32, read: PostsRead) -> Rest {
    match read {
        // The newest posts there are: where they begin does not matter.
        PostsRead::Count(count) if count >= u64::from(wanted) => Rest::Enough { with_earlier: false },
        PostsRead::NotAsked | PostsRead::Count(_) => Rest::Read(ScrapePart::newest(wanted)),
        PostsRead::Failed => Rest::Unreadable,
    }
}

/// Whether the profile itself shows all of its posts.
pub(super) fn shows_all(profile: &Profile) -> bool {
    profile.posts_count <= u64::from(DETAILS_POSTS)
}

/// The newest post. A date after the scrape is an error, and asking for what is newer would miss posts.
fn newest(snapshot: &Snapshot) -> Option<Timestamp> {
    snapshot.profile.posts.iter().filter_map(|post| post.taken_at).filter(|at| *at <= snapshot.scraped_at).max()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Post, testing},
        *,
    };

    const WANTED: u32 = 50;
    const ALL: Rest = Rest::Read(ScrapePart::newest(WANTED));
    const MERGED: Rest = Rest::Enough { with_earlier: true };
    const ALONE: Rest = Rest::Enough { with_earlier: false };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The newest post that [`known`] has.
    fn newest_known() -> Timestamp {
        at("2026-11-19T09:00:00Z")
    }

    fn posted(days: std::ops::RangeInclusive<i8>) -> Vec<Post> {
        days.rev().map(|day| testing::post(&format!("2026-11-{day:02}T09:00:00Z"), None, None)).collect()
    }

    /// A snapshot of 2026-11-20T12:00Z with fifty posts asked for, the newest of the day before.
    fn known() -> Snapshot {
        let mut snapshot = Snapshot { depth: WANTED, ..testing::snapshot(1_000, posted(1..=19)) };
        snapshot.profile.posts_count = 80;
        snapshot
    }

    fn details(days: std::ops::RangeInclusive<i8>, posts_count: u64) -> Profile {
        Profile { posts_count, ..testing::snapshot(1_000, posted(days)).profile }
    }

    fn planned(previous: &Snapshot, now: &str) -> ScrapePlan {
        ScrapePlan::of(Some(previous), WANTED, at(now))
    }

    #[test]
    fn an_unknown_profile_is_read_with_all_posts_at_once() {
        let plan = ScrapePlan::of(None, WANTED, at("2026-11-20T12:00:00Z"));
        assert_eq!((plan, plan.at_once(WANTED)), (ScrapePlan::Everything, Some(ScrapePart::newest(WANTED))));
        assert_eq!(ScrapePlan::default(), plan, "runs that began before there were plans do the same");
    }

    #[test]
    fn a_snapshot_of_a_day_reads_the_profile_first_and_an_older_one_new_posts_at_once() {
        let newer_than = newest_known();
        for (now, plan) in [
            ("2026-11-20T12:00:00Z", ScrapePlan::NewPostsIfMissing { newer_than }),
            ("2026-11-21T11:59:59Z", ScrapePlan::NewPostsIfMissing { newer_than }),
            ("2026-11-21T12:00:00Z", ScrapePlan::NewPosts { newer_than }),
            ("2026-12-20T12:00:00Z", ScrapePlan::NewPosts { newer_than }),
            ("2026-12-20T12:00:01Z", ScrapePlan::Everything),
            // A clock that went back makes a snapshot young, never unusable.
            ("2026-11-19T12:00:00Z", ScrapePlan::NewPostsIfMissing { newer_than }),
        ] {
            assert_eq!(planned(&known(), now), plan, "{now}");
        }
        let plan = ScrapePlan::NewPosts { newer_than };
        assert_eq!(plan.at_once(WANTED), Some(ScrapePart::newer(WANTED, newer_than)));
        assert_eq!(ScrapePlan::NewPostsIfMissing { newer_than }.at_once(WANTED), None);
    }

    #[test]
    fn posts_that_were_taken_over_again_and_again_are_all_read_anew_after_a_month() {
        let chained = Snapshot { posts_read_at: Some(at("2026-10-25T00:00:00Z")), ..known() };
        assert!(matches!(planned(&chained, "2026-11-22T00:00:00Z"), ScrapePlan::NewPosts { .. }));
        assert_eq!(planned(&chained, "2026-11-24T00:00:01Z"), ScrapePlan::Everything);
    }

    #[test]
    fn a_snapshot_that_cannot_be_continued_is_none() {
        let mut undated = known();
        undated.profile.posts.iter_mut().for_each(|post| post.taken_at = None);
        let mut shallow = known();
        shallow.depth = DETAILS_POSTS;
        for snapshot in [undated, shallow] {
            assert_eq!(planned(&snapshot, "2026-11-23T12:00:00Z"), ScrapePlan::Everything);
        }
        let mut from_the_future = known();
        from_the_future.profile.posts[0].taken_at = Some(at("2027-01-01T00:00:00Z"));
        let newer_than = at("2026-11-18T09:00:00Z");
        assert_eq!(planned(&from_the_future, "2026-11-23T12:00:00Z"), ScrapePlan::NewPosts { newer_than });
    }

    #[test]
    fn a_profile_with_twelve_posts_or_fewer_needs_no_posts_run_unless_it_has_more_by_now() {
        for (posts_count, is_few) in [(0, true), (12, true), (13, false)] {
            let mut snapshot = known();
            snapshot.profile.posts_count = posts_count;
            let plan = planned(&snapshot, "2026-11-25T12:00:00Z");
            assert_eq!(plan == ScrapePlan::DetailsUnlessMore, is_few, "{posts_count}");
        }
        let plan = ScrapePlan::DetailsUnlessMore;
        assert_eq!(plan.at_once(WANTED), None);
        assert_eq!(plan.rest(WANTED, &details(8..=19, 12), None, PostsRead::NotAsked), ALONE);
        assert_eq!(plan.rest(WANTED, &details(9..=20, 13), None, PostsRead::NotAsked), ALL);
        assert_eq!(plan.rest(WANTED, &details(9..=20, 13), None, PostsRead::Count(13)), ALONE);
        assert_eq!(plan.rest(WANTED, &details(9..=20, 13), None, PostsRead::Count(0)), ALL);
        assert_eq!(plan.rest(WANTED, &details(9..=20, 13), None, PostsRead::Failed), Rest::Unreadable);
    }

    #[test]
    fn a_profile_that_shows_all_of_its_posts_is_enough_whatever_the_posts_run_gave() {
        let newer_than = newest_known();
        for plan in [ScrapePlan::Everything, ScrapePlan::NewPosts { newer_than }] {
            for read in [PostsRead::Count(0), PostsRead::Count(9), PostsRead::Failed] {
                assert_eq!(plan.rest(WANTED, &details(11..=19, 9), None, read), ALONE, "{plan:?} {read:?}");
            }
        }
    }

    #[test]
    fn where_the_profile_reaches_back_to_the_earlier_posts_nothing_is_missing() {
        let (newer_than, earlier) = (newest_known(), EarlierPosts::of(known()));
        let rest = |plan: ScrapePlan, details: &Profile, read| plan.rest(WANTED, details, Some(&earlier), read);
        let first = ScrapePlan::NewPostsIfMissing { newer_than };
        // Nothing is new; three posts are.
        for days in [8..=19, 11..=22] {
            assert_eq!(rest(first, &details(days, 81), PostsRead::NotAsked), MERGED);
        }
        let unknown = details(20..=30, 92);
        assert_eq!(rest(first, &unknown, PostsRead::NotAsked), ALL, "nothing says that it is the same profile");
        for read in [PostsRead::Count(0), PostsRead::Count(3), PostsRead::Failed] {
            assert_eq!(rest(ScrapePlan::NewPosts { newer_than }, &details(11..=22, 83), read), MERGED, "{read:?}");
        }
    }

    #[test]
    fn where_it_does_not_the_posts_between_are_asked_for_and_none_is_no_answer() {
        let newer_than = newest_known();
        let with_id = |profile: Profile| Profile { instagram_id: Some("1".to_owned()), ..profile };
        let earlier = EarlierPosts::of(Snapshot { profile: with_id(known().profile), ..known() });
        let details = with_id(details(20..=30, 92));
        for plan in [ScrapePlan::NewPosts { newer_than }, ScrapePlan::NewPostsIfMissing { newer_than }] {
            let rest = |read| plan.rest(WANTED, &details, Some(&earlier), read);
            let missing = Rest::Read(ScrapePart::newer(WANTED, newer_than));
            assert_eq!((rest(PostsRead::NotAsked), rest(PostsRead::Count(0))), (missing, missing));
            assert_eq!((rest(PostsRead::Count(14)), rest(PostsRead::Failed)), (MERGED, Rest::Unreadable));
        }
    }

    #[test]
    fn when_somebody_else_has_the_username_all_posts_are_asked_for() {
        let newer_than = newest_known();
        let earlier = EarlierPosts::of(known());
        let stranger = details(20..=28, 300);
        for plan in [ScrapePlan::NewPosts { newer_than }, ScrapePlan::NewPostsIfMissing { newer_than }] {
            for earlier in [None, Some(&earlier)] {
                let rest = |read| plan.rest(WANTED, &stranger, earlier, read);
                assert_eq!((rest(PostsRead::NotAsked), rest(PostsRead::Count(9))), (ALL, ALL));
                assert_eq!((rest(PostsRead::Count(50)), rest(PostsRead::Failed)), (ALONE, Rest::Unreadable));
            }
        }
    }

    #[test]
    fn a_plan_stays_readable() {
        for (plan, stored) in [
            (ScrapePlan::Everything, r#""everything""#),
            (
                ScrapePlan::NewPosts { newer_than: newest_known() },
                r#"{"new_posts":{"newer_than":"2026-11-19T09:00:00Z"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&plan).unwrap(), stored);
            assert_eq!(serde_json::from_str::<ScrapePlan>(stored).unwrap(), plan);
        }
    }
}
