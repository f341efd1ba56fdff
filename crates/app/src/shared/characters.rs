//! Which characters a reader sees.

/// How a character looks to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Visible,
    Blank,
    LineBreak,
    /// Invisible, but of use between others.
    Joiner,
    Invisible,
}

#[must_use]
pub fn sort(c: char) -> Sort {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => Sort::LineBreak,
        // People indent their bios with the blank Braille pattern and the Hangul fillers.
        '\t' | '\u{2800}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Sort::Blank,
        c if c.is_control() => Sort::Invisible,
        c if c.is_whitespace() => Sort::Blank,
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => Sort::Joiner,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => Sort::Invisible,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => Sort::Invisible,
        '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0d}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' => Sort::Invisible,
        '\u{fff0}'..='\u{fffc}' | '\u{fffe}' | '\u{ffff}' | '\u{1d173}'..='\u{1d17a}' => Sort::Invisible,
        '\u{1bca0}'..='\u{1bca3}' | '\u{e0000}'.. => Sort::Invisible,
        // The last two code points of every plane are noncharacters.
        c if (c as u32) & 0xfffe == 0xfffe => Sort::Invisible,
        _ => Sort::Visible,
    }
}

/// Whether a reader sees nothing of this text.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| sort(c) != Sort::Visible)
}

/// Chinese, Japanese, Thai, Lao, Khmer and Burmese letters: their scripts write no blanks between words.
pub const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}
