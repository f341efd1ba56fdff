//! Makes texts comparable: people write "Coffee" in mathematical, circled, full-width or small capital letters, and
//! accents as one character or as two.

use unicode_normalization::UnicodeNormalization as _;

/// Small capitals, which Unicode holds for letters of their own, in the order of [`PLAIN`].
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰғɢʜɪᴊᴋʟᴍɴᴏᴘǫꞯʀꜱᴛᴜᴠᴡʏᴢ";
const PLAIN: &str = "abcdeffghijklmnopqqrstuvwyz";

/// The text in plain letters without accents; capitals stay.
pub(super) fn plain_letters(text: &str) -> String {
    // Small capitals first: one of them has an accent.
    text.chars().map(plain).nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).collect()
}

/// The text in plain lower-case letters without accents.
pub(super) fn folded(text: &str) -> String {
    // Lower case first, because one of the small capitals has a capital; and last, because letter forms hide capitals.
    plain_letters(&text.to_lowercase()).to_lowercase()
}

fn plain(c: char) -> char {
    let place = SMALL_CAPITALS.chars().position(|small| small == c);
    place.and_then(|place| PLAIN.chars().nth(place)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_word_is_the_same_word() {
        for text in ["𝗖𝗼𝗳𝗳𝗲𝗲", "ᴄᴏғғᴇᴇ", "ＣＯＦＦＥＥ", "Ⓒⓞⓕⓕⓔⓔ", "cöffée", "co\u{308}ffe\u{301}e"]
        {
            assert_eq!(folded(text), "coffee", "{text}");
        }
        assert_eq!((folded("ǫᴜᴇᴇɴ"), folded("Ғалым")), ("queen".to_owned(), folded("ғалым")));
        assert_eq!(SMALL_CAPITALS.chars().count(), PLAIN.chars().count());
        assert_eq!(plain_letters("São Paulo, US"), "Sao Paulo, US");
    }
}
