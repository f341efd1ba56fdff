//! A run's events as they happen: every change once and in order, again from any number, to the run's account only.

use std::time::Duration;

use futures_util::future::join_all;
use oslira_e2e::{Answer, Block, EventStream, Heard, Socket, Stack, User, eventually_within, handle};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// Numbers that rise by one, percentages that never fall, one end, and it is the last.
fn assert_whole(events: &[Value], end: &str) {
    let seqs = numbers(events);
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<u64>>(), "{events:#?}");
    let percents: Vec<u64> = events.iter().map(|event| event["percent"].as_u64().unwrap()).collect();
    assert!(percents.is_sorted() && percents.first() == Some(&0) && percents.last() == Some(&100), "{percents:?}");
    let statuses: Vec<&str> = events.iter().map(|event| event["status"].as_str().unwrap()).collect();
    let (last, before) = statuses.split_last().unwrap();
    assert_eq!(*last, end, "{statuses:?}");
    assert!(before.iter().all(|status| ["pending", "processing"].contains(status)), "{statuses:?}");
    for event in events {
        assert!(
            event["message"].as_str().unwrap().len() > 5 && event["at"].as_str().unwrap().ends_with('Z'),
            "{event}"
        );
    }
}

async fn refused(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_stream_tells_every_step_of_a_run_and_ends_with_it() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.start(&handle("coffee")).await;
    let mut stream = EventStream::open(user.watch(&run, "").header("x-request-id", "find-me")).await;
    assert_eq!(stream.header("x-request-id"), Some("find-me"));
    assert_eq!(stream.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(stream.block().await, Some(Block::Retry), "a browser learns how long to wait");
    let events = stream.rest().await;
    assert_whole(&events, "complete");
    assert!(events.len() >= 4, "{events:#?}");

    let polled = user.get(&format!("/runs/{run}/progress")).await;
    let last = events.last().unwrap();
    let seen = json!({
        "status": last["status"], "percent": last["percent"], "message": last["message"], "seq": last["seq"],
    });
    assert_eq!(polled.data(200), &seen, "polling tells the same");
}

#[tokio::test]
async fn who_comes_back_gets_exactly_what_was_missed() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("gaming");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    let mut stream = EventStream::open(user.watch(&run, "")).await;
    let seen = stream.until("analyzing").await;
    drop(stream);

    let last = numbers(&seen).last().copied().unwrap();
    // A browser repeats its first address; the header is newer.
    let again = user.watch(&run, "?after=1").header("last-event-id", last.to_string());
    let mut stream = EventStream::open(again).await;
    stack.release(held).await;
    let missed = stream.rest().await;
    assert_whole(&[seen.clone(), missed.clone()].concat(), "complete");

    for after in 0..=last {
        let replayed = EventStream::open(user.watch(&run, &format!("?after={after}"))).await.rest().await;
        let all = [seen.clone(), missed.clone()].concat();
        assert_eq!(replayed, all.into_iter().skip(after as usize).collect::<Vec<_>>(), "after {after}");
    }
}

#[tokio::test]
async fn a_websocket_tells_the_same_and_closes_with_the_run() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("food");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    let path = format!("/runs/{run}/events");
    let mut first = Socket::connect(&stack, &path, Some(&user.token)).await.unwrap();
    let seen = first.until("analyzing").await;
    first.send("ping").await;
    assert_eq!(first.hear().await, Heard::Text("pong".to_owned()));
    first.send("tell me more").await;
    assert_eq!(first.hear().await, Heard::Closed(1008), "nothing else is taken");

    let after = numbers(&seen).last().copied().unwrap();
    let mut second = Socket::connect(&stack, &format!("{path}?after={after}"), Some(&user.token)).await.unwrap();
    stack.release(held).await;
    let (missed, code) = second.rest().await;
    assert_eq!(code, 1000);
    assert_whole(&[seen.clone(), missed.clone()].concat(), "complete");
    assert_eq!(
        EventStream::open(user.watch(&run, "")).await.rest().await,
        [seen, missed].concat(),
        "a stream tells it too"
    );
}

