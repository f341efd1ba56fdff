//! The mail that asks somebody to join. An account's name is text of a stranger's to whoever is invited: here it can be neither a link
//! nor more of the mail.

use crate::shared::mail::Mail;

/// Longer names are cut.
const NAME_CHARS_MAX: usize = 60;

/// The mail to this address, with the link that joins.
pub(super) fn invitation(to: &str, account_name: &str, link: &str) -> Mail {
    let name = shown(account_name);
    let (how, unless) = (
        "Sign in with this address, then follow the link within a week:",
        "If you did not expect this, ignore it: nothing happens until you join.",
    );
    Mail {
        to: to.to_owned(),
        subject: format!("You are invited to \u{201c}{name}\u{201d} on Oslira"),
        text: format!("You are invited to join \u{201c}{name}\u{201d} on Oslira.\n\n{how}\n{link}\n\n{unless}\n"),
        html: format!(
            "<p>You are invited to join \u{201c}{name}\u{201d} on Oslira.</p>\
             <p>{how}<br><a href=\"{link}\">{link}</a></p><p>{unless}</p>",
        ),
    }
}

/// The words of a name: letters, digits and a few marks that make neither an address nor a header nor markup of them.
fn shown(name: &str) -> String {
    // Everything else parts words: so `evil.example` becomes two, and a line break a space.
    let is_shown = |c: char| c.is_alphanumeric() || "'-+,".contains(c);
    let words: Vec<&str> = name.split(|c| !is_shown(c)).filter(|word| !word.is_empty()).collect();
    let words = words.join(" ");
    if words.is_empty() {
        return "an account".to_owned();
    }
    match words.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default().trim_end()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://app.example/invitations#token=3f";

    #[test]
    fn a_name_is_shown_as_its_words() {
        for (name, words) in [
            ("Fuel & Co", "Fuel Co"),
            ("O'Neil-Hart, 2nd", "O'Neil-Hart, 2nd"),
            ("  Löwen\u{a0}Küche  ", "Löwen Küche"),
            ("株式会社オスリラ", "株式会社オスリラ"),
            ("", "an account"),
            ("...", "an account"),
        ] {
            assert_eq!(shown(name), words, "{name:?}");
        }
    }

    #[test]
    fn no_name_makes_a_link_a_header_or_markup() {
        let names = [
            "https://evil.example/login",
            "evil.example",
            "evil\u{ff0e}example\u{3002}com",
            "mailto:ann@evil.example",
            "Fuel\r\nBcc: all@evil.example",
            "Fuel\n\nYour account is locked: go to evil.example",
            "<a href=\"https://evil.example\">Fuel</a>",
            "Fuel\u{202e}moc.live\u{200b}//:sptth",
            "[Fuel](//evil.example)",
            "%0d%0aBcc:x",
        ];
        for name in names {
            let mail = invitation("ann@fuel.example", name, LINK);
            assert!(!mail.subject.chars().any(|c| c.is_control() || ".:/@<>\\".contains(c)), "{}", mail.subject);
            let first = mail.text.lines().next().unwrap();
            assert!(first.ends_with(" on Oslira.") && first.matches('.').count() == 1, "{first}");
            assert!(!first.contains([':', '/', '@', '<', '\u{200b}', '\u{202e}']), "{first}");
            assert_eq!(mail.text.lines().count(), 6, "{}", mail.text);
            assert_eq!((mail.text.matches(LINK).count(), mail.text.matches("://").count()), (1, 1));
            assert_eq!((mail.html.matches(LINK).count(), mail.html.matches("<a ").count()), (2, 1));
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = shown(&"ä".repeat(120));
        assert_eq!(name.chars().count(), NAME_CHARS_MAX + 1);
        assert!(name.ends_with('…'));
        assert_eq!(shown(&"ä".repeat(NAME_CHARS_MAX)).chars().count(), NAME_CHARS_MAX);
    }
}
