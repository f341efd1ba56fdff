//! An estimate of how many tokens a text is, without the model's tokenizer, whose vocabulary alone is larger than a Worker should
//! be.
//!
//! Promises: for prose in any of twenty-five languages, and for what JSON adds to it, between 0.75 and 1.4 of what `o200k_base`
//! counts, the vocabulary of the models that are asked first; for texts that nobody writes (random letters, ciphers) never less
//! than a third, so that whoever stuffs a profile with them makes it cost three times its budget at most. One pass over the text,
//! no allocation.
//!
//! How it works: byte-pair vocabularies join what occurs often. Letters are cheap where two of them are a frequent pair
//! and expensive where they are not (random letters, ciphers, base64); digits count by threes; the letters of other alphabets count
//! by what their languages' words take on average, rare ones and all other characters by what they take alone, from a table.
//! `tests/estimate.rs` holds the estimate against the real tokenizer.

use std::ops::RangeInclusive;

/// Costs are counted in hundredths of a token.
const PARTS: usize = 100;
const ONE: usize = PARTS;

/// A letter that makes a frequent pair with the one before it.
const PAIR: usize = 16;
/// The same with two vowels: a row of vowels is full of frequent pairs, but hardly ever a word with a token of its own.
const VOWEL_PAIR: usize = 30;
/// The same with a capital letter: the vocabulary joins capitals less.
const CAPITAL_PAIR: usize = 26;
/// A pair that is not frequent.
const RARE_PAIR: usize = 62;
/// A letter that begins a word; with the blank before it, it is mostly one token with what follows.
const BEGINNING: usize = 62;
const CAPITAL_BEGINNING: usize = 68;
/// A letter after one with an accent.
const AFTER_ACCENT: usize = 30;
const BLANK: usize = 6;
/// A blank before anything but a letter.
const LONE_BLANK: usize = 46;
/// A mark after another one, as JSON has them, or a repeated one.
const JOINED_MARK: usize = 30;
/// A mark after a word.
const MARK_AFTER_WORD: usize = 70;
/// Of a character that is more than one token when it stands alone: in a word it shares some with its neighbours.
const RARE_SHARE: usize = 90;
/// Tokens added once to every text: short texts differ most from the mean.
const SLACK: usize = 1;

/// What a letter of a word costs, by its alphabet: the average of ordinary texts.
const ALPHABETS: [(RangeInclusive<char>, usize); 17] = [
    // Latin letters with accents.
    ('\u{c0}'..='\u{24f}', 52),
    ('\u{1e00}'..='\u{1eff}', 52),
    // Greek.
    ('\u{370}'..='\u{3ff}', 42),
    ('\u{1f00}'..='\u{1fff}', 42),
    // Cyrillic.
    ('\u{400}'..='\u{52f}', 34),
    // Hebrew.
    ('\u{590}'..='\u{5ff}', 40),
    // Arabic, and its presentation forms.
    ('\u{600}'..='\u{77f}', 37),
    ('\u{fb50}'..='\u{fdff}', 37),
    // Indic.
    ('\u{900}'..='\u{dff}', 40),
    // Thai and Lao.
    ('\u{e00}'..='\u{eff}', 46),
    // Georgian.
    ('\u{10a0}'..='\u{10ff}', 42),
    // Kana.
    ('\u{3040}'..='\u{30ff}', 66),
    // Chinese.
    ('\u{3400}'..='\u{4dbf}', 82),
    ('\u{4e00}'..='\u{9fff}', 82),
    ('\u{f900}'..='\u{faff}', 82),
    // Korean.
    ('\u{ac00}'..='\u{d7af}', 62),
    ('\u{1100}'..='\u{11ff}', 82),
];
/// The place of the Latin letters in that table.
const ACCENTED: RangeInclusive<usize> = 0..=1;

/// For each small letter, as bits, the letters that follow it in at least 300 entries of the vocabulary.
#[rustfmt::skip]
const PAIRS: [u32; 26] = [
    0x37e_bfef, 0x16_4911, 0x1a_4d95, 0x16_4119, 0x3ff_fdff, 0x1a_4931, 0x16_6991, 0x1a_4111, 0x22e_fe7f, 0x10_4011,
    0x1c_4111, 0x11c_4919, 0x14_d113, 0x13c_65fd, 0x7e_fd7f, 0x1e_c991, 0x10_0000, 0x13e_7d5f, 0x1c_dd95, 0x11e_4995,
    0xe_bd5f, 0x4111, 0x4111, 0x8_8000, 0x4_0011, 0x111,
];

