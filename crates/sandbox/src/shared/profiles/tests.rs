use std::collections::{BTreeMap, BTreeSet};

use super::*;

const DAY: u64 = 20_000;

fn one(catalogue: &Catalogue, handle: &str) -> Value {
    let mut items = catalogue.profile(handle, DAY);
    assert_eq!(items.len(), 1, "{handle}");
    items.remove(0)
}

#[test]
fn a_handle_is_the_same_person_all_day_and_another_handle_another_one() {
    let catalogue = Catalogue::load().unwrap();
    assert_eq!(one(&catalogue, "some.body"), one(&Catalogue::load().unwrap(), "some.body"));
    assert_ne!(one(&catalogue, "some.body")["followersCount"], one(&catalogue, "some.body2")["followersCount"]);
    let upper = one(&catalogue, "Some.Body");
    assert_eq!(
        (&upper["username"], &upper["inputUrl"]),
        (&json!("some.body"), &json!("https://www.instagram.com/Some.Body"))
    );
}

#[test]
fn people_differ_in_niche_size_and_the_scrapers_quirks() {
    let catalogue = Catalogue::load().unwrap();
    let people: Vec<Value> = (0..400).map(|number| one(&catalogue, &format!("handle{number}"))).collect();
    let share = |test: &dyn Fn(&Value) -> bool| people.iter().filter(|person| test(person)).count();
    let first_lines: BTreeSet<&str> =
        people.iter().map(|person| person["biography"].as_str().unwrap().lines().next().unwrap()).collect();
    assert!(first_lines.len() >= 36, "{}", first_lines.len());
    assert!(share(&|person| person["followersCount"].as_u64().unwrap() < 20_000) > 120);
    assert!(share(&|person| person["followersCount"].as_u64().unwrap() > 20_000) > 120);
    assert!(share(&|person| person["latestPosts"][0]["isPinned"] == json!(true)) > 40);
    assert!(
        share(&|person| person["latestPosts"].as_array().unwrap().iter().any(|post| post["likesCount"] == json!(-1)))
            > 20
    );
    assert!(share(&|person| person["externalUrl"] == json!("")) > 5);
    assert!(share(&|person| person.get("externalUrl").is_none()) > 5);
    assert!(share(&|person| person["biography"].as_str().unwrap().contains('📍')) > 100);
    for person in &people {
        assert_eq!(person["latestPosts"].as_array().unwrap().len(), 12);
    }
}

#[test]
fn a_niche_word_in_the_handle_decides_the_niche() {
    let catalogue = Catalogue::load().unwrap();
    for (handle, niche) in
        [("coffee_by_ann", "coffee"), ("annasyoga", "yoga"), ("the.gym.guy", "fitness"), ("mypuppylife", "pets")]
    {
        let niche = catalogue.niches().iter().find(|known| known.name == niche).unwrap();
        let person = one(&catalogue, handle);
        let role = person["biography"].as_str().unwrap().lines().next().unwrap();
        assert!(niche.roles.iter().any(|known| known == role), "{handle}: {role}");
    }
}

