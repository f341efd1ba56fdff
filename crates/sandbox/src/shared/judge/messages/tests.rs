use serde_json::{Value, json};

use super::*;
use crate::shared::judge::{
    evidence::{has, spaced},
    testing::{Interview, businesses},
};

fn handles(interview: &Interview) -> Vec<String> {
    let niches = interview.niches().into_iter();
    niches.flat_map(|niche| (0..3).map(move |number| format!("{niche}_{number}"))).collect()
}

fn for_all(mut test: impl FnMut(&str, &Judgement, &Messages)) {
    let interview = Interview::new();
    for handle in handles(&interview).iter().map(String::as_str).chain(["nasa", "frcsurat", "apifytech", "zeroposts_x"])
    {
        let profile = interview.person(handle, 30);
        for business in businesses() {
            let judgement = interview.judged(&business, &profile);
            let what = format!("{handle} for {}", business["name"]);
            test(&what, &judgement, &Messages::to(&judgement));
        }
    }
}

fn questions(text: &str) -> usize {
    text.chars().filter(|c| matches!(c, '?' | '？' | '؟')).count()
}

fn ends_in_a_question(text: &str) -> bool {
    text.ends_with(['?', '？', '؟'])
}

#[test]
fn messages_keep_their_rules() {
    for_all(|what, _, messages| {
        let Messages { opener, message, follow_up, first_lines, .. } = messages;
        let length = |text: &str| text.chars().count();
        assert!((10..=120).contains(&length(opener)), "{what}: {opener}");
        assert!(length(message) <= 600 && length(follow_up) <= 300 && length(first_lines) <= 300, "{what}: {message}");
        assert!(message.starts_with(opener.as_str()) && first_lines.starts_with(opener.as_str()), "{what}: {message}");
        assert!(questions(opener) == 0, "{what}: {opener}");
        assert!(questions(message) == 1 && ends_in_a_question(message), "{what}: {message}");
        assert!(questions(first_lines) == 1 && ends_in_a_question(first_lines), "{what}: {first_lines}");
        assert!(questions(follow_up) == 0 && follow_up.ends_with(['.', '。']), "{what}: {follow_up}");
        assert!(!follow_up.contains(opener.as_str()), "{what}: {follow_up}");
        for text in [opener, message, follow_up, first_lines] {
            assert!(!text.contains(|c: char| c.is_numeric() || "\"“”„«»@/{}!".contains(c)), "{what}: {text}");
            let lower = text.to_lowercase();
            for no in
                ["http", "www", "com", "io", "hello", "hi", "love your", "great", "amazing", "beautiful", "followers"]
            {
                assert!(!has(&spaced(&lower), no), "{what}: {text}");
            }
        }
    });
}

/// A business whose themes are words that messages to those people would have otherwise.
fn curious() -> Value {
    let themes = ["caption", "line", "post", "pitch", "batch", "routine"];
    json!({"name": "Oak & Ink", "offering": "Paper notebooks.", "target_audience": "People who do this every day and love it.",
        "ideal_customer": {"content_themes": themes}, "do_not_say": ["curious", "Curiosity"]})
}

#[test]
fn nothing_of_the_criteria_and_no_forbidden_phrase_is_sent() {
    let interview = Interview::new();
    let businesses = businesses().into_iter().chain([curious()]);
    for business in businesses.collect::<Vec<_>>() {
        for handle in handles(&interview) {
            let profile = interview.person(&handle, 30);
            let messages = Messages::to(&interview.judged(&business, &profile));
            let known = spaced(&format!("{profile} {} {}", business["name"], business["offering"]));
            let wanted = business["ideal_customer"]["content_themes"].as_array().into_iter().flatten();
            let secret = wanted.map(|theme| theme.as_str().unwrap().to_lowercase()).filter(|theme| !has(&known, theme));
            let never = business["do_not_say"].as_array().into_iter().flatten();
            let never: Vec<String> =
                never.map(|phrase| phrase.as_str().unwrap().to_lowercase()).chain(secret).collect();
            let all = [&messages.opener, &messages.message, &messages.follow_up, &messages.first_lines];
            for text in all.into_iter().chain(&messages.gloss).chain(&messages.first_lines_gloss) {
                let words = spaced(text);
                let said: Vec<&String> = never.iter().filter(|phrase| has(&words, phrase)).collect();
                assert!(said.is_empty(), "{handle} for {}: {said:?} in {text}", business["name"]);
                assert!(!has(&words, "people who do this every day and love"), "{handle}: {text}");
            }
        }
    }
}

