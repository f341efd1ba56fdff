//! Takes out of a stranger's text what only attacks need.
//!
//! Promises: everything that a reader would see stays; what nobody sees goes, because a model reads it all the same:
//! - control characters other than line breaks and tabs;
//! - zero-width characters, soft hyphens and fillers (U+200B, U+2060-2064, U+FEFF, U+00AD, U+034F, U+180E): they hide
//!   words from filters and carry bits;
//! - bidirectional controls (U+061C, U+200E/F, U+202A-202E, U+2066-2069): they show a text in another order than the
//!   one that is read;
//! - tag characters and the rest of plane 14 (U+E0000-EFFFF), which spell invisible ASCII; the flags of England,
//!   Scotland and Wales consist of them and stay;
//! - private-use and noncharacters, interlinear annotations and the replacement object: they mean nothing outside a
//!   font;
//! - variation selectors and joiners wherever they join nothing: between two visible characters beyond ASCII one of
//!   them stays, which is what emoji, Persian and Indic scripts need, and no run of them can spell anything.
//!
//! Runs of blanks shrink, because a screen of empty lines hides what comes below it. The Hangul fillers and the blank
//! Braille pattern count as blanks.

use std::iter::Peekable;

use crate::shared::characters::{Sort, sort};

const LINE_BREAKS_MAX: usize = 2;
/// The three flags that are written as a black flag and tag characters.
const TAGGED_FLAGS: [&str; 3] = [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// Cleans a text and cuts it to `chars_max` characters; "…" marks the cut. Reads no further than the cut.
pub(in crate::features::judging) fn cleaned(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(chars_max * 4));
    let mut room = chars_max;
    let mut pieces = Pieces { rest: text, before: None }.peekable();
    line_breaks(&mut pieces);
    while let Some(piece) = pieces.next() {
        let blank = match piece {
            "\n" => Some(if line_breaks(&mut pieces) > 0 { "\n\n" } else { "\n" }),
            " " => {
                let breaks = line_breaks(&mut pieces);
                Some([" ", "\n", "\n\n"].get(breaks.min(LINE_BREAKS_MAX)).copied().unwrap_or("\n\n"))
            }
            _ => None,
        };
        // No blank is left at the end.
        if blank.is_some() && pieces.peek().is_none() {
            break;
        }
        let piece = blank.unwrap_or(piece);
        let chars = piece.chars().count();
        if chars > room {
            clean.truncate(clean.trim_end_matches(|c: char| c.is_whitespace() || is_joiner(c)).len());
            clean.push('…');
            break;
        }
        room -= chars;
        clean.push_str(piece);
    }
    clean
}

/// Takes the blanks that follow; how many of them are line breaks.
fn line_breaks<'a>(pieces: &mut Peekable<Pieces<'a>>) -> usize {
    let mut breaks = 0;
    while let Some(piece) = pieces.next_if(|piece| matches!(*piece, " " | "\n")) {
        breaks += usize::from(piece == "\n");
    }
    breaks
}

/// The visible pieces of a text: characters, tagged flags, and blanks, which are either " " or "\n".
struct Pieces<'a> {
    rest: &'a str,
    /// The last piece's last character.
    before: Option<char>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if let Some(flag) = TAGGED_FLAGS.iter().find(|flag| self.rest.starts_with(**flag)) {
                return self.take(flag.len());
            }
            let c = self.rest.chars().next()?;
            let (_, rest) = self.rest.split_at(c.len_utf8());
            match sort(c) {
                Sort::Visible => return self.take(c.len_utf8()),
                Sort::Joiner if self.joins(rest) => return self.take(c.len_utf8()),
                Sort::Blank | Sort::LineBreak => {
                    self.rest = rest;
                    self.before = Some(' ');
                    return Some(if sort(c) == Sort::Blank { " " } else { "\n" });
                }
                Sort::Joiner | Sort::Invisible => self.rest = rest,
            }
        }
    }
}

impl<'a> Pieces<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (piece, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.before = piece.chars().next_back();
        Some(piece)
    }

    /// Whether a joiner or selector before `rest` stands where one belongs.
    fn joins(&self, rest: &str) -> bool {
        let is_selector = self.rest.starts_with(['\u{fe0e}', '\u{fe0f}']);
        let after = rest.chars().next();
        match self.before {
            // Of keycaps: "1", selector, enclosing key.
            Some('0'..='9' | '#' | '*') => is_selector && after == Some('\u{20e3}'),
            // Of emoji sequences: heart, selector, joiner, fire.
            Some('\u{fe0f}') => !is_selector && after.is_some_and(is_base),
            Some(before) if is_base(before) => is_selector || after.is_some_and(is_base),
            _ => false,
        }
    }
}

/// A visible character beyond ASCII.
fn is_base(c: char) -> bool {
    !c.is_ascii() && sort(c) == Sort::Visible
}

fn is_joiner(c: char) -> bool {
    sort(c) == Sort::Joiner
}
