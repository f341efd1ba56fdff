use super::*;

#[test]
fn a_question_is_the_end_in_every_script() {
    let of = |tag: &str| Language::of_tag(tag);
    for (text, tag) in [
        ("It runs. Shall it?", "en"),
        ("It runs. Shall it?! 🙂", "en"),
        ("(Shall it?)", "en"),
        ("¿Sigue? No: sigue, ¿verdad?".strip_prefix("¿Sigue? ").unwrap(), "es"),
        ("هل يناسبك هذا؟", "ar"),
        ("今日はどうですか？", "ja"),
        ("今日はどうですか。", "ja"),
        ("คุณวิ่งที่ไหน", "th"),
        ("Τι τρώτε;", "el"),
        ("Es läuft; soll es das?", "de"),
    ] {
        assert!(has_its_questions(text, Questions::One, of(tag)), "{text}");
    }
    for (text, tag) in [
        ("It runs.", "en"),
        ("Shall it? Yes.", "en"),
        ("Shall it? Or not?", "en"),
        ("It runs; shall it", "en"),
        ("今日は？明日は？", "ja"),
        ("Τρέχουμε.", "el"),
        ("Τι τρώτε; Πού;", "el"),
        ("", "en"),
    ] {
        assert!(!has_its_questions(text, Questions::One, of(tag)), "{text}");
    }
    for (text, fits) in [("It runs.", true), ("Shall it?", true), ("Shall it? Yes.", false), ("Yes? No?", false)] {
        assert_eq!(has_its_questions(text, Questions::AtMostOne, of("en")), fits, "{text}");
    }
    assert!(has_its_questions("Yes? No? Both.", Questions::Any, None));
}

#[test]
fn a_message_begins_with_its_opener_whatever_the_blanks() {
    let problems = |opener: &str, message: &str| {
        let mut problems = vec![];
        check_opener(opener, message, &mut problems);
        problems.len()
    };
    assert_eq!(problems("It runs  still.", "It runs still.\nShall it?"), 0);
    assert_eq!(problems("It runs still.", "It still runs. Shall it?"), 1);
}

#[test]
fn every_correction_is_a_sentence_without_anything_of_the_answer() {
    for rule in [MessageRule::TooLong, MessageRule::CriteriaDisclosed, MessageRule::GlossMissing] {
        let correction = MessageProblem::new("follow_up", rule).correction();
        assert!(correction.starts_with("follow_up ") && correction.len() > 20, "{correction}");
    }
}
