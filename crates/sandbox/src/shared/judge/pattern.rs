//! Texts for a `pattern` in a schema: the given text if it fits, else the plainest text that does.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A repetition without an upper limit gets at least this many, so that `.*` is not an empty text.
const REPEATED_MIN: u32 = 1;

/// This text if it fits the pattern, else one that does; the text unchanged when the pattern can't be read.
pub(super) fn fitting(pattern: &str, text: String) -> String {
    if Regex::new(pattern).is_ok_and(|regex| regex.is_match(&text)) {
        return text;
    }
    let Ok(parsed) = regex_syntax::parse(pattern) else { return text };
    let mut plainest = String::new();
    write(&parsed, &mut plainest);
    plainest
}

fn write(part: &Hir, text: &mut String) {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(plain_character(class)),
        HirKind::Repetition(repetition) => {
            let least = if repetition.max.is_none() { repetition.min.max(REPEATED_MIN) } else { repetition.min };
            (0..least).for_each(|_| write(&repetition.sub, text));
        }
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, text)),
        HirKind::Alternation(options) => options.iter().take(1).for_each(|option| write(option, text)),
    }
}

/// A letter or digit of the class where it has one.
fn plain_character(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect(),
    };
    let within = |character: &char| ranges.iter().any(|(low, high)| (low..=high).contains(&character));
    ('a'..='z').chain('A'..='Z').chain('0'..='9').find(within).or_else(|| ranges.first().map(|(low, _)| *low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fitting_text_stays_and_another_is_replaced_by_one_that_fits() {
        assert_eq!(fitting("^[a-z ]+$", "warm words".into()), "warm words");
        for pattern in [
            "^#[0-9a-f]{6}$",
            "^\\d{4}-\\d{2}$",
            "^(low|high)_[A-Z]{2,3}$",
            "^@[a-z0-9._]{1,30}$",
            "^https?://[^ ]+$",
            "^.{2,5}$",
        ] {
            let text = fitting(pattern, "Neither this nor that!".into());
            assert!(Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text}");
        }
    }
}