/// Two bits for each character of the two ranges below: how many tokens it is when it stands alone, less one.
static ALONE: &[u8] = include_bytes!("char_tokens.bin");
pub(super) const PLANE_END: u32 = 0x1_0000;
pub(super) const EMOJI: std::ops::Range<u32> = 0x1_f000..0x1_fc00;

pub(super) fn tokens(text: &str) -> usize {
    part_tokens(text) + SLACK
}

/// Without [`SLACK`], for a part of a text whose whole gets it elsewhere.
pub(super) fn part_tokens(text: &str) -> usize {
    let mut before = '\0';
    let mut alphabet_before = None;
    let mut digits = 0_usize;
    let mut parts = 0;
    for c in text.chars() {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        let alphabet = alphabet(c);
        parts += match c {
            '0'..='9' if digits % 3 != 1 => 0,
            ' ' => BLANK,
            'a'..='z' | 'A'..='Z' => letter(before, c, alphabet_before),
            _ if c.is_ascii() => mark(before, c),
            _ => other(c, alphabet, alphabet_before),
        };
        // A word takes the blank before it into its first token. Nothing else is certain to.
        if before == ' ' && !c.is_ascii_alphabetic() && alphabet.is_none() {
            parts += LONE_BLANK - BLANK;
        }
        (before, alphabet_before) = (c, alphabet);
    }
    parts.div_ceil(PARTS)
}

fn letter(before: char, c: char, alphabet_before: Option<usize>) -> usize {
    if alphabet_before.is_some_and(|alphabet| ACCENTED.contains(&alphabet)) {
        return AFTER_ACCENT;
    }
    if !before.is_ascii_alphabetic() || (c.is_ascii_uppercase() && before.is_ascii_lowercase()) {
        return if c.is_ascii_lowercase() { BEGINNING } else { CAPITAL_BEGINNING };
    }
    let index = |c: char| c.to_ascii_lowercase() as u32 - 'a' as u32;
    let followers = PAIRS.get(index(before) as usize).copied().unwrap_or(0);
    let is_vowel = |c: char| matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u');
    match () {
        () if (followers >> index(c)) & 1 == 0 => RARE_PAIR,
        () if c.is_ascii_uppercase() => CAPITAL_PAIR,
        () if is_vowel(before) && is_vowel(c) => VOWEL_PAIR,
        () => PAIR,
    }
}

/// Digits come here too: the first of every three.
fn mark(before: char, c: char) -> usize {
    let is_json = |c: char| matches!(c, '"' | '{' | '}' | '[' | ']' | ',' | ':');
    match (before, c) {
        _ if c.is_ascii_digit() => ONE,
        _ if before == c || (is_json(before) && is_json(c)) => JOINED_MARK,
        _ if before.is_ascii_alphanumeric() => MARK_AFTER_WORD,
        _ => ONE,
    }
}

fn other(c: char, alphabet: Option<usize>, alphabet_before: Option<usize>) -> usize {
    let alone = alone(c);
    let Some((_, cost)) = alphabet.and_then(|alphabet| ALPHABETS.get(alphabet)) else { return alone * ONE };
    if alone > 1 {
        return alone * RARE_SHARE;
    }
    let begins = alphabet != alphabet_before && !alphabet.is_some_and(|alphabet| ACCENTED.contains(&alphabet));
    if begins { BEGINNING.max(*cost) } else { *cost }
}

fn alphabet(c: char) -> Option<usize> {
    if c.is_ascii() {
        return None;
    }
    ALPHABETS.iter().position(|(letters, _)| letters.contains(&c))
}

/// Tokens of a character by itself, which are never more than its bytes.
fn alone(c: char) -> usize {
    let index = match c as u32 {
        code if code < PLANE_END => code,
        code if EMOJI.contains(&code) => code - EMOJI.start + PLANE_END,
        _ => return c.len_utf8(),
    };
    // The index is always within the table; past it, the highest count would be the safe one.
    let four = ALONE.get(index as usize / 4).copied().unwrap_or(u8::MAX);
    usize::from((four >> (index % 4 * 2)) & 3) + 1
}
