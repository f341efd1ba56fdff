//! An upper estimate of how many tokens a text is, without the model's tokenizer, whose vocabulary alone is larger than
//! a Worker should be.
//!
//! Promises: never fewer tokens than `o200k_base` counts, the vocabulary of the models that are asked first (measured
//! on tens of thousands of texts, real and random); for prose in Latin, Chinese or Japanese letters about twice as
//! many, in other alphabets three to four times. One pass over the text, no allocation. Parts that begin with
//! punctuation, as JSON values in a list do, add up to at least the whole.
//!
//! How it works: byte-pair vocabularies join what occurs often. Letters are cheap where two of them are a frequent pair
//! and expensive where they are not (random letters, ciphers, base64); digits count by threes; punctuation counts one
//! by one; every other character counts what it takes when it stands alone, from a table.
//! `tests/estimate.rs` holds the estimate against the real tokenizer.

/// Costs are counted in twelfths of a token, so that thirds, halves and quarters are whole numbers.
const PARTS: usize = 12;
const ONE: usize = PARTS;

/// A letter that makes a frequent pair with the one before it.
const PAIR: usize = 4;
/// The same with two vowels: a row of vowels is full of frequent pairs, but hardly ever a word with a token of its own.
const VOWEL_PAIR: usize = 8;
/// The same with a capital letter: the vocabulary joins capitals less.
const CAPITAL_PAIR: usize = 6;
/// A small letter that begins a word; with the blank before it, it is mostly one token.
const BEGINNING: usize = 10;
const BLANK: usize = 3;
/// Tokens added once to every text: short texts differ most from the mean.
const SLACK: usize = 2;

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
    let mut digits = 0_usize;
    let mut parts = 0;
    for c in text.chars() {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        parts += match c {
            '0'..='9' if digits % 3 != 1 => 0,
            ' ' => BLANK,
            'a'..='z' | 'A'..='Z' => letter(before, c),
            _ if c.is_ascii() => punctuation(before, c),
            _ => alone(c) * ONE,
        };
        // A word takes the blank before it into its first token. Nothing else is certain to: the blank costs a token.
        if before == ' ' && !c.is_ascii_alphabetic() {
            parts += ONE - BLANK;
        }
        before = c;
    }
    parts.div_ceil(PARTS)
}

fn letter(before: char, c: char) -> usize {
    if !before.is_ascii_alphabetic() || (c.is_ascii_uppercase() && before.is_ascii_lowercase()) {
        return if c.is_ascii_lowercase() { BEGINNING } else { ONE };
    }
    let index = |c: char| c.to_ascii_lowercase() as u32 - 'a' as u32;
    let followers = PAIRS.get(index(before) as usize).copied().unwrap_or(0);
    let is_vowel = |c: char| matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u');
    match () {
        () if (followers >> index(c)) & 1 == 0 => ONE,
        () if is_vowel(before) && is_vowel(c) => VOWEL_PAIR,
        () if c.is_ascii_uppercase() => CAPITAL_PAIR,
        () => PAIR,
    }
}

/// Digits come here too: the first of every three.
fn punctuation(before: char, c: char) -> usize {
    match (before, c) {
        // What JSON consists of.
        ('"', ':' | ',') | (':' | ',', '"') => ONE / 2,
        _ if before == c && !c.is_ascii_digit() => ONE / 2,
        _ => ONE,
    }
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
