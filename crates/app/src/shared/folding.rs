//! Makes texts comparable: people write "Coffee" in mathematical, circled, full-width or small capital letters, and
//! accents as one character or as two.

use unicode_normalization::UnicodeNormalization as _;

/// Small capitals, which Unicode holds for letters of their own, in the order of [`PLAIN`].
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰғɢʜɪᴊᴋʟᴍɴᴏᴘǫꞯʀꜱᴛᴜᴠᴡʏᴢ";
const PLAIN: &str = "abcdeffghijklmnopqqrstuvwyz";

/// The text in plain letters without accents; capitals stay.
#[must_use]
pub fn plain_letters(text: &str) -> String {
    // Small capitals first: one of them has an accent.
    text.chars().map(plain).nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).collect()
}

/// The text in plain lower-case letters without accents.
#[must_use]
pub fn folded(text: &str) -> String {
    // Lower case first, because one of the small capitals has a capital; and last, because letter forms hide capitals.
    plain_letters(&text.to_lowercase()).to_lowercase()
}

/// The text as quotations are looked up in it: two texts that are the same but for case, blanks and Unicode form are equal in this
/// form. Accents stay. Apostrophes, quotation marks and dashes are counted among the forms: keyboards and models write them as they
/// like.
#[must_use]
pub fn comparable(text: &str) -> String {
    // Unicode takes an acute accent by itself for a blank and an accent.
    let apostrophes = text.chars().map(|c| if c == '´' { '\'' } else { c });
    let folded = apostrophes.nfkc().flat_map(char::to_lowercase).map(plain).map(|c| match c {
        '’' | '‘' | 'ʼ' | '`' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        other => other,
    });
    // Lower case can bring a composed character apart again, and some forms hide a small capital.
    let folded: String = folded.collect::<String>().nfkc().map(plain).collect();
    // In capitals they are no other letters: "HEISS" is "heiß".
    let folded = folded.replace('ß', "ss").replace('ς', "σ");
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain(c: char) -> char {
    // Most texts have none.
    if c.is_ascii() {
        return c;
    }
    let place = SMALL_CAPITALS.chars().position(|small| small == c);
    place.and_then(|place| PLAIN.chars().nth(place)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn apostrophes_are_one_however_they_are_typed() {
        for text in ["It's", "It’s", "It´s", "it`s", "ITʼS"] {
            assert_eq!(comparable(text), "it's", "{text}");
        }
    }

    #[test]
    fn capitals_are_the_same_letters() {
        for (small, capitals) in [("heiße maße", "HEISSE MAẞE"), ("για όσους", "ΓΙΑ ΌΣΟΥΣ")] {
            assert_eq!(comparable(small), comparable(capitals));
        }
    }

    proptest! {
        #![proptest_config(crate::property::config())]

        #[test]
        fn a_text_is_comparable_once_and_for_all(text in "\\PC{0,60}") {
            prop_assert_eq!(comparable(&comparable(&text)), comparable(&text));
        }
    }

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
