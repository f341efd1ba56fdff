//! Whether what is to be sent keeps the rules.

use super::*;

/// Fields of a message with their texts, and the rules that it breaks with them.
type Case<'a> = (Vec<(&'a str, Value)>, Vec<(&'a str, MessageRule)>);

/// The rules that the example of a message breaks with these fields.
fn broken(changes: &[(&str, Value)]) -> Vec<(String, MessageRule)> {
    let mut answer = examples::text(CallKind::Outreach);
    answer["language"] = "de".into();
    answer["opener"] = "Drei Brände, und das Blau läuft immer noch.".into();
    answer["message"] = "Drei Brände, und das Blau läuft immer noch. Soll die Kante scharf werden?".into();
    answer["follow_up"] = "Noch ein Gedanke zu den Märkten am Wochenende.".into();
    answer["gloss"] = "Three firings, and the blue still runs. Should the edge be sharp?".into();
    for (field, value) in changes {
        answer[*field] = value.clone();
    }
    let read = read(CallKind::Outreach, &answer).unwrap();
    read.problems.into_iter().map(|problem| (problem.field, problem.rule)).collect()
}

#[test]
fn a_message_that_breaks_a_rule_says_which() {
    use MessageRule::*;
    let long =
        |chars: usize| "Der Ofen ist heiß und die Glasur läuft. ".chars().cycle().take(chars).collect::<String>();
    let text = |opener: &str, rest: &str| {
        vec![("opener", Value::from(opener)), ("message", Value::from(format!("{opener} {rest}")))]
    };
    let cases: Vec<Case<'_>> = vec![
        (vec![], vec![]),
        (vec![("follow_up", format!("{}.", long(299)).into())], vec![]),
        (
            vec![("message", "Das Blau läuft. Soll die Kante scharf werden?".into())],
            vec![("message", BeginsWithOpener)],
        ),
        (
            text("Drei Brände, und das Blau läuft.", "Ist die Kante scharf? Oder nicht?"),
            vec![("message", OneQuestionAtTheEnd)],
        ),
        (
            text("Drei Brände, und das Blau läuft.", "Soll sie scharf werden? Danke."),
            vec![("message", OneQuestionAtTheEnd)],
        ),
        (
            text("Drei Brände, und das Blau läuft.", "Die Kante wird nicht scharf."),
            vec![("message", OneQuestionAtTheEnd)],
        ),
        (text(&format!("{}.", long(130)), "Soll die Kante scharf werden?"), vec![("opener", TooLong)]),
        (text("Drei Brände, und das Blau läuft.", &format!("{}?", long(600))), vec![("message", TooLong)]),
        (vec![("follow_up", long(301).into())], vec![("follow_up", TooLong)]),
        (vec![("follow_up", "Wie läuft das Blau? Und der Ofen?".into())], vec![("follow_up", OneQuestionAtTheEnd)]),
        (vec![("follow_up", "Alles dazu auf potter.com, wenn es passt.".into())], vec![("follow_up", ContactRemoved)]),
        (vec![("follow_up", "Noch etwas: „Geld ist da“, so heißt es.".into())], vec![("follow_up", QuoteUnverified)]),
        (
            vec![("follow_up", "Noch etwas zur Engagement Rate auf der Seite.".into())],
            vec![("follow_up", CriteriaDisclosed)],
        ),
        (vec![("language", "deutsch".into())], vec![("language", LanguageTag)]),
        // In the language of the others, which are right, but itself in another one.
        (
            vec![(
                "follow_up",
                "One more thought about the markets on weekends: two mugs of yours beside each other.".into(),
            )],
            vec![("follow_up", LanguageOfCaptions)],
        ),
        (
            vec![(
                "gloss",
                "Drei Brände, und das Blau läuft immer noch davon. Soll die Kante wirklich scharf werden?".into(),
            )],
            vec![("gloss", GlossMissing)],
        ),
        (
            vec![(
                "gloss",
                "Three firings, and the blue still runs on every plate. Should the edge be sharp or soft?".into(),
            )],
            vec![],
        ),
        // Too short to say which language it is in.
        (vec![("gloss", "Wie läuft das Blau?".into())], vec![]),
        (vec![("gloss", Value::Null)], vec![("gloss", GlossMissing)]),
        (vec![("gloss", "Our target audience is potters.".into())], vec![("gloss", CriteriaDisclosed)]),
    ];
    for (changes, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(|(field, rule)| (field.to_owned(), rule)).collect();
        assert_eq!(broken(&changes), expected, "{changes:?}");
    }
}

