//! Phrases that can be quoted: two to eight whole words, letter by letter as they stand in a text, to the end of a
//! clause where there is one.

use std::ops::Range;

use super::sign::Sign;

const WORDS_MAX: usize = 8;
/// Japanese has no blanks: so many characters say as much as a few words.
const UNSPACED_CHARS: Range<usize> = 5..28;
/// Where a long clause has no mark, it ends before one of these.
const JOINTS: &str = " and but or because with for in on at to from after before when while that which who than as \
    y o pero porque con para en de que und aber oder weil mit für in auf von dass e mas com em et mais avec pour dans \
    و ثم لأن في من على ";
/// No phrase ends in one of these.
const DANGLING: &str = " a an the of to in on at and or but is are was were be with for from my your our its it this that i we \
    been would have has had will can \
    no not very so than then as by el la los las un una de y der die das ein eine und zu o os as um uma le les des une du ";

/// A phrase of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shared::judge) struct Phrase {
    pub(in crate::shared::judge) text: String,
    pub(in crate::shared::judge) words: usize,
    /// Whether it ends where its clause ends.
    pub(in crate::shared::judge) is_whole: bool,
    /// Whether it begins a sentence.
    pub(in crate::shared::judge) opens: bool,
    /// Whether it is all of its sentence.
    pub(in crate::shared::judge) is_sentence: bool,
    pub(in crate::shared::judge) sign: Sign,
}

/// The phrases of a text, at most two for each of its sentences.
pub(super) fn phrases(text: &str) -> Vec<Phrase> {
    // The last word before a mark of omission may be cut.
    let (text, is_cut) = match text.trim_end().strip_suffix('…') {
        Some(kept) => (kept.rsplit_once(char::is_whitespace).map_or("", |(kept, _)| kept), true),
        None => (text, false),
    };
    let mut found: Vec<Phrase> = text.lines().flat_map(sentences).flat_map(of_sentence).collect();
    if is_cut && let Some(last) = found.last_mut() {
        last.is_whole = false;
    }
    found
}

/// The sentences of a line. A full stop ends one only before a blank: "2.5" has none.
fn sentences(line: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut start = 0;
    for (place, character) in line.char_indices() {
        let end = place + character.len_utf8();
        let next = line.get(end..).and_then(|rest| rest.chars().next());
        let is_end = match character {
            '。' | '！' | '？' | '…' => true,
            '.' | '!' | '?' | '؟' => next.is_none_or(char::is_whitespace),
            _ => false,
        };
        if is_end {
            found.extend(line.get(start..end));
            start = end;
        }
    }
    found.extend(line.get(start..));
    found.into_iter().map(str::trim).filter(|sentence| !sentence.is_empty()).collect()
}

fn of_sentence(sentence: &str) -> Vec<Phrase> {
    // An editor's remark is no word of the person.
    if sentence.starts_with('[') {
        return vec![];
    }
    let sign = Sign::of(sentence);
    let clauses = clauses(sentence);
    let mut found: Vec<Phrase> = vec![];
    let mut from = 0;
    while from < clauses.len() && found.len() < 2 {
        let phrase = |to: usize| {
            let range = clauses.get(from)?.start..clauses.get(to)?.end;
            Some((to, sentence.get(range)?)).filter(|(_, text)| is_short(text))
        };
        // As many clauses as a phrase can hold.
        let longest = (from..clauses.len()).map_while(phrase).last();
        let (to, text, is_whole) = match longest {
            Some((to, text)) => (to, text, true),
            None => match clauses.get(from).and_then(|range| shortened(sentence.get(range.clone())?)) {
                Some(text) => (from, text, false),
                None => (from, "", false),
            },
        };
        if is_quotable(text) {
            let is_sentence = is_whole && from == 0 && to + 1 == clauses.len();
            let words = count(text);
            found.push(Phrase { text: text.to_owned(), words, is_whole, opens: from == 0, is_sentence, sign });
        }
        from = to + 1;
    }
    found
}

/// The clauses of a sentence without the marks, emoji and blanks around them; hashtags are none.
fn clauses(sentence: &str) -> Vec<Range<usize>> {
    let is_mark =
        |c: char| matches!(c, ',' | ';' | ':' | '–' | '—' | '(' | ')' | '|' | '•' | '、' | '，' | '،' | '؛' | '/');
    let mut found = vec![];
    let mut start = 0;
    let ends = sentence.char_indices().filter(|(place, c)| {
        let next = sentence.get(place + c.len_utf8()..).and_then(|rest| rest.chars().next());
        let before = sentence.get(..*place).and_then(|text| text.chars().next_back());
        let in_word = next.is_some_and(char::is_alphanumeric) && before.is_some_and(char::is_alphanumeric);
        // "1️⃣" is a digit that is drawn as a key.
        let is_drawn = next.is_some_and(|next| matches!(next, '\u{fe0f}' | '\u{20e3}'));
        (is_mark(*c) && !(in_word && c.is_ascii())) || *c == '#' || is_picture(*c) || is_drawn
    });
    let ends: Vec<(usize, usize)> = ends.map(|(place, c)| (place, place + c.len_utf8())).collect();
    for (end, next) in ends.into_iter().chain([(sentence.len(), sentence.len())]) {
        let is_tag = start > 0 && sentence.get(..start).is_some_and(|before| before.ends_with('#'));
        if let Some(trimmed) = sentence.get(start..end).and_then(|text| trimmed(text, start)).filter(|_| !is_tag) {
            found.push(trimmed);
        }
        start = next;
    }
    found
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1ffff}' | '\u{fe0f}')
}

