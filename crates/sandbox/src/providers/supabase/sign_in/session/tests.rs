use super::*;

fn session() -> Session {
    Session { refreshed_at_ms: 0, ..Session::begin(Uuid::new_v4(), "password") }
}

#[test]
fn each_refresh_makes_another_token_and_only_its_session_signs_it() {
    let mut first = session();
    let token = first.refresh_token();
    let parsed = RefreshToken::parse(&token).unwrap();
    assert!(parsed.is_of(&first) && !parsed.is_of(&Session { id: first.id, ..session() }));
    assert_eq!((parsed.session, parsed.counter), (first.id, 0));
    assert_eq!(first.refresh(0, 1), Use::Rotated);
    assert_ne!(first.refresh_token(), token);
    assert_eq!(RefreshToken::parse(&first.refresh_token()).unwrap().counter, 1);
}

#[test]
fn the_token_before_the_newest_is_always_answered_with_the_newest() {
    let mut session = session();
    session.refresh(0, 0);
    let newest = session.refresh_token();
    assert_eq!(session.refresh(0, 10 * REUSE_MS), Use::Repeated);
    assert_eq!(session.refresh_token(), newest);
}

#[test]
fn an_earlier_token_is_so_for_ten_seconds_and_then_stolen() {
    let mut session = session();
    for counter in 0..3 {
        assert_eq!(session.refresh(counter, 0), Use::Rotated);
    }
    let newest = session.refresh_token();
    assert_eq!(session.refresh(0, REUSE_MS - 1), Use::Repeated);
    assert_eq!(session.refresh_token(), newest);
    assert_eq!(session.refresh(1, 2 * REUSE_MS - 1), Use::Stolen);
    assert_eq!(session.refresh(4, 0), Use::Unknown);
}

#[test]
fn what_is_no_token_is_not_read() {
    let token = Session { counter: 300, ..session() }.refresh_token();
    assert_eq!(RefreshToken::parse(&token).unwrap().counter, 300);
    let mut changed = URL_SAFE_NO_PAD.decode(&token).unwrap();
    changed[3] ^= 1;
    for text in [String::new(), "x".repeat(12), token[1..].to_owned(), URL_SAFE_NO_PAD.encode(changed)] {
        assert_eq!(RefreshToken::parse(&text), None, "{text}");
    }
}

#[test]
fn counters_of_any_size_are_written_and_read() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 8] {
        assert_eq!(read_varint(&varint(number)), Some(number));
    }
    assert_eq!(read_varint(&[0x80]), None);
    assert_eq!(read_varint(&[]), None);
}
