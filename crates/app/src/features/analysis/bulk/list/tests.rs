use proptest::prelude::*;

use super::*;
use crate::property::config;

fn used(text: &[u8]) -> LinesUsed {
    names_in_text(text).unwrap()
}

/// The names that are used, each with its line: `2 nasa`.
fn names(read: &LinesUsed) -> Vec<String> {
    read.names.iter().map(|entry| format!("{} {}", entry.line, entry.username)).collect()
}

/// The lines that are not: `3 duplicate of 2`.
fn unused(read: &LinesUsed) -> Vec<String> {
    let line = |unused: &UnusedLine| {
        let reason = serde_json::to_value(unused.reason).unwrap();
        let of = unused.first_line.map(|line| format!(" of {line}")).unwrap_or_default();
        format!("{} {}{of}", unused.line, reason.as_str().unwrap())
    };
    read.unused.iter().map(line).collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn lists_are_read_as_people_have_them() {
    let table: [(&str, &str, &[&str], &[&str]); 28] = [
        ("one name a line", "nasa\nesa\n", &["1 nasa", "2 esa"], &[]),
        ("no break at the end", "nasa\nesa", &["1 nasa", "2 esa"], &[]),
        ("breaks of Windows", "nasa\r\nesa\r\n", &["1 nasa", "2 esa"], &[]),
        ("breaks of old Macs", "nasa\resa\r", &["1 nasa", "2 esa"], &[]),
        ("a byte order mark", "\u{feff}nasa\nesa", &["1 nasa", "2 esa"], &[]),
        ("a mark before a header", "\u{feff}username\nnasa", &["2 nasa"], &["1 header"]),
        ("blank lines", "\nnasa\n\n   \nesa\n", &["2 nasa", "5 esa"], &["1 blank", "3 blank", "4 blank"]),
        ("a header in capitals", "User Name\nnasa", &["2 nasa"], &["1 header"]),
        ("commas", "id,username,city\n1,nasa,Houston\n2,esa,Paris", &["2 nasa", "3 esa"], &["1 header"]),
        ("semicolons and decimal commas", "Handle;Rate\nnasa;1,5\nesa;2,5", &["2 nasa", "3 esa"], &["1 header"]),
        ("tabs", "name\tusername\nNASA, Inc.\tnasa", &["2 nasa"], &["1 header"]),
        ("bars", "username|city\nnasa|Houston", &["2 nasa"], &["1 header"]),
        ("Excel names its delimiter", "sep=;\nusername;x\nnasa;1", &["3 nasa"], &["1 header", "2 header"]),
        ("quotes", "\"username\",\"bio\"\n\"nasa\",\"Space, and \"\"more\"\"\"", &["2 nasa"], &["1 header"]),
        ("a cell of two lines", "bio,username\n\"one\ntwo\",nasa\nx,esa", &["2 nasa", "4 esa"], &["1 header"]),
        ("a quote that stays open", "nasa\n\"esa\njaxa", &["1 nasa", "3 jaxa"], &["2 unclosed_quote"]),
        ("links", "https://www.instagram.com/nasa/?hl=en\ninstagram.com/esa", &["1 nasa", "2 esa"], &[]),
        (
            "a column of links",
            "Company,Instagram URL\nNASA,https://instagram.com/nasa\nX,https://x.com/esa",
            &["2 nasa"],
            &["1 header", "3 other_site"],
        ),
        ("at signs", "@nasa\n@ esa", &["1 nasa", "2 esa"], &[]),
        (
            "the same name in three spellings",
            "nasa\n@NASA\nhttps://instagram.com/Nasa/",
            &["1 nasa"],
            &["2 duplicate of 1", "3 duplicate of 1"],
        ),
        ("no header: links tell", "1,Houston,instagram.com/nasa\n2,Paris,instagram.com/esa", &["1 nasa", "2 esa"], &[]),
        ("names in one line", "nasa, esa, @jaxa", &["1 nasa", "1 esa", "1 jaxa"], &[]),
        ("blank lines around it", " \nnasa, esa, jaxa\n\n", &["2 nasa", "2 esa", "2 jaxa"], &["1 blank", "3 blank"]),
        ("kept as a text", "'nasa\n=\"esa\"", &["1 nasa", "2 esa"], &[]),
        ("an account that is named like a header", "@user\nnasa", &["1 user", "2 nasa"], &[]),
        ("an account that is named like a site", "instagram\nnasa", &["1 instagram", "2 nasa"], &[]),
        (
            "what is no name",
            "not a name\nnаsа\ninstagram.com/p/abc/\ninstagram.com/explore\nnasa",
            &["5 nasa"],
            &["1 not_a_username", "2 foreign_letters", "3 post_link", "4 page_link"],
        ),
        (
            "a row without its name",
            "username,city\n,Houston\nnasa,Paris\nesa",
            &["3 nasa", "4 esa"],
            &["1 header", "2 blank"],
        ),
    ];
    for (case, text, expected, left) in table {
        let read = used(text.as_bytes());
        assert_eq!(
            (names(&read), unused(&read)),
            (expected.iter().map(|s| (*s).to_owned()).collect(), left.iter().map(|s| (*s).to_owned()).collect()),
            "{case}"
        );
    }
}

#[test]
fn utf_16_is_read_with_and_without_its_mark() {
    let text = "username;city\r\nnasa;Zürich\r\nesa;Köln";
    for (case, bytes) in [
        ("little", [vec![0xff, 0xfe], utf16(text, u16::to_le_bytes)].concat()),
        ("big", [vec![0xfe, 0xff], utf16(text, u16::to_be_bytes)].concat()),
        ("little without a mark", utf16(text, u16::to_le_bytes)),
        ("big without a mark", utf16(text, u16::to_be_bytes)),
    ] {
        let read = used(&bytes);
        assert_eq!(
            (names(&read), unused(&read)),
            (vec!["2 nasa".into(), "3 esa".into()], vec!["1 header".into()]),
            "{case}"
        );
    }
}

#[test]
fn an_old_code_page_keeps_its_names() {
    assert_eq!(names(&used(b"username;city\nnasa;Z\xfcrich\nesa;K\xf6ln")), ["2 nasa", "3 esa"]);
}

#[test]
fn a_json_list_is_reported_by_places() {
    let list = ["nasa", "", "@NASA", "no name", "esa"].map(str::to_owned);
    let read = names_in_list(&list).unwrap();
    assert_eq!(names(&read), ["1 nasa", "5 esa"]);
    assert_eq!(unused(&read), ["2 blank", "3 duplicate of 1", "4 not_a_username"]);
}

#[test]
fn a_hundred_names_are_taken_and_the_rest_is_reported() {
    let text: String = (0..102).map(|number| format!("name_{number}\n")).collect();
    let read = used(text.as_bytes());
    assert_eq!(read.names.len(), NAMES_MAX);
    assert_eq!(unused(&read), ["101 over_limit", "102 over_limit"]);
}

#[test]
fn what_is_too_long_to_report_on_is_refused() {
    assert_eq!(names_in_text("\n".repeat(LINES_MAX).as_bytes()).unwrap().unused.len(), LINES_MAX);
    assert_eq!(names_in_text("\n".repeat(LINES_MAX + 1).as_bytes()), Err(InvalidList::TooManyLines));
    assert_eq!(names_in_list(&vec![String::new(); LINES_MAX + 1]), Err(InvalidList::TooManyLines));
}

#[test]
fn a_report_repeats_a_line_shortened_and_without_control_characters() {
    let read = used(format!("no name \u{7} {}", "x".repeat(500)).as_bytes());
    let shown = &read.unused.first().unwrap().text;
    assert_eq!(*shown, format!("no name  {}", "x".repeat(SHOWN_CHARS_MAX - 9)));
}

/// Bytes, and texts that are nearly a table.
fn file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        "([a-c@/. ]{0,4}[,;\t|\"\r\n]{0,2}){0,30}".prop_map(String::into_bytes),
        "(username[,;]city\n)?([\"']?[a-z]{1,3}[\"']?[,;][A-Z]{0,3}(\r\n|\n|\r)){0,20}".prop_map(String::into_bytes),
        "([\"a-c,\n]){0,60}".prop_map(|text| utf16(&text, u16::to_le_bytes)),
        "[ ,\n]{0,4}([a-c]{1,2}, ?){2,5}[a-c][ ,\n]{0,4}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_line_of_any_file_is_used_or_reported(file in file()) {
        let text = text::decoded(&file);
        let lines = rows::lines(&text);
        let read = used(&file);
        // A line that is within a quoted cell belongs to the row that the cell is in.
        let rows: Vec<u32> = rows::rows(&lines).iter().map(|row| row.line).collect();
        let mut told: Vec<u32> = read.names.iter().map(|entry| entry.line).chain(read.unused.iter().map(|line| line.line)).collect();
        told.sort_unstable();
        told.dedup();
        prop_assert_eq!(told, rows);
        let mut unique: Vec<_> = read.names.iter().map(|entry| &entry.username).collect();
        unique.sort_unstable_by_key(|name| name.as_str());
        unique.dedup();
        prop_assert_eq!(unique.len(), read.names.len(), "a name is bought twice");
    }

    #[test]
    fn every_place_of_any_list_is_used_or_reported_once(list in proptest::collection::vec("[a-c@ ]{0,3}|\\PC{0,40}", 0..150)) {
        let read = names_in_list(&list).unwrap();
        let mut told: Vec<u32> = read.names.iter().map(|entry| entry.line).chain(read.unused.iter().map(|line| line.line)).collect();
        told.sort_unstable();
        prop_assert_eq!(told, (1..=u32::try_from(list.len()).unwrap()).collect::<Vec<_>>());
    }
}

#[test]
fn a_list_that_was_made_to_cost_time_is_read_like_any_other() {
    // Quadratic in both: marks behind many blanks, read again for each line before; commas without end.
    let marks = format!("sep=,\n{}a\",{}a{},\"", "a\",\"\n".repeat(49), " ".repeat(32_000), "\"".repeat(32_000));
    let commas = format!("{}\n{}", ",".repeat(60_000), "a\n".repeat(1_900));
    for text in [marks, commas] {
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(names_in_text(text.as_bytes()).is_ok()));
        // It takes 20 ms here, and took 112 s when each mark looked through its cell: no measurement, but a hang that shows.
        assert!(wait.recv_timeout(std::time::Duration::from_secs(60)).is_ok(), "it takes quadratic time");
    }
}