#[test]
fn the_newest_twelve_of_the_fifty_posts_are_those_of_the_profile() {
    let catalogue = Catalogue::load().unwrap();
    for number in 0..60 {
        let handle = format!("poster{number}");
        let codes = |posts: &[Value]| {
            posts.iter().map(|post| post["shortCode"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        let profile = one(&catalogue, &handle);
        let mut posts = catalogue.posts(&handle, 50, None, DAY);
        assert!((14..=50).contains(&posts.len()));
        posts.sort_by_key(|post| std::cmp::Reverse(post["timestamp"].as_str().unwrap().to_owned()));
        assert_eq!(codes(&posts[..12]), codes(profile["latestPosts"].as_array().unwrap()), "{handle}");
        assert_eq!(codes(&posts).len(), posts.len());
    }
}

/// Some day on which the number of posts grows.
const TODAY: u64 = 20_783;

#[test]
fn as_days_pass_a_person_posts_and_what_was_posted_stays_as_it_is() {
    let catalogue = Catalogue::load().unwrap();
    let unpinned = |mut post: Value| {
        post.as_object_mut().unwrap().remove("isPinned");
        (post["timestamp"].as_str().unwrap().to_owned(), post)
    };
    let posts = |handle: &str, day| -> BTreeMap<String, Value> {
        catalogue.posts(handle, 50, None, day).into_iter().map(unpinned).collect()
    };
    let count = |handle: &str, day| catalogue.profile(handle, day)[0]["postsCount"].as_u64().unwrap();
    let mut made = 0;
    for number in 0..60 {
        let handle = format!("poster{number}");
        let (before, after) = (posts(&handle, TODAY), posts(&handle, TODAY + 3));
        let newest = before.keys().last().unwrap();
        let new = after.keys().filter(|at| *at > newest).count();
        assert!(new <= 8, "{handle} has posted {new} times in three days");
        assert_eq!(count(&handle, TODAY + 3) - count(&handle, TODAY), new as u64, "{handle}");
        // Of fifty, the oldest make room.
        let kept: Vec<_> = before.iter().skip((before.len() + new).saturating_sub(50)).collect();
        assert_eq!(after.iter().take(after.len() - new).collect::<Vec<_>>(), kept, "{handle}");
        made += new;
    }
    assert!(made > 30, "{made}");
}

#[test]
fn the_posts_scraper_can_be_asked_for_newer_posts_only() {
    let catalogue = Catalogue::load().unwrap();
    let at = |post: &Value| post["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let mut all = catalogue.posts("poster1", 50, None, TODAY);
    all.sort_by_key(|post| std::cmp::Reverse(at(post)));
    let mut newer = catalogue.posts("poster1", 50, Some(at(&all[4])), TODAY);
    newer.sort_by_key(|post| std::cmp::Reverse(at(post)));
    assert_eq!(newer, all[..4]);
    assert_eq!(catalogue.posts("poster1", 2, Some(at(&all[4])), TODAY).len(), 2);
    assert_eq!(catalogue.posts("poster1", 50, Some(at(&all[0])), TODAY)[0]["error"], "no_items");
}

#[test]
fn a_cadence_can_be_chosen_and_decides_how_much_is_new() {
    let catalogue = Catalogue::load().unwrap();
    let rewrite = Rewrite { username: "slow.poster".into(), cadence_days: Some(0.75), ..Rewrite::default() };
    catalogue.rewrite(rewrite).unwrap();
    for day in TODAY..TODAY + 30 {
        let count = |day| catalogue.profile("slow.poster", day)[0]["postsCount"].as_u64().unwrap();
        assert!((3..=5).contains(&(count(day + 3) - count(day))));
    }
}

#[test]
fn reserved_handles_are_their_cases() {
    let catalogue = Catalogue::load().unwrap();
    assert_eq!(one(&catalogue, "notfound_x")["error"], "not_found");
    assert_eq!(one(&catalogue, "no_such_account_example")["error"], "not_found");
    assert_eq!(one(&catalogue, "not a handle")["error"], "not_found");
    assert_eq!(one(&catalogue, "restricted_x")["isRestrictedProfile"], true);
    assert_eq!(one(&catalogue, "noitems_x")["error"], "no_items");
    assert!(catalogue.profile("emptyset_x", DAY).is_empty());
    let private = one(&catalogue, "private_x");
    assert_eq!((&private["private"], &private["latestPosts"]), (&json!(true), &json!([])));
    assert!(private["postsCount"].as_u64().unwrap() > 0);
    let zero = one(&catalogue, "zeroposts_x");
    assert_eq!((&zero["postsCount"], &zero["latestPosts"]), (&json!(0), &json!([])));
    let few = one(&catalogue, "fewposts_x");
    assert_eq!((&few["postsCount"], few["latestPosts"].as_array().unwrap().len()), (&json!(9), 9));
    assert_eq!(catalogue.posts("fewposts_x", 50, None, DAY).len(), 9);
    assert_eq!(catalogue.posts("private_x", 50, None, DAY)[0]["error"], "no_items");
    assert!(!one(&catalogue, "noposts_x")["latestPosts"].as_array().unwrap().is_empty());
    assert_eq!(catalogue.posts("noposts_x", 50, None, DAY)[0]["error"], "no_items");
}

#[test]
fn recorded_profiles_come_as_they_were_recorded() {
    let catalogue = Catalogue::load().unwrap();
    assert_eq!(one(&catalogue, "NASA")["followersCount"], 96_323_377);
    assert_eq!(catalogue.posts("avengers", 50, None, DAY)[0]["ownerUsername"], "avengers");
    assert_eq!(catalogue.post("https://www.instagram.com/p/BwrsO1Bho2N/")[0]["ownerUsername"], "teslamotors");
}
