use std::collections::BTreeSet;

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
        let mut posts = catalogue.posts(&handle, 50, DAY);
        assert!((14..=50).contains(&posts.len()));
        posts.sort_by_key(|post| std::cmp::Reverse(post["timestamp"].as_str().unwrap().to_owned()));
        assert_eq!(codes(&posts[..12]), codes(profile["latestPosts"].as_array().unwrap()), "{handle}");
        assert_eq!(codes(&posts).len(), posts.len());
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
    assert_eq!(catalogue.posts("private_x", 50, DAY)[0]["error"], "no_items");
    assert!(!one(&catalogue, "noposts_x")["latestPosts"].as_array().unwrap().is_empty());
    assert_eq!(catalogue.posts("noposts_x", 50, DAY)[0]["error"], "no_items");
}

#[test]
fn recorded_profiles_come_as_they_were_recorded() {
    let catalogue = Catalogue::load().unwrap();
    assert_eq!(one(&catalogue, "NASA")["followersCount"], 96_323_377);
    assert_eq!(catalogue.posts("avengers", 50, DAY)[0]["ownerUsername"], "avengers");
    assert_eq!(catalogue.post("https://www.instagram.com/p/BwrsO1Bho2N/")[0]["ownerUsername"], "teslamotors");
}