#[test]
fn the_offer_stands_in_messages_to_those_whom_it_suits_as_a_whole() {
    let interview = Interview::new();
    let business = &businesses()[0];
    let mut offered = 0;
    for number in 0..12 {
        let judgement = interview.judged(business, &interview.person(&format!("fitness_{number}"), 30));
        let messages = Messages::to(&judgement);
        let offer = judgement.business.offer.as_deref().unwrap();
        offered += usize::from(
            messages.message.contains(&format!("{offer}, "))
                || messages.message.contains(&format!("{offer}. "))
                || messages.message.contains(&format!("{offer};")),
        );
        assert!(business["offering"].as_str().unwrap().to_lowercase().contains(offer), "{offer}");
    }
    assert!(offered >= 8, "{offered} of 12");
}

#[test]
fn a_message_is_in_the_language_of_most_captions_with_an_english_version() {
    let interview = Interview::new();
    let captions = [
        (
            "es",
            vec![
                "Hoy salieron doce pedidos y la mesa quedó vacía.",
                "La clienta de siempre vino a charlar un rato.",
                "Mañana abrimos más tarde por la lluvia.",
            ],
        ),
        (
            "de",
            vec![
                "Heute gingen zwölf Pakete raus, und der Tisch ist endlich leer.",
                "Die Nachbarin kam wieder auf einen Kaffee vorbei.",
                "Morgen öffnen wir wegen des Regens etwas später.",
            ],
        ),
        (
            "pt",
            vec![
                "Hoje saíram doze encomendas e a mesa ficou vazia.",
                "A vizinha passou aqui de novo para conversar um pouco.",
                "Amanhã abrimos mais tarde por causa da chuva.",
            ],
        ),
        (
            "fr",
            vec![
                "Douze commandes sont parties aujourd’hui et la table est vide.",
                "La voisine est revenue bavarder un moment avec nous.",
                "Demain nous ouvrons plus tard à cause de la pluie.",
            ],
        ),
        (
            "ar",
            vec![
                "خرجت اليوم اثنتا عشرة طلبية وأصبحت الطاولة فارغة",
                "عادت جارتنا اليوم لتتحدث معنا قليلاً",
                "غداً نفتح متأخرين بسبب المطر",
            ],
        ),
        (
            "ja",
            vec![
                "今日はご注文を十二件、発送しました。",
                "常連のお客さまが、また話しに来てくれました。",
                "明日は雨なので、少し遅く開けます。",
            ],
        ),
    ];
    for (tag, captions) in captions {
        let posts: Vec<Value> = captions
            .iter()
            .enumerate()
            .map(|(n, text)| json!({"id": format!("p{}", n + 1), "caption": text}))
            .collect();
        let profile = json!({"username": "casa.uno", "biography": "Coffee", "posts": posts});
        for business in businesses() {
            let judgement = interview.judged(&business, &profile);
            let messages = Messages::to(&judgement);
            assert_eq!(messages.language.tag(), tag);
            for text in [&messages.message, &messages.follow_up, &messages.first_lines] {
                assert!(messages.language.is_of(text), "{tag}: {text}");
            }
            let gloss = messages.gloss.as_deref().unwrap();
            assert_eq!(gloss.lines().count(), 2, "{gloss}");
            assert!(
                Language::English.is_of(gloss)
                    && Language::English.is_of(messages.first_lines_gloss.as_deref().unwrap())
            );
            assert!(captions.iter().any(|caption| caption.contains(&messages.hooks[0].quote)));
        }
    }
    let english = json!({"username": "a", "posts": [{"caption": "Twelve parcels left today and the table is empty"}]});
    let messages = Messages::to(&interview.judged(&businesses()[0], &english));
    assert_eq!((messages.language.tag(), messages.gloss), ("en", None));
}
