use std::collections::BTreeMap;

use super::*;
use crate::shared::profiles::Catalogue;

const DAY: u64 = 20_783;

fn captions_of(catalogue: &Catalogue, handle: &str, count: usize) -> Vec<String> {
    let posts = catalogue.posts(handle, count, None, DAY);
    posts.iter().map(|post| post["caption"].as_str().unwrap().to_owned()).collect()
}

fn without_tags(caption: &str) -> String {
    caption
        .split(' ')
        .map(|word| word.split("\n\n#").next().unwrap())
        .filter(|word| !word.starts_with('#'))
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_foreign(captions: &[String]) -> bool {
    let foreign = |caption: &&String| {
        let known: Vec<&str> =
            ["es", "de", "pt", "fr", "ar", "ja"].iter().flat_map(|tag| PARTS[tag].of("detail")).copied().collect();
        let begins = |line: &&&str| {
            caption.contains(line.split('{').next().unwrap_or_default())
                && line.split('{').next().is_some_and(|text| text.len() > 8)
        };
        known.iter().any(|line| begins(&line))
    };
    captions.iter().filter(foreign).count() * 2 > captions.len() / 2
}

#[test]
fn every_niche_and_language_has_enough_to_say() {
    let catalogue = Catalogue::load().unwrap();
    for niche in catalogue.niches() {
        let parts = &PARTS[niche.name.as_str()];
        for section in ["opening", "detail", "closing", "question"] {
            assert!(parts.of(section).len() >= 10, "{} {section}", niche.name);
        }
        assert!(!parts.of("short").is_empty() && !parts.of("link").is_empty(), "{}", niche.name);
    }
    for language in &catalogue.people.languages {
        let parts = &PARTS[language.tag.as_str()];
        let count: usize =
            ["opening", "detail", "closing", "question"].iter().map(|section| parts.of(section).len()).sum();
        assert!(count >= 30, "{}: {count}", language.tag);
    }
}

#[test]
fn captions_are_as_long_as_real_ones() {
    let catalogue = Catalogue::load().unwrap();
    let handles = (0..120).map(|number| format!("somebody{number}"));
    let mut lengths: Vec<usize> = handles
        .flat_map(|handle| captions_of(&catalogue, &handle, 50))
        .filter(|caption| !caption.is_empty())
        .map(|caption| caption.chars().count())
        .collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!((180..=350).contains(&median), "{median}");
    let share = |test: &dyn Fn(usize) -> bool| {
        lengths.iter().filter(|length| test(**length)).count() as f64 / lengths.len() as f64
    };
    assert!(share(&|length| (800..=1_600).contains(&length)) > 0.05, "{}", share(&|length| length >= 800));
    assert!(share(&|length| length > 1_600) < 0.02);
    assert!(share(&|length| length < 120) > 0.06);
}

#[test]
fn captions_have_lines_questions_mentions_and_hashtags() {
    let catalogue = Catalogue::load().unwrap();
    let all: Vec<String> = (0..60).flat_map(|number| captions_of(&catalogue, &format!("writer{number}"), 50)).collect();
    let share =
        |test: &dyn Fn(&str) -> bool| all.iter().filter(|caption| test(caption)).count() as f64 / all.len() as f64;
    assert!(share(&|caption| caption.trim().contains('\n')) > 0.4);
    assert!((0.15..0.6).contains(&share(&|caption| caption.contains(['?', '？', '؟']))));
    assert!((0.05..0.2).contains(&share(&|caption| caption.contains('@'))));
    assert!((0.6..0.95).contains(&share(&|caption| caption.contains('#'))));
    assert!((0.01..0.1).contains(&share(&str::is_empty)));
    assert!(all.iter().all(|caption| !caption.contains(['{', '}', '|'])));
}

#[test]
fn a_person_hardly_repeats_a_sentence() {
    let catalogue = Catalogue::load().unwrap();
    for niche in catalogue.niches() {
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        let captions = captions_of(&catalogue, &format!("{}.hanna", niche.name), 50);
        for caption in &captions {
            for sentence in without_tags(caption).split_inclusive(['.', '?', '\n']).map(str::trim) {
                if sentence.len() > 12 && !sentence.contains('@') {
                    *said.entry(sentence.to_owned()).or_default() += 1;
                }
            }
        }
        let all: usize = said.values().sum();
        if !is_foreign(&captions) {
            // Of four sentences in fifty captions, about three are new.
            assert!(said.len() * 100 > all * 65, "{}: {} of {all}", niche.name, said.len());
            assert!(said.values().all(|count| *count <= 8), "{}: {said:?}", niche.name);
        }
    }
}

#[test]
fn people_with_another_language_write_mostly_in_it() {
    let catalogue = Catalogue::load().unwrap();
    let people: Vec<Vec<String>> =
        (0..200).map(|number| captions_of(&catalogue, &format!("handle{number}"), 30)).collect();
    let foreign = people.iter().filter(|captions| is_foreign(captions)).count();
    assert!((15..=50).contains(&foreign), "{foreign} of 200");
}

#[test]
fn a_caption_follows_from_the_post_alone() {
    let catalogue = Catalogue::load().unwrap();
    let (today, tomorrow) =
        (catalogue.posts("coffee.ann", 50, None, DAY), catalogue.posts("coffee.ann", 50, None, DAY + 1));
    let caption = |post: &Value| (post["shortCode"].clone(), post["caption"].clone());
    let today: Vec<_> = today.iter().map(caption).collect();
    let known: Vec<_> =
        tomorrow.iter().map(caption).filter(|(code, _)| today.iter().any(|(known, _)| known == code)).collect();
    assert!(known.iter().all(|post| today.contains(post)));
}

#[test]
fn comments_and_links_are_as_the_scraper_writes_them() {
    let catalogue = Catalogue::load().unwrap();
    let (mut comments, mut titles) = (vec![], 0);
    for number in 0..40 {
        let handle = format!("maker{number}");
        for post in catalogue.posts(&handle, 50, None, DAY) {
            let newest = post["latestComments"].as_array().unwrap().clone();
            assert!(newest.len() <= 3 && newest.len() as u64 <= post["commentsCount"].as_u64().unwrap());
            assert_eq!(post["firstComment"], newest.first().map_or(json!(""), |first| first["text"].clone()));
            assert!(newest.iter().all(|comment| comment["timestamp"].as_str() > post["timestamp"].as_str()));
            comments.extend(newest);
        }
        let profile = catalogue.profile(&handle, DAY).remove(0);
        titles += profile["externalUrls"].as_array().unwrap().iter().filter(|link| link["title"] != "").count();
    }
    let keys: Vec<&String> = comments[0].as_object().unwrap().keys().collect();
    let expected =
        ["id", "text", "ownerUsername", "ownerProfilePicUrl", "timestamp", "repliesCount", "replies", "likesCount"];
    assert_eq!(keys, expected);
    assert!(comments.iter().any(|comment| comment["text"].as_str().unwrap().contains("buy")));
    assert!(titles > 10, "{titles}");
}
