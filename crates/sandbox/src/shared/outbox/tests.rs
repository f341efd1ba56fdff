use super::*;

fn outbox(name: &str) -> (std::path::PathBuf, Outbox) {
    let directory = std::env::temp_dir().join(format!("oslira-sandbox-outbox-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let outbox = Outbox::open(&directory).unwrap();
    (directory, outbox)
}

fn mail(id: &str, to: &str) -> Mail {
    Mail {
        id: id.to_owned(),
        from: "Oslira <hello@oslira.test>".to_owned(),
        to: vec![to.to_owned()],
        cc: vec![],
        bcc: vec![],
        reply_to: vec![],
        subject: "Hello".to_owned(),
        text: Some("Hello".to_owned()),
        html: None,
        headers: BTreeMap::new(),
        tags: vec![],
        sent_at_ms: 0,
        sent_by: Sender::Resend,
        once: None,
    }
}

fn ids(mails: &[Value]) -> Vec<&str> {
    mails.iter().map(|mail| mail["id"].as_str().unwrap()).collect()
}

#[test]
fn the_newest_come_first_and_an_address_finds_its_own() {
    let (_, outbox) = outbox("list");
    for (id, to) in [("1", "ann@example.com"), ("2", "Bob <bob@example.com>"), ("3", "Ann <ANN@example.com>")] {
        outbox.send(mail(id, to));
    }
    assert_eq!(ids(&outbox.list(None, 10)), ["3", "2", "1"]);
    assert_eq!(ids(&outbox.list(None, 2)), ["3", "2"]);
    assert_eq!(ids(&outbox.list(Some("Ann@example.com"), 10)), ["3", "1"]);
    assert!(outbox.list(Some("example.com"), 10).is_empty());
}

#[test]
fn a_restart_keeps_mails_and_what_was_cleared_stays_known_but_unseen() {
    let (directory, first) = outbox("kept");
    first.send(mail("1", "ann@example.com"));
    assert_eq!((first.clear(), first.clear()), (1, 0));
    first.send(mail("2", "ann@example.com"));
    drop(first);
    let second = Outbox::open(&directory).unwrap();
    assert_eq!(ids(&second.list(None, 10)), ["2"]);
    assert!(second.find(|mail| mail.id == "1").is_some());
}

#[test]
fn the_oldest_are_forgotten_beyond_the_limits() {
    let (_, outbox) = outbox("limits");
    for number in 0..=MAILS_MAX {
        outbox.send(mail(&number.to_string(), "ann@example.com"));
    }
    assert_eq!(outbox.list(None, usize::MAX).len(), MAILS_MAX);
    assert!(outbox.find(|mail| mail.id == "0").is_none());
    let huge = Mail { text: Some("x".repeat(BODY_BYTES_MAX)), ..mail("huge", "ann@example.com") };
    let (mut kept, mut body_bytes) = (VecDeque::new(), 0);
    push(&mut kept, &mut body_bytes, Kept { mail: mail("small", "ann@example.com"), is_shown: true });
    push(&mut kept, &mut body_bytes, Kept { mail: huge, is_shown: true });
    assert_eq!((kept.len(), body_bytes), (1, BODY_BYTES_MAX));
}
