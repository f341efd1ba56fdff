//! How well a profile matches the ideal customer: each criterion graded 0-100 with its reason. A criterion that cannot
//! be known from the profile is left out; unknown is not "no match".

use super::{Facts, Rule};
use crate::{
    features::{business::IdealCustomer, judging::Verdict, profiles::Profile},
    shared::{
        characters::is_unspaced,
        folding::{folded, plain_letters},
        places::{flags, is_shouted, names_of},
    },
};

/// One graded criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// One of the `Icp` rules.
    pub rule: Rule,
    /// 0 (no match) to 100 (full match).
    pub points: f64,
    /// What was compared with what.
    pub explanation: String,
}

/// What a theme counts that the posts mention and the model does not see in them: a word is no subject, but a sign of one.
const MENTIONED_SHARE: f64 = 0.25;

/// Grades every criterion that is set and can be known.
#[must_use]
pub fn match_ideal_customer(
    ideal: &IdealCustomer,
    profile: &Profile,
    facts: &Facts,
    verdict: &Verdict,
) -> Vec<Criterion> {
    [
        followers(ideal, profile.followers),
        engagement(ideal, facts.engagement_rate_percent),
        themes(ideal, profile, verdict),
        geography(ideal, profile),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Inside the range 100; outside, 100 less for each tenfold distance from the nearer bound.
fn followers(ideal: &IdealCustomer, followers: u64) -> Option<Criterion> {
    let range = match (ideal.follower_min, ideal.follower_max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => return None,
    };
    let low = ideal.follower_min.unwrap_or(0);
    let high = ideal.follower_max.unwrap_or(u64::MAX);
    // At least 1 on both sides: profiles without followers and bounds of 0 have no logarithm.
    let tenfolds = |a: u64, b: u64| (a.max(1) as f64 / b.max(1) as f64).log10();
    let (points, side) = if followers < low {
        (100.0 * (1.0 - tenfolds(low, followers)), "below")
    } else if followers > high {
        (100.0 * (1.0 - tenfolds(followers, high)), "above")
    } else {
        (100.0, "within")
    };
    Some(criterion(Rule::IcpFollowers, points, format!("{followers} followers, {side} the wanted {range}")))
}

fn engagement(ideal: &IdealCustomer, rate: Option<f64>) -> Option<Criterion> {
    // A minimum of 0 asks for nothing, and the grade divides by it.
    let (wanted, rate) = (ideal.engagement_rate_min_percent.filter(|min| *min > 0.0)?, rate?);
    let explanation = format!("engagement {rate:.2} %, wanted at least {wanted:.2} %");
    Some(criterion(Rule::IcpEngagement, 100.0 * rate / wanted, explanation))
}

/// The share of the wanted themes that the posts are about: as the model judged, with evidence that was checked; words alone, in
/// whether of the bio or the posts, only support it, because anybody can write them anywhere.
fn themes(ideal: &IdealCustomer, profile: &Profile, verdict: &Verdict) -> Option<Criterion> {
    if ideal.content_themes.is_empty() {
        return None;
    }
    let text = searchable(profile);
    let is_judged =
        |theme: &str| verdict.themes.iter().any(|judged| folded(judged.theme.trim()) == folded(theme.trim()));
    let (shown, rest): (Vec<&String>, Vec<&String>) = ideal.content_themes.iter().partition(|theme| is_judged(theme));
    let mentioned: Vec<&String> = rest.into_iter().filter(|theme| mentions(&text, theme)).collect();
    let total = ideal.content_themes.len();
    let points = 100.0 * (shown.len() as f64 + MENTIONED_SHARE * mentioned.len() as f64) / total as f64;
    let list = |themes: &[&String]| themes.iter().map(|theme| theme.as_str()).collect::<Vec<_>>().join(", ");
    let mut explanation = match shown.as_slice() {
        [] => format!("the posts are about none of the {total} wanted themes"),
        shown => format!("the posts are about {} of {total} wanted themes: {}", shown.len(), list(shown)),
    };
    if !mentioned.is_empty() {
        explanation.push_str(&format!("; only mentioned: {}", list(&mentioned)));
    }
    Some(criterion(Rule::IcpThemes, points, explanation))
}

/// Known only where the profile names a place at all: a stated country or a post's location.
fn geography(ideal: &IdealCustomer, profile: &Profile) -> Option<Criterion> {
    if ideal.geographies.is_empty() {
        return None;
    }
    let mut places = vec![plain_letters(&profile.biography)];
    places.extend(profile.country.as_deref().map(plain_letters));
    places.extend(profile.posts.iter().filter_map(|post| post.location.as_deref()).map(plain_letters));
    // The bio is always among the places but need not name one. A country, a location or a flag does.
    let flags = flags(&profile.biography);
    let names_one = places.len() > 1 || !flags.is_empty();
    places.extend(flags);
    let hit = ideal.geographies.iter().find(|wanted| {
        // As the customer wrote it, and by the country's other names.
        let names: Vec<String> = std::iter::once(wanted.trim()).chain(names_of(wanted)).map(plain_letters).collect();
        places.iter().any(|place| names.iter().any(|name| names_place(place, name)))
    });
    match hit {
        Some(place) => Some(criterion(Rule::IcpGeography, 100.0, format!("the profile names {place}"))),
        None if names_one => {
            Some(criterion(Rule::IcpGeography, 0.0, "the places it names are not the wanted ones".to_owned()))
        }
        None => None,
    }
}

/// Bio, category, captions and hashtags, folded.
fn searchable(profile: &Profile) -> String {
    let head = [Some(&profile.biography), profile.category.as_ref()].into_iter().flatten();
    let posts = profile.posts.iter().flat_map(|post| std::iter::once(&post.caption).chain(&post.hashtags));
    folded(&head.chain(posts).map(String::as_str).collect::<Vec<_>>().join(" "))
}

/// Whether `text` (folded) has `words` at the beginning of a word: "run" finds "running", not "brunch". Hashtags
/// run words together, so a theme's spaces are also tried without.
fn mentions(text: &str, words: &str) -> bool {
    let wanted = folded(words.trim());
    let joined = wanted.replace(' ', "");
    !wanted.is_empty() && (starts_a_word(text, &wanted) || starts_a_word(text, &joined))
}

/// Whether a text names a place, as whole words: "India" is not in "Indiana". A code of two or three capitals is only
/// found as such: "US" is neither in "follow us" nor in "FOLLOW US FOR MORE".
fn names_place(text: &str, wanted: &str) -> bool {
    let is_code = wanted.len() <= 3 && wanted.chars().all(|c| c.is_ascii_uppercase());
    if is_code {
        return is_whole_word(text, wanted, |before, after| !is_shouted(before, after));
    }
    is_whole_word(&text.to_lowercase(), &wanted.to_lowercase(), |before, _| !is_another(before))
}

/// Whether the word before a place makes it another one: New Mexico is not in Mexico.
fn is_another(before: &str) -> bool {
    let word = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    before.ends_with(char::is_whitespace) && ["new", "papua", "equatorial"].contains(&word)
}

/// Whether a text has the wanted word between texts that `fit`.
fn is_whole_word(text: &str, wanted: &str, fit: fn(&str, &str) -> bool) -> bool {
    // Scripts that write no spaces between words have no word ends to look for.
    let ends_words = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    !wanted.is_empty()
        && text.match_indices(wanted).any(|(at, found)| {
            let before = text.get(..at).unwrap_or_default();
            let after = text.get(at + found.len()..).unwrap_or_default();
            ends_words(before.chars().next_back()) && ends_words(after.chars().next()) && fit(before, after)
        })
}

fn starts_a_word(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c))
    })
}

