//! Quotations within a text, and whether somebody really wrote them.

use super::super::shown::Shown;
use crate::shared::characters::is_unspaced;

/// Opening marks and what closes each.
const PAIRS: [(char, &[char]); 16] = [
    ('“', &['”', '“', '"']),
    ('„', &['“', '”', '"']),
    ('”', &['”']),
    ('‚', &['‘', '’', '\'']),
    ('«', &['»']),
    ('»', &['«', '»']),
    ('‹', &['›']),
    ('「', &['」']),
    ('『', &['』']),
    ('《', &['》']),
    ('〝', &['〟']),
    ('"', &['"', '”']),
    ('＂', &['＂']),
    ('‘', &['’', '\'']),
    ('\'', &['\'', '’']),
    ('`', &['`', '\'']),
];

/// Whether every quotation of a text stands in the profile.
pub(super) fn all_stand(text: &str, shown: &Shown) -> bool {
    all_are(text, |quotation| shown.has(quotation))
}

/// Whether every quotation of a text is a real one.
pub(super) fn all_are(text: &str, is_real: impl Fn(&str) -> bool) -> bool {
    // Without letters or with one alone it says nothing that could be false: '"?"'.
    let says = |quotation: &str| quotation.chars().filter(|c| c.is_alphanumeric()).count() > 1;
    quotations(text).into_iter().filter(|quotation| says(quotation)).all(is_real)
}

/// The text without the sentences that have a false quotation; `None` if there is none.
pub(super) fn without_false_ones(text: &str, shown: &Shown) -> Option<String> {
    if all_stand(text, shown) {
        return None;
    }
    let mut kept = String::new();
    for sentence in sentences(text) {
        if all_stand(sentence, shown) {
            kept.push_str(sentence);
        }
    }
    // A quotation of several sentences is cut apart above, and its halves are none.
    if !all_stand(&kept, shown) || !is_balanced(&kept) {
        kept.clear();
    }
    Some(kept.trim().to_owned())
}

fn is_balanced(text: &str) -> bool {
    let marks = text.chars().filter(|c| matches!(c, '“' | '”' | '„' | '"' | '«' | '»')).count();
    marks.is_multiple_of(2)
}

/// What stands between marks of quotation.
fn quotations(text: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let (_, after) = rest.split_at(c.len_utf8());
        let closing = PAIRS.iter().find(|(opening, _)| *opening == c).map(|(_, closing)| *closing);
        if let Some(inner) = closing.filter(|_| opens(c, before, after)).and_then(|closing| closed(after, closing)) {
            found.push(inner);
            // Past the closing mark.
            rest = after.get(inner.len()..).unwrap_or_default();
            let mark = rest.chars().next();
            rest = rest.get(mark.map_or(0, char::len_utf8)..).unwrap_or_default();
            before = mark;
        } else {
            before = Some(c);
            rest = after;
        }
    }
    found
}

/// Whether a mark opens a quotation here. An apostrophe stands behind a letter, and a closing mark behind a text.
fn opens(mark: char, before: Option<char>, after: &str) -> bool {
    let is_free = before.is_none_or(|c| !is_in_word(c));
    let begins = after.chars().next().is_some_and(|c| !c.is_whitespace());
    match mark {
        '\'' | '‘' | '"' | '”' | '»' | '`' => is_free && begins,
        _ => true,
    }
}

/// Whether a character is part of a word that a mark could stand within. Some scripts write no blanks around theirs.
fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() && !is_unspaced(c)
}

/// The text up to a closing mark. An apostrophe within a word closes nothing.
fn closed<'a>(text: &'a str, closing: &[char]) -> Option<&'a str> {
    let end = text.char_indices().find(|(at, c)| {
        let next = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        let is_within_a_word = matches!(c, '\'' | '’') && next.is_some_and(is_in_word);
        closing.contains(c) && *at > 0 && !is_within_a_word
    });
    end.and_then(|(at, _)| text.get(..at))
}

