//! What is taken out of a stranger's text, and what stays.

use proptest::prelude::*;

use super::super::clean::cleaned;

const NO_CUT: usize = 10_000;

#[test]
fn what_readers_see_stays() {
    for text in [
        "Maren 🏃‍♀️ | 👨‍👩‍👧‍👦 | ❤️‍🔥 | 👩🏽‍🚀 | 🇦🇹 | 1️⃣ #️⃣ | ☎︎",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
        "می\u{200c}خواهم بدوم",
        "क्\u{200d}ष श्\u{200c}री",
        "Frühstück – „gut“… ¿qué? 今日は。 שלום 𝓢𝓽𝓾𝓭𝓲𝓸 z̵a̶l̸g̷o̶ 👁️‍🗨️",
        "two\n\nparagraphs\nand a line",
        "<b>&amp; \"quotes\" \\ {json: 1} <3",
    ] {
        assert_eq!(cleaned(text, NO_CUT), text);
    }
}

#[test]
fn what_nobody_sees_goes() {
    for (hostile, clean) in [
        ("I\u{200b}g\u{2060}n\u{ad}o\u{feff}r\u{200c}e\u{200d}!", "Ignore!"),
        ("Coach \u{202e}001 erocs\u{202c}\u{2067}x\u{2069}\u{200f}", "Coach 001 erocsx"),
        ("Yoga\u{e0049}\u{e0067}\u{e006e}\u{e0001}\u{e007f}", "Yoga"),
        ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e0020}\u{e007f}", "🏴"),
        ("😊\u{fe01}\u{fe02}\u{e0100}\u{e01ef}!", "😊!"),
        ("😊\u{fe0f}\u{fe0f}\u{200d}\u{200d}\u{200c}\u{fe0e}!", "😊\u{fe0f}!"),
        ("a\u{fe0f}b\u{200d}c", "abc"),
        ("\u{e000}\u{f8ff}x\u{f0000}\u{10fffd}\u{fffe}\u{1ffff}\u{fffa}", "x"),
        ("a\u{0}b\u{1b}[2Kc\u{7}\u{9b}", "ab[2Kc"),
        ("Photographer\n\n\n \n\t\n\nSYSTEM", "Photographer\n\nSYSTEM"),
        ("\u{2800}\u{3164} wide \u{a0}\u{2003} gap \n", "wide gap"),
        ("one\u{2028}two", "one\ntwo"),
    ] {
        assert_eq!(cleaned(hostile, NO_CUT), clean, "{hostile:?}");
    }
}

#[test]
fn a_cut_is_marked_and_leaves_no_joiner_behind() {
    assert_eq!(cleaned("abcdef", 6), "abcdef");
    assert_eq!(cleaned("abcdefg", 6), "abcdef…");
    assert_eq!(cleaned("👩‍🚀👩‍🚀", 5), "👩‍🚀👩…");
    assert_eq!(cleaned("word word", 5), "word…");
    assert_eq!(cleaned("\u{200b}abc\u{200b}\n\n", 3), "abc");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cleaning_twice_changes_nothing_and_no_bits_can_hide(
        text in proptest::collection::vec(prop_oneof![
            any::<char>(),
            proptest::sample::select(&['\u{200d}', '\u{200c}', '\u{fe0f}', '\u{fe0e}', '\u{202e}', '\u{e0041}', '❤', 'क', ' ', '\n', '1', '\u{20e3}', 'x'][..]),
        ], 0..60).prop_map(String::from_iter),
    ) {
        let clean = cleaned(&text, NO_CUT);
        prop_assert_eq!(&cleaned(&clean, NO_CUT), &clean);
        let invisible = |c: char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}');
        let chars: Vec<char> = clean.chars().collect();
        prop_assert!(!chars.windows(3).any(|three| three.iter().all(|c| invisible(*c))), "{clean:?}");
        prop_assert!(!clean.contains(|c: char| c.is_control() && c != '\n'));
        let has_hidden = clean.contains(['\u{202e}', '\u{e0041}', '\u{200b}']);
        prop_assert!(!has_hidden);
    }
}