fn criterion(rule: Rule, points: f64, explanation: String) -> Criterion {
    Criterion { rule, points: points.clamp(0.0, 100.0), explanation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{
        judging::{CallKind, Theme, examples},
        profiles::testing::{post, snapshot},
    };

    fn points(ideal: &IdealCustomer, followers: u64, bio: &str) -> Vec<(Rule, f64)> {
        let mut snapshot = snapshot(followers, vec![]);
        snapshot.profile.biography = bio.to_owned();
        let facts = Facts::of(&snapshot);
        let verdict = examples::judgement(CallKind::Verdict).verdict().unwrap().clone();
        let criteria = match_ideal_customer(ideal, &snapshot.profile, &facts, &verdict);
        criteria.into_iter().map(|c| (c.rule, c.points.round())).collect()
    }

    /// The grade of these themes for a profile whose bio and only caption are the text, and of which the model judged some.
    fn themes_of(wanted: &[&str], bio: &str, caption: &str, judged: &[&str]) -> (f64, String) {
        let ideal = IdealCustomer {
            content_themes: wanted.iter().map(|theme| (*theme).to_owned()).collect(),
            ..Default::default()
        };
        let mut snapshot = snapshot(10, vec![post("2026-11-01T00:00:00Z", None, None)]);
        (snapshot.profile.biography, snapshot.profile.posts[0].caption) = (bio.to_owned(), caption.to_owned());
        let mut verdict = examples::judgement(CallKind::Verdict).verdict().unwrap().clone();
        let theme = |theme: &&str| Theme { posts: vec![], quote: None, count: None, theme: (*theme).to_owned() };
        verdict.themes = judged.iter().map(theme).collect();
        let graded = themes(&ideal, &snapshot.profile, &verdict).unwrap();
        (graded.points, graded.explanation)
    }

    #[test]
    fn a_tenth_of_the_wanted_followers_is_no_match_and_inside_is_a_full_one() {
        let ideal = IdealCustomer { follower_min: Some(1_000), follower_max: Some(5_000), ..Default::default() };
        assert_eq!(points(&ideal, 2_000, ""), [(Rule::IcpFollowers, 100.0)]);
        assert_eq!(points(&ideal, 100, ""), [(Rule::IcpFollowers, 0.0)]);
        assert_eq!(points(&ideal, 50_000, ""), [(Rule::IcpFollowers, 0.0)]);
        assert!(points(&ideal, 500, "")[0].1 > 50.0);
    }

    #[test]
    fn a_bound_is_within_and_each_side_says_what_is_wanted() {
        let said = |follower_min, follower_max, count: u64| {
            let ideal = IdealCustomer { follower_min, follower_max, ..Default::default() };
            let graded = followers(&ideal, count)?;
            Some((graded.points.round(), graded.explanation))
        };
        for (min, max, count, points, explanation) in [
            (Some(1_000), Some(5_000), 1_000, 100.0, "1000 followers, within the wanted 1000 to 5000"),
            (Some(1_000), Some(5_000), 5_000, 100.0, "5000 followers, within the wanted 1000 to 5000"),
            (Some(1_000), Some(5_000), 5_001, 100.0, "5001 followers, above the wanted 1000 to 5000"),
            (Some(1_000), None, 500, 70.0, "500 followers, below the wanted at least 1000"),
            (None, Some(5_000), 10_000, 70.0, "10000 followers, above the wanted at most 5000"),
        ] {
            assert_eq!(said(min, max, count), Some((points, explanation.to_owned())));
        }
        assert_eq!(said(None, None, 500), None);
    }

    #[test]
    fn engagement_is_graded_by_its_share_of_the_wanted() {
        let grade = |wanted, rate| {
            let ideal = IdealCustomer { engagement_rate_min_percent: Some(wanted), ..Default::default() };
            engagement(&ideal, rate).map(|criterion| (criterion.rule, criterion.points))
        };
        let points = |points| Some((Rule::IcpEngagement, points));
        assert_eq!(grade(2.0, Some(0.5)), points(25.0));
        assert_eq!((grade(2.0, Some(2.0)), grade(2.0, Some(9.0))), (points(100.0), points(100.0)));
        assert_eq!((grade(0.0, Some(1.0)), grade(2.0, None)), (None, None), "nothing wanted, or nothing known");
    }

    #[test]
    fn unknown_is_left_out_and_not_counted_as_no_match() {
        let ideal = IdealCustomer {
            engagement_rate_min_percent: Some(2.0),
            geographies: vec!["Lisbon".to_owned()],
            ..Default::default()
        };
        assert_eq!(points(&ideal, 10, "nothing about places"), []);
        assert_eq!(points(&ideal, 10, "Coach in LISBON"), [(Rule::IcpGeography, 100.0)]);
    }

    #[test]
    fn a_profile_that_names_other_places_is_elsewhere() {
        let ideal = IdealCustomer { geographies: vec!["Lisbon".to_owned()], ..Default::default() };
        let grade = |bio: &str, country: Option<&str>, location: Option<&str>| {
            let mut snapshot = snapshot(10, vec![post("2026-11-01T00:00:00Z", None, None)]);
            snapshot.profile.biography = bio.to_owned();
            snapshot.profile.country = country.map(str::to_owned);
            snapshot.profile.posts[0].location = location.map(str::to_owned);
            geography(&ideal, &snapshot.profile).map(|criterion| criterion.points)
        };
        assert_eq!(grade("Coach", None, None), None, "it names no place");
        assert_eq!(grade("Coach 🇪🇸", None, None), Some(0.0));
        assert_eq!(grade("Coach", Some("Spain"), None), Some(0.0));
        assert_eq!(grade("Coach", None, Some("Madrid")), Some(0.0));
        assert_eq!(grade("Coach 🇪🇸", None, Some("Lisbon, Portugal")), Some(100.0));
    }

    #[test]
    fn a_place_is_whole_words_and_a_code_is_capitals() {
        let found = |wanted: &str, bio: &str| {
            let ideal = IdealCustomer { geographies: vec![wanted.to_owned()], ..Default::default() };
            points(&ideal, 10, bio) == [(Rule::IcpGeography, 100.0)]
        };
        for (wanted, bio) in [
            ("US", "Based in the US."),
            ("India", "from india 🇮🇳"),
            ("New York", "NEW YORK"),
            ("東京", "私は東京に住んでいます"),
            ("US", "NEW YORK, US"),
            ("Lisbon", "𝗖𝗼𝗳𝗳𝗲𝗲 • 𝕃𝕚𝕤𝕓𝕠𝕟"),
            ("Lisbon", "ᴄᴏғғᴇᴇ | ＬＩＳＢＯＮ"),
            ("São Paulo", "Sa\u{303}o Paulo"),
            ("Portugal", "specialty beans 🇵🇹"),
            ("PT", "specialty beans 🇵🇹"),
            ("United Kingdom", "🇬🇧"),
            ("Czechia", "Prague, Czech Republic"),
            ("Czech Republic", "Roaster in Brno, Česko"),
            ("Germany", "Kaffee aus Köln, Deutschland"),
            ("United States", "Runner in the USA"),
            ("Japan", "日本のカフェ"),
            ("Ulm", "runs along the danube in ulm"),
            ("LISBON", "Coffee in Lisbon"),
        ] {
            assert!(found(wanted, bio), "{wanted} in {bio}");
        }
        for (wanted, bio) in [
            ("US", "Follow us for recipes"),
            ("US", "FOLLOW US FOR DAILY TIPS. LINK BELOW"),
            ("IN", "BELIEVE IN YOURSELF"),
            ("India", "Indiana"),
            ("UK", "Ukraine"),
            ("Oman", "a woman"),
            ("Spain", "🇵🇹"),
            ("United States", "Follow us, us only"),
            ("Italy", "IT support from home"),
            ("Iceland", "island life"),
            ("Sweden", "suede boots"),
            ("China", "mobilier chiné"),
            ("Mexico", "New Mexico born"),
            ("United Kingdom", "Boston, New England"),
            ("South Korea", "North Korea watcher"),
            ("CA", "Toronto, Canada"),
        ] {
            assert!(!found(wanted, bio), "{wanted} in {bio}");
        }
    }

    #[test]
    fn a_theme_that_was_judged_counts_and_a_word_only_supports_it() {
        let wanted = ["running", "nutrition", "sleep", "travel"];
        assert_eq!(
            themes_of(&wanted, "", "", &[]),
            (0.0, "the posts are about none of the 4 wanted themes".to_owned())
        );
        assert_eq!(themes_of(&wanted, "", "running all day", &["Running ", "nutrition", "cooking"]).0, 50.0);
        let (points, explanation) = themes_of(&wanted, "", "travel plans, no sleep", &["running"]);
        assert_eq!(points, 37.5);
        assert_eq!(explanation, "the posts are about 1 of 4 wanted themes: running; only mentioned: sleep, travel");
        // A bio stuffed with all of them gains little.
        assert_eq!(themes_of(&wanted, "running nutrition sleep travel", "", &[]).0, 25.0);
    }

    #[test]
    fn a_word_is_found_at_the_start_of_words_only() {
        assert_eq!(themes_of(&["run", "meal prep"], "", "brunch lover", &[]).0, 0.0);
        assert_eq!(themes_of(&["run", "meal prep"], "", "Running + #mealprep", &[]).0, 25.0);
    }

    #[test]
    fn a_word_is_found_in_fancy_letters_and_however_its_accents_are_written() {
        for caption in ["𝗖𝗼𝗳𝗳𝗲𝗲, cafe\u{301}", "ᴄᴏғғᴇᴇ ＣＡＦÉ", "Ⓒⓞⓕⓕⓔⓔ café"]
        {
            assert_eq!(themes_of(&["coffee", "café"], "", caption, &[]).0, 25.0, "{caption}");
            assert_eq!(themes_of(&["coffee", "café"], "", "", &["COFFEE", "cafe\u{301}"]).0, 100.0);
        }
    }
}