/// Where the text without marks at its ends stands; none if nothing is left.
fn trimmed(text: &str, start: usize) -> Option<Range<usize>> {
    let first = text.find(char::is_alphanumeric)?;
    let last = text.char_indices().rfind(|(_, c)| c.is_alphanumeric()).map(|(place, c)| place + c.len_utf8())?;
    Some(start + first..start + last)
}

fn is_short(text: &str) -> bool {
    if is_unspaced(text) { text.chars().count() < UNSPACED_CHARS.end } else { count(text) <= WORDS_MAX }
}

fn is_quotable(text: &str) -> bool {
    let says_enough = if is_unspaced(text) { text.chars().count() >= UNSPACED_CHARS.start } else { count(text) >= 2 };
    let is_plain =
        !text.contains(['"', '“', '”', '„', '«', '»', '「', '」', '[', ']', '‹', '/', '@', '#', '…', '\u{fe0f}']);
    // A telephone number says nothing of anybody.
    let has_letters = text.chars().any(char::is_alphabetic);
    says_enough && has_letters && is_plain && !text.contains("http") && !text.contains("www.")
}

pub(in crate::shared::judge) fn is_unspaced(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'))
}

/// The words, counted in the strictest way: "three-day" are two.
fn count(text: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').filter(|word| !word.is_empty()).count()
}

/// The beginning of a long clause, up to a joint or to a word that can be the last.
fn shortened(clause: &str) -> Option<&str> {
    let words: Vec<(usize, &str)> =
        clause.split_whitespace().map(|word| (word.as_ptr() as usize - clause.as_ptr() as usize, word)).collect();
    let in_list = |list: &str, word: &str| {
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        list.contains(&format!(" {plain} "))
    };
    let up_to = |end: usize| {
        let (start, word) = words.get(end.checked_sub(1)?)?;
        clause.get(..start + word.len()).filter(|text| count(text) <= WORDS_MAX)
    };
    let may_end = |end: usize| words.get(end.wrapping_sub(1)).is_some_and(|(_, word)| !in_list(DANGLING, word));
    let at_joint = |end: &usize| words.get(*end).is_some_and(|(_, next)| in_list(JOINTS, next));
    let ends = || (3..=WORDS_MAX.min(words.len())).rev().filter(|end| may_end(*end) && up_to(*end).is_some());
    let end = ends().find(at_joint).or_else(|| ends().next())?;
    up_to(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        phrases(text).into_iter().map(|phrase| phrase.text).collect()
    }

    #[test]
    fn phrases_end_with_their_clause() {
        for (text, expected) in [
            ("Slow reps, full range, no ego. That is it.", vec!["Slow reps, full range, no ego", "That is it"]),
            ("👇 Book a table in the link 🙌", vec!["Book a table in the link"]),
            ("Under the sea🪸… [caption shortened]", vec!["Under the sea"]),
            (
                "The hotel had 12 rooms and one peacock and a garden that nobody had found. Yes",
                vec!["The hotel had 12 rooms and one peacock"],
            ),
            ("New single! #newmusic #tour", vec!["New single"]),
            ("With @studio.x in town", vec![]),
            ("Call 44 20 7946 0958 / 44 20 7946 0959 / 44 20 7946 0960", vec!["Call 44 20 7946 0958"]),
            ("The thing to do first: 1️⃣2️⃣", vec!["The thing to do first"]),
            ("The thing to do next: 3⃣4⃣", vec!["The thing to do next"]),
            ("今日の一枚。ゆっくりした朝でした。", vec!["今日の一枚", "ゆっくりした朝でした"]),
            (
                "Two words here and then a cut wo…",
                vec!["Two words here and then"].into_iter().map(|_| "Two words here and then a cut").collect(),
            ),
            ("One", vec![]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn every_phrase_stands_in_its_text_as_whole_words() {
        let text = "We drove the coast road so that you can skip the highway (and its tolls), the trucks, the rest: all of \
            it!\nThree-day trips, at 9.30 from town, for very long words and for short ones too without an end in sight";
        for phrase in phrases(text) {
            assert!(text.contains(&phrase.text) && (2..=8).contains(&phrase.words), "{phrase:?}");
        }
    }
}