#[tokio::test]
async fn a_run_that_has_ended_answers_at_once() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("private")).await;
    let run = run["id"].as_str().unwrap();
    let events = EventStream::open(user.watch(run, "")).await.rest().await;
    assert_whole(&events, "failed");

    let last = numbers(&events).last().copied().unwrap();
    let seen_all = user.watch(run, "").header("last-event-id", last.to_string()).send().await.unwrap();
    assert_eq!(seen_all.status(), 204, "a browser is told not to connect again");
    let path = format!("/runs/{run}/events?after={last}");
    let mut socket = Socket::connect(&stack, &path, Some(&user.token)).await.unwrap();
    assert_eq!(socket.rest().await, (vec![], 1000));
}

#[tokio::test]
async fn a_run_whose_object_is_gone_answers_from_its_row() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    // Its object was never made.
    let run = user.charged_but_not_started(&handle("music"), 0).await;
    assert_eq!(user.post(&format!("/runs/{run}/cancel")).await.status, 200);
    let events = EventStream::open(user.watch(&run, "?after=3")).await.rest().await;
    assert_eq!((events.len(), &events[0]["status"]), (1, &json!("cancelled")), "{events:#?}");
    let seq = &events[0]["seq"];
    assert!(seq.as_u64().unwrap() > 3, "numbers do not fall");
    let again = user.watch(&run, "").header("last-event-id", seq.to_string());
    assert_eq!(again.send().await.unwrap().status(), 204);
    let page = stack.watch(&run, &user.ticket(&run).await);
    assert_eq!(EventStream::open(page).await.rest().await.len(), 1);
}

#[tokio::test]
async fn a_run_whose_object_was_never_made_is_followed_all_the_same() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.charged_but_not_started(&handle("music"), 0).await;
    let mut stream = EventStream::open(user.watch(&run, "")).await;
    assert_eq!(stream.event().await.unwrap()["status"], "pending");
    assert_eq!(user.post(&format!("/runs/{run}/cancel")).await.status, 200);
    let rest = stream.rest().await;
    assert_eq!((rest.len(), &rest[0]["status"], &rest[0]["seq"]), (1, &json!("cancelled"), &json!(2)), "{rest:#?}");
}

