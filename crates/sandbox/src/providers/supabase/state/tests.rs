use super::*;

#[test]
fn what_was_kept_outlives_a_restart_and_what_has_ended_stays_so() {
    let directory = std::env::temp_dir().join(format!("oslira-sandbox-auth-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let (kept, ended) = (Session::begin(Uuid::new_v4(), "password"), Session::begin(Uuid::new_v4(), "otp"));
    let state = State::open(&directory).unwrap();
    state.transact(|book| {
        book.put(Entry::Account(Account::of(kept.user_id)));
        book.put(Entry::Session(kept.clone()));
        book.put(Entry::Session(ended.clone()));
    });
    state.transact(|book| book.end_sessions(ended.user_id, |_| true));
    drop(state);
    State::open(&directory).unwrap().read(|book| {
        assert!(book.sessions.get(kept.id).is_some() && book.sessions.get(ended.id).is_none());
        assert_eq!((book.sessions.all().count(), book.accounts.all().count()), (1, 1));
    });
}

#[test]
fn the_oldest_entries_are_forgotten_beyond_the_limit() {
    let mut shelf = Shelf::default();
    let first = Uuid::new_v4();
    shelf.put(first, 0);
    (1..=OF_A_KIND_MAX).for_each(|number| shelf.put(Uuid::new_v4(), number));
    assert!(shelf.get(first).is_none());
    assert_eq!((shelf.all().count(), shelf.entries.len()), (OF_A_KIND_MAX, OF_A_KIND_MAX));
}