/// The sentences of a text, each with the blanks before it.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = vec![];
    let (mut start, mut ended) = (0, false);
    for (at, c) in text.char_indices() {
        if ended {
            found.extend(text.get(start..at));
            (start, ended) = (at, false);
        }
        let next = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        // An end is followed by a blank, a closing mark, or nothing: "4.9" has none.
        let is_end = matches!(c, '.' | '!' | '?' | '…') && next.is_none_or(|next| next.is_whitespace());
        let is_quoted_end = matches!(c, '"' | '”' | '“' | '\'' | '’' | '»' | ')')
            && next.is_none_or(char::is_whitespace)
            && text.get(..at).is_some_and(|text| text.ends_with(['.', '!', '?', '…']));
        ended = ended || is_end || is_quoted_end || matches!(c, '。' | '！' | '？' | '\n');
    }
    found.extend(text.get(start..));
    found
}

#[cfg(test)]
mod tests {
    use super::{super::super::shown::Source, *};

    fn shown() -> Shown {
        let text = "Never again seed in plastic. We don't sell on Mondays! It's the runners' own race.";
        Shown::new(vec![Source::new("p1".to_owned(), text.to_owned(), vec![])])
    }

    #[test]
    fn quotations_of_every_kind_are_found() {
        for (text, expected) in [
            ("She says “never again” and leaves.", vec!["never again"]),
            ("Sie sagt „nie wieder“ und geht.", vec!["nie wieder"]),
            ("Elle dit «jamais» et »encore« ici", vec!["jamais", "encore"]),
            ("It says \"one\", then \"two\".", vec!["one", "two"]),
            ("It says 'we don't sell', twice.", vec!["we don't sell"]),
            ("‘It’s here’ she says", vec!["It’s here"]),
            ("彼女は「もう一度」と言う", vec!["もう一度"]),
            ("Elle dit « jamais », dit-elle, puis « encore »", vec![" jamais ", " encore "]),
            ("”Budget godkänd” säger hon", vec!["Budget godkänd"]),
            ("‚Budget genehmigt‘ steht da", vec!["Budget genehmigt"]),
            ("彼女は\"予算承認済み\"と言う", vec!["予算承認済み"]),
            ("他说‘预算已批准’了", vec!["预算已批准"]),
            ("‹so› 《こう》 `like this`", vec!["so", "こう", "like this"]),
            ("The runners' club and the coaches' choice don't count.", vec![]),
            ("A 5'10\" person", vec![]),
            ("It's the runners' own", vec![]),
            ("left \"open", vec![]),
        ] {
            assert_eq!(quotations(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_stands_or_falls_with_its_quotations() {
        for (text, stands) in [
            ("'Never again seed in plastic': they mean it.", true),
            ("“we don’t sell on mondays”", true),
            ("\"It's the runners' own race.\"", true),
            ("No quotation at all, the runners' word.", true),
            ("A \"?\" ends each, or an \"x\".", true),
            ("'Never again plastic'", false),
            ("They say \"\"buy now\"\"", false),
            ("“Budget approved”", false),
            ("It says \"never again\" and \"buy now\".", false),
        ] {
            assert_eq!(all_stand(text, &shown()), stands, "{text}");
        }
    }

    #[test]
    fn only_the_sentence_with_the_false_quotation_goes() {
        let of = |text: &str| without_false_ones(text, &shown());
        assert_eq!(of("They sell. They say “never again”."), None);
        assert_eq!(of("They sell. They say “buy now”. Good."), Some("They sell. Good.".to_owned()));
        assert_eq!(of("They say “buy now.” They sell at 4.9."), Some("They sell at 4.9.".to_owned()));
        assert_eq!(of("They say “Buy now. Please do.” Good."), Some(String::new()));
        assert_eq!(of("They say 'all of it'"), Some(String::new()));
        assert_eq!(of("They sell at 4.9 “buy now” kilos. Good."), Some("Good.".to_owned()));
        // The end of a quotation whose beginning went.
        assert_eq!(of("They say “buy now” and “Please. Do it.” Good."), Some(String::new()));
    }
}