#[tokio::test]
async fn a_ticket_opens_one_connection_of_its_run() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    let other = user.analysed(&handle("private")).await;
    let other = other["id"].as_str().unwrap();

    let once = user.ticket(&run).await;
    refused(stack.watch(other, &once)).await.refused(401, "ticket_refused");
    refused(stack.http().get(format!("{}/runs/{run}/events?ticket={once}", stack.api_url)))
        .await
        .refused(406, "transport_required");
    let mut opened = EventStream::open(stack.watch(&run, &once)).await;
    refused(stack.watch(&run, &once)).await.refused(401, "ticket_refused");
    for made_up in [once.replace(once.get(..4).unwrap(), "0000"), "x".to_owned(), String::new()] {
        refused(stack.watch(&run, &made_up)).await.refused(401, "ticket_refused");
    }

    let raced = user.ticket(&run).await;
    let race = (0..8).map(|_| stack.watch(&run, &raced).send());
    let statuses = join_all(race).await.into_iter().map(|response| response.unwrap().status().as_u16());
    let won = statuses.filter(|status| *status == 200).count();
    assert_eq!(won, 1, "of many at once, one gets in");

    let socket = user.ticket(&run).await;
    let path = format!("/runs/{run}/events?ticket={socket}");
    let mut opened_socket = Socket::connect(&stack, &path, None).await.unwrap();
    assert_eq!(Socket::connect(&stack, &path, None).await.err(), Some(401));
    stack.release(held).await;
    assert_whole(&opened.rest().await, "complete");
    assert_whole(&opened_socket.rest().await.0, "complete");

    let log = stack.worker_log();
    for secret in [&once, &raced, &socket, &user.token] {
        assert!(!log.contains(secret.rsplit('.').next().unwrap()), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_run_of_another_account_does_not_exist() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let run = owner.analysed(&handle("private")).await;
    let run = run["id"].as_str().unwrap();
    refused(stranger.watch(run, "")).await.refused(404, "run_not_found");
    stranger.post(&format!("/runs/{run}/events/ticket")).await.refused(404, "run_not_found");
    let path = format!("/runs/{run}/events");
    assert_eq!(Socket::connect(&stack, &path, Some(&stranger.token)).await.err(), Some(404));
    assert_eq!(Socket::connect(&stack, &path, None).await.err(), Some(401));
    owner.get(&path).await.refused(406, "transport_required");
    refused(owner.watch(run, "?after=last")).await.refused(400, "invalid_after");
}

#[tokio::test]
async fn a_run_has_room_for_so_many_and_again_when_they_leave() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    // Nothing happens to this run, because no job finds it silent.
    let run = user.charged_but_not_started(&handle("gaming"), -30).await;
    let path = format!("/runs/{run}/events");
    let mut socket = Socket::connect(&stack, &path, Some(&user.token)).await.unwrap();
    let streams = join_all((0..63).map(|_| EventStream::open(user.watch(&run, "")))).await;
    let full = refused(user.watch(&run, "")).await;
    assert_eq!(full.refused(429, "too_many_watchers"), &json!({ "limit": 64 }));
    assert!(full.header("retry-after").is_some());
    assert_eq!(Socket::connect(&stack, &path, Some(&user.token)).await.err(), Some(429));
    drop(streams);

    let mut stream = eventually_within(Duration::from_secs(150), "room", async || {
        let response = user.watch(&run, "").send().await.unwrap();
        (response.status() == 200).then_some(response)
    })
    .await;
    // The next thing to be told is that the stream is still there.
    let mut text = String::new();
    while !text.contains("\n: ") {
        text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(user.post(&format!("/runs/{run}/cancel")).await.status, 200);
    assert_whole(&socket.rest().await.0, "cancelled");
}

#[tokio::test]
async fn an_account_has_room_for_so_many_with_all_of_its_runs() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    // Nothing happens to these runs, because no job finds them silent.
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(user.charged_but_not_started(&handle("gaming"), -30).await);
    }
    let streams = join_all((0..64).map(|_| EventStream::open(user.watch(&runs[0], "")))).await;
    let path = format!("/runs/{}/events", runs[1]);
    let sockets = join_all((0..64).map(|_| Socket::connect(&stack, &path, Some(&user.token)))).await;
    let sockets: Vec<Socket> = sockets.into_iter().map(Result::unwrap).collect();
    let full = user.finds_too_many_streams(&runs[2]).await;
    assert_eq!(full.header("retry-after"), Some("60"));
    // It is the account that has too many.
    let theirs = other.charged_but_not_started(&handle("gaming"), -30).await;
    drop(EventStream::open(other.watch(&theirs, "")).await);

    // Meanwhile the object of the sockets may fall asleep and wake up: they count all the same.
    drop(streams);
    let mut again = Vec::new();
    eventually_within(Duration::from_secs(150), "the room of all streams", async || {
        let response = user.watch(&runs[2], "").send().await.unwrap();
        again.extend((response.status() == 200).then_some(response));
        (again.len() == 64).then_some(())
    })
    .await;
    user.finds_too_many_streams(&runs[0]).await;
    join_all(sockets.into_iter().map(Socket::close)).await;
    eventually_within(Duration::from_secs(60), "the room of a socket", async || {
        let response = user.watch(&runs[0], "").send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
    for run in &runs {
        assert_eq!(user.post(&format!("/runs/{run}/cancel")).await.status, 200);
    }
    assert_eq!(other.post(&format!("/runs/{theirs}/cancel")).await.status, 200);
}
