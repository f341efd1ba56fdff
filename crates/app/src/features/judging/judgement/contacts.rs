//! A message that is to be sent in the business's name carries no address, no number and no markup: whichever it had
//! would be the profile's own, or a stranger's.

use unicode_normalization::UnicodeNormalization as _;

use crate::{features::profiles::InstagramHandle, shared::characters::is_unspaced};

/// Endings that addresses without a scheme or a path are known by.
const ENDINGS: [&str; 49] = [
    "com", "net", "org", "info", "biz", "io", "co", "me", "ly", "app", "dev", "shop", "store", "link", "gg", "tv",
    "ai", "xyz", "site", "online", "club", "top", "page", "live", "bio", "pro", "cc", "to", "de", "uk", "ru", "cn",
    "br", "fr", "es", "it", "eu", "us", "in", "au", "ca", "nz", "jp", "nl", "ch", "pl", "pt", "ee", "example",
];
/// Endings that are words too. Written "It", one begins a sentence whose blank was forgotten: "the post.It shows".
const WORDS: [&str; 10] = ["It", "In", "Me", "To", "Us", "Es", "Top", "Live", "Page", "Link"];
/// Under these, countries register names of their own: "evil.com.au".
const SECOND_LEVEL: [&str; 6] = ["com", "co", "net", "org", "gov", "edu"];
/// Shorter numbers with a plus are amounts ("+20 %").
const INTERNATIONAL_DIGITS_MIN: usize = 7;
const NATIONAL_DIGITS_MIN: usize = 9;

/// Written in place of a dot or an at sign, so that no filter sees it.
const DOTS: [&str; 8] = ["(dot)", "[dot]", "{dot}", "(.)", "[.]", "(punkt)", "(punto)", "."];
const ATS: [&str; 4] = ["(at)", "[at]", "{at}", "(a)"];
/// A dot and an at sign as words of other languages. The dot is a word of many sentences ("il punto info"): only what is no word in
/// them can follow it.
const DOT_WORDS: [&str; 4] = ["punto", "ponto", "punkt", "point"];
const WORD_ENDINGS: [&str; 6] = ["com", "net", "org", "biz", "xyz", "co.uk"];
const AT_WORDS: [&str; 3] = ["arroba", "chiocciola", "arobase"];
/// Endings that are no words, so that "dot com" is an address and "a dot to see" is none.
const PLAIN_ENDINGS: [&str; 11] = ["com", "net", "org", "info", "biz", "io", "xyz", "co.uk", "shop", "store", "app"];

/// The message without them; the recipient's own name stays. Markup goes first: it could hold an address apart until it
/// is taken out.
pub(super) fn defused(message: &str, recipient: Option<&InstagramHandle>) -> String {
    let mut text = without_what_shows(message, recipient);
    loop {
        // What is taken out may have held a number or an address apart. Each round takes a word out, or is the last.
        let next = without_what_shows(&text, recipient);
        if next == text {
            return text;
        }
        text = next;
    }
}

/// The message without markup, which no chat program shows; a heart that is typed stays one.
pub(super) fn plain(message: &str) -> String {
    message.replace("<3", "♥").replace(['<', '>'], "")
}

