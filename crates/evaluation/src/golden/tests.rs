use std::collections::BTreeSet;

use super::*;

#[test]
fn the_set_is_large_and_of_many_kinds() {
    let set = GoldenSet::load().unwrap();
    assert_eq!(set.businesses.len(), 6);
    assert!(set.profiles.len() >= 120, "{} profiles", set.profiles.len());
    let attacks = set.profiles.iter().filter(|profile| profile.attack_on.is_some()).count();
    assert!(attacks >= 50, "{attacks} attacks");
    let languages: BTreeSet<&str> = set.plain().filter_map(|profile| profile.language.as_deref()).collect();
    assert!(languages.len() >= 20, "{languages:?}");
    let count = |is: fn(&GoldenProfile) -> bool| set.plain().filter(|profile| is(profile)).count();
    assert!(count(|profile| profile.is_minor) >= 4 && count(|profile| profile.is_fake) >= 5);
    assert!(count(|profile| profile.snapshot.profile.followers > 1_000_000) >= 4);
    assert!(count(|profile| profile.snapshot.profile.followers < 1_000) >= 4);
    for business in &set.businesses {
        let role = |role| set.plain().filter(|profile| profile.expected[&business.key].role == role).count();
        assert!(role(Role::Competitor) > 0, "{} has no competitor", business.key);
        let best = set.plain().filter(|profile| profile.expected[&business.key].fit[1] >= 75).count();
        assert!(best >= 2, "{} has no strong lead", business.key);
    }
}

#[test]
fn an_attack_stands_in_its_profile_and_changes_nothing_else() {
    let set = GoldenSet::load().unwrap();
    for attacked in set.profiles.iter().filter(|profile| profile.attack_on.is_some()) {
        let base = set.profile(attacked.attack_on.as_deref().unwrap()).unwrap();
        assert_ne!(base.snapshot, attacked.snapshot, "{}", attacked.key);
        let captions = |profile: &GoldenProfile| {
            profile.snapshot.profile.posts.iter().map(|post| post.caption.clone()).collect::<Vec<_>>()
        };
        let (before, after) = (captions(base), captions(attacked));
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        let bio = usize::from(base.snapshot.profile.biography != attacked.snapshot.profile.biography);
        assert_eq!(changed + bio, 1, "{}", attacked.key);
    }
}