#[test]
fn a_message_in_another_language_than_the_captions_is_a_problem() {
    let english = [
        ("language", Value::from("en")),
        ("opener", "Three firings, and the blue still runs.".into()),
        ("message", "Three firings, and the blue still runs. Should the edge be sharp or soft?".into()),
        ("follow_up", "One more thought about the markets on weekends.".into()),
    ];
    assert_eq!(broken(&english), [("language".to_owned(), MessageRule::LanguageOfCaptions)]);
    // The tag says German, and the texts are not.
    assert_eq!(broken(&english[1..]), [("message".to_owned(), MessageRule::LanguageOfCaptions)]);
}

#[test]
fn no_field_that_is_copied_into_a_message_leads_anywhere() {
    let aimed = "Offer it at https://evil.example/x or by +44 20 7946 0958, says @pay.desk";
    for (call, field) in
        [(CallKind::Outreach, "/hooks/0/insight"), (CallKind::Approach, "/angle"), (CallKind::Approach, "/offer")]
    {
        let mut wild = examples::text(call);
        *wild.pointer_mut(field).unwrap() = aimed.into();
        let reviewed = read(call, &wild).unwrap();
        assert!(reviewed.problems.iter().any(|problem| problem.rule == MessageRule::ContactRemoved));
        let read = serde_json::to_value(reviewed.judgement).unwrap();
        let kept = read[call.as_str()].pointer(field).unwrap().as_str().unwrap();
        assert_eq!(kept, "Offer it at or by says", "{call:?}{field}");
    }
}

#[test]
fn what_a_business_never_says_is_not_said() {
    let (shown, recipient) = (potter(), "maren".parse().unwrap());
    let mut business = business();
    business.do_not_say = vec!["Cheap".to_owned(), "no  brainer".to_owned()];
    let review = Review { shown: &shown, business: &business, recipient: &recipient };
    let rules = |opener: &str| {
        let mut answer = examples::text(CallKind::Light);
        answer["outreach_opener"] = opener.into();
        let problems = review.read(CallKind::Light, &answer.to_string()).unwrap().problems;
        problems.into_iter().filter(|problem| problem.rule == MessageRule::ForbiddenPhrase).count()
    };
    assert_eq!((rules("It is cheap."), rules("A NO brainer!"), rules("A cheapskate, no brain.")), (1, 1, 0));
    assert_eq!(rules("A no-brainer!"), 1, "it sounds the same");
}

#[test]
fn advice_neither_says_what_must_not_be_said_nor_is_kept_from_its_subject() {
    let (shown, recipient) = (potter(), "maren".parse().unwrap());
    let mut business = business();
    business.do_not_say = vec!["free trial".to_owned()];
    business.ideal_customer.content_themes = vec!["ceramics".to_owned()];
    let mut answer = examples::text(CallKind::Approach);
    answer["angle"] = "Ceramics come first, then \"Meal plans\". Why not?".into();
    answer["offer"] = "A free trial of a month.".into();
    let review = Review { shown: &shown, business: &business, recipient: &recipient };
    let problems = review.read(CallKind::Approach, &answer.to_string()).unwrap().problems;
    let problems: Vec<_> = problems.iter().map(|problem| (problem.field.as_str(), problem.rule)).collect();
    assert_eq!(problems, [("offer", MessageRule::ForbiddenPhrase)]);
}

#[test]
fn a_typed_heart_is_no_contact() {
    assert_eq!(broken(&[("follow_up", "Das Blau gefällt mir <3, auch ohne Rand.".into())]), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A message of ordinary words that keeps the rules has no problem; with a second question, an address, too many words or
    /// another beginning it always has that one.
    #[test]
    fn a_message_breaks_exactly_the_rule_that_is_broken(
        words in proptest::collection::vec("blau|ofen|kante|glasur|markt|regen|tasse|risse|und|noch", 3..14), harm in 0_usize..5,
    ) {
        let opener = format!("Drei Brände und {}.", words.join(" "));
        let opener: String = if opener.chars().count() <= 120 { opener } else { "Drei Brände und kein Ende.".to_owned() };
        let message = format!("{opener} Wir drucken für die Werkstatt. Soll die Kante scharf werden?");
        let (message, expected) = match harm {
            0 => (message, None),
            1 => (message.replace("Werkstatt.", "Werkstatt?"), Some(MessageRule::OneQuestionAtTheEnd)),
            2 => (message.replace("Werkstatt", "Werkstatt www.evil.example"), Some(MessageRule::ContactRemoved)),
            3 => (message.replace("Werkstatt", &"Werkstatt und ".repeat(60)), Some(MessageRule::TooLong)),
            _ => (message.replace("Drei Brände", "Vier Brände"), Some(MessageRule::BeginsWithOpener)),
        };
        let broken = broken(&[("opener", opener.into()), ("message", message.into())]);
        let expected: Vec<_> = expected.into_iter().map(|rule| ("message".to_owned(), rule)).collect();
        prop_assert_eq!(broken, expected);
    }
}