fn without_what_shows(message: &str, recipient: Option<&InstagramHandle>) -> String {
    let plain = plain(message);
    let lines = plain.lines().map(|line| {
        let line = without_numbers_within(line);
        let words: Vec<&str> = without_numbers(without_spelled_addresses(line.split(' ').collect()));
        words.into_iter().filter(|word| !leads_away(word, recipient)).collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Takes out addresses that are spelled over several words: "sales (at) evil [dot] com".
fn without_spelled_addresses(words: Vec<&str>) -> Vec<&str> {
    let lower = |word: &str| word.nfkc().collect::<String>().to_lowercase();
    let bare =
        |word: &str| lower(word).trim_matches(|c: char| c.is_ascii_punctuation() && !"()[]{}".contains(c)).to_owned();
    let mut kept: Vec<&str> = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some((word, tail)) = rest.split_first() {
        let ending = tail.first().map(|next| bare(next));
        let dot = lower(word);
        let is_dot = DOTS.contains(&dot.as_str())
            && ending.as_deref().is_some_and(|ending| ENDINGS.contains(&ending) || PLAIN_ENDINGS.contains(&ending));
        let is_plain_dot = dot == "dot" && ending.as_deref().is_some_and(|ending| PLAIN_ENDINGS.contains(&ending));
        let is_word =
            DOT_WORDS.contains(&dot.as_str()) && ending.as_deref().is_some_and(|ending| WORD_ENDINGS.contains(&ending));
        if is_word
            || is_plain_dot
            || is_dot && (dot != "." || ending.as_deref().is_some_and(|ending| PLAIN_ENDINGS.contains(&ending)))
        {
            // The name before it, and whom the address is of.
            kept.pop();
            let is_at = |word: &&str| {
                ATS.contains(&lower(word).as_str()) || AT_WORDS.contains(&lower(word).as_str()) || *word == "@"
            };
            while kept.last().is_some_and(is_at) {
                kept.pop();
                kept.pop();
            }
            rest = tail.get(1..).unwrap_or_default();
        } else {
            kept.push(*word);
            rest = tail;
        }
    }
    kept
}

/// Takes telephone numbers out of sentences that are written without blanks.
fn without_numbers_within(line: &str) -> String {
    let form = |c: char| c.nfkc().next().unwrap_or(c);
    let is_part = |c: char| form(c).is_numeric() || "+-()/.‐‑‒–—−ー".contains(form(c));
    let chars: Vec<char> = line.chars().collect();
    let mut kept = String::with_capacity(line.len());
    let mut rest = chars.as_slice();
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|c| is_part(**c)).count().max(1);
        let (run, after) = rest.split_at(length);
        let digits = run.iter().filter(|c| form(**c).is_numeric()).count();
        let digits_min = if form(*first) == '+' { INTERNATIONAL_DIGITS_MIN } else { NATIONAL_DIGITS_MIN };
        let is_within =
            kept.chars().next_back().is_some_and(is_unspaced) || after.first().is_some_and(|c| is_unspaced(*c));
        // An amount, a range or a day does not begin with a nought.
        let is_dialled = matches!(form(*first), '+' | '(' | '0');
        if digits < digits_min || !is_within || !is_dialled {
            kept.extend(run);
        }
        rest = after;
    }
    kept
}

/// Takes out telephone numbers, which blanks may divide.
fn without_numbers(words: Vec<&str>) -> Vec<&str> {
    let is_part = |word: &&&str| is_part_of_a_number(&number_form(word));
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some((word, tail)) = rest.split_first() {
        let parts = rest.iter().take_while(is_part).count();
        let digits = |parts: usize| {
            let digits = |part: &&str| number_form(part).chars().filter(|c| c.is_numeric()).count();
            rest.iter().take(parts).map(digits).sum::<usize>()
        };
        let is_international = number_form(word).trim_start_matches('(').starts_with('+');
        let digits_min = if is_international { INTERNATIONAL_DIGITS_MIN } else { NATIONAL_DIGITS_MIN };
        if digits(parts) >= digits_min {
            rest = rest.get(parts..).unwrap_or_default();
        } else {
            kept.push(*word);
            rest = tail;
        }
    }
    kept
}

/// A word as digits are looked for in it: full-width ones, those on keys ("0️⃣"), every dash, and without a label ("tel:").
fn number_form(word: &str) -> String {
    let plain: String = word.nfkc().filter(|c| !matches!(c, '\u{fe0f}' | '\u{20e3}')).collect();
    let labelled =
        plain.split_once(':').filter(|(label, _)| !label.is_empty() && label.chars().all(char::is_alphabetic));
    let number = labelled.map_or(plain.as_str(), |(_, number)| number);
    number.replace(['‐', '‑', '‒', '–', '—', '−'], "-").replace(['·', '•'], ".")
}

fn is_part_of_a_number(word: &str) -> bool {
    let bare = word.trim_end_matches([',', '.', ';', '!', '?']);
    bare.contains(char::is_numeric) && bare.chars().all(|c| c.is_numeric() || "+-()/.".contains(c))
}

/// What mail and chat programs make a link of, and who else is named.
fn leads_away(word: &str, recipient: Option<&InstagramHandle>) -> bool {
    // The full stops of other scripts, which browsers read as dots, and dots in brackets, which people read as such.
    let mut word = word.nfkc().collect::<String>().replace(['。', '．', '｡'], ".");
    for (spelled, mark) in DOTS.map(|dot| (dot, ".")).into_iter().chain(ATS.map(|at| (at, "@"))) {
        if spelled.len() > 1 && word.len() > spelled.len() && word.to_lowercase().contains(spelled) {
            word = word.to_lowercase().replace(spelled, mark);
        }
    }
    let lower = word.to_lowercase();
    if ["://", "www.", "](", "javascript:", "mailto:", "tel:", "data:"].iter().any(|mark| lower.contains(mark)) {
        return true;
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '@');
    // Also behind a label: "IG:@name".
    if let Some(name) = word.split([':', '/']).find_map(|part| part.strip_prefix('@')) {
        let named = name.trim_end_matches("'s").trim_end_matches("’s").parse::<InstagramHandle>();
        return !named.is_ok_and(|named| Some(&named) == recipient);
    }
    let Some(bare) = word.split(['/', '?', '#', ':']).next() else { return false };
    let labels: Vec<&str> = bare.split('.').collect();
    let [.., name, ending] = labels.as_slice() else { return false };
    if name.is_empty() || labels.iter().all(|label| label.chars().all(|c| c.is_ascii_digit())) {
        // Four numbers are a machine's address; two or three are an amount, a rating or a time.
        return labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    }
    let is_ending = ending.chars().count() > 1 && ending.chars().all(char::is_alphabetic);
    if !is_ending || WORDS.contains(ending) {
        return bare.contains('@') && is_ending;
    }
    let (name, ending) = (name.to_lowercase(), ending.to_lowercase());
    let is_national = labels.len() > 2 && SECOND_LEVEL.contains(&name.as_str()) && ending.len() == 2;
    bare.contains('@') || bare.len() < word.len() || is_national || ENDINGS.contains(&ending.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of messages, of addresses and of numbers, and marks that could hold them apart.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,6}",
            "[0-9]{1,5}",
            "\\PC{0,4}",
            proptest::sample::select(
                &[
                    "evil.com",
                    "@pay.desk",
                    "https://x",
                    "a@b.tr",
                    "(at)",
                    "[dot]",
                    "dot",
                    "com",
                    ".",
                    "+44",
                    "t.me/x",
                    "<",
                    ">",
                    "@coffee.ann",
                    "1️⃣"
                ][..]
            )
            .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #![proptest_config(crate::property::config())]

        /// What is taken out must not join what is left to something that should go.
        #[test]
        fn whatever_is_left_has_nothing_more_to_take_out(pieces in proptest::collection::vec((piece(), "[ \n]|"), 0..12)) {
            let message: String = pieces.into_iter().map(|(piece, gap)| piece + &gap).collect();
            let once = defused(&message, Some(&ann()));
            prop_assert_eq!(defused(&once, Some(&ann())), once.clone(), "{:?}", message);
            prop_assert!(!once.contains("://"), "{once:?}");
        }
    }

    fn ann() -> InstagramHandle {
        "coffee.ann".parse().unwrap()
    }

    #[test]
    fn a_number_goes_from_a_sentence_without_blanks() {
        for (text, kept) in [
            ("お問い合わせは０３－５５５５－０１４２までどうぞ。", "お問い合わせはまでどうぞ。"),
            // Seven digits are enough with a plus; and a number may begin or end the sentence.
            ("電話は+4930901まで", "電話はまで"),
            ("電話は0355550142", "電話は"),
            ("0355550142まで", "まで"),
        ] {
            assert_eq!(defused(text, None), kept);
        }
        for kept in
            ["2026年11月26日に12,000円でした", "気温は10.5度、距離は42.195キロ", "ご予算は10000-15000円くらいですか？"]
        {
            assert_eq!(defused(kept, None), kept);
        }
    }

    #[test]
    fn an_address_in_words_of_other_languages_goes() {
        assert_eq!(defused("Estamos en tienda arroba kilnandslip punto com.", None), "Estamos en");
        for kept in [
            "Un punto a favor, y punto.",
            "A questo punto io ti consiglierei la prova.",
            "Passa al punto info della fiera?",
            "The best starting point app developers give you.",
        ] {
            assert_eq!(defused(kept, None), kept);
        }
    }

    #[test]
    fn every_kind_of_address_goes() {
        for address in [
            "https:<//evil.example/x",
            "ww<w.evil.example",
            "bit.ly/abc",
            "t.me/x",
            "wa.me/1555",
            "evil.example/pay",
            "evil.com",
            "(EVIL.COM)",
            "mailto:a@b",
            "a@b.com",
            "javascript<:alert(1)",
            "]<(x",
            "evil.io?x=1",
            "data:text/html,x",
            "evil.com.au",
            "evil。com",
            "linktr.ee/x",
            "linktr.ee",
            "Evil.Com",
            "@pay.desk",
            "@pay.desk,",
            "10.0.0.1/pay",
            "+44 20 7946 0958",
            "+442079460958.",
            "(+351) 900 000 000",
            "020 7946 0958",
            "０２０ ７９４６ ０９５８",
            "0️⃣2️⃣0️⃣7️⃣9️⃣4️⃣6️⃣0️⃣9️⃣5️⃣8️⃣",
            "0 2 0 7 9 4 6 0 9 5 8",
            "tel:+442079460958",
            "sales (at) evil [dot] com",
            "sales@evil (dot) com.",
            "evil dot com",
            "evil . com",
            "evil[.]com",
            "evil(.)io",
            "ｅｖｉｌ．ｃｏｍ",
            "＠pay.desk",
            "evil [dot] shop",
            "evil(dot)com",
            "sales(at)evil(dot)com",
            "sales@evil dot shop",
            "WhatsApp:+442079460958",
            "020–7946–0958",
            "020·7946·0958",
            "+44‑20‑7946‑0958",
            "٠٢٠٧٩٤٦٠٩٥٨",
            "IG:@paydesk",
            "and/@paydesk",
            "evil.co.za",
            "evil.tr/x",
            "a@b.tr",
        ] {
            assert_eq!(defused(&format!("Hi {address} there"), Some(&ann())), "Hi there", "{address}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for plain in [
            "@coffee.ann",
            "@Coffee.Ann's",
            "coffee.ann",
            "e.g.",
            "5.5",
            "10:30",
            "and/or",
            "U.S.",
            "wow...",
            "Hello.",
            "3/4",
            "a:b",
            "4.9/5",
            "9.30/17.00",
            "Q3.2/Q4",
            "post.It",
            "+20 %",
            "2025 and 10 000",
            "in 2024 2025",
            "dot to dot",
            "a polka dot dress",
            "Done . Now",
            "(a) first",
            "at home",
            "½ and ² and ™",
            "co.za",
            "one.two.za",
            "abc.org.chart",
            "a@b.c",
            "a@b.c1",
            "1st 2nd 3rd 4th 5th 6th 7th 8th 9th",
        ] {
            assert_eq!(defused(&format!("Hi {plain} there"), Some(&ann())), format!("Hi {plain} there"));
        }
    }
}
