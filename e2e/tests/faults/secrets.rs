//! Keys that are rotated at AWS and at their providers while they are in use, and an AWS that is away.

use std::time::Duration;

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{alone, assert_complete};

/// What needs a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Run,
    /// A run whose first model refuses every question.
    RunOfTheOtherProvider,
    Checkout,
    Mail,
}

/// A key that is sent in a header.
struct Key {
    setting: &'static str,
    first: &'static str,
    work: Work,
    /// The calls that carry it.
    targets: &'static [&'static str],
}

const fn key(setting: &'static str, first: &'static str, work: Work, targets: &'static [&'static str]) -> Key {
    Key { setting, first, work, targets }
}

const KEYS: [Key; 6] = [
    key("APIFY_TOKEN", "sandbox-apify-token", Work::Run, &["apify.poll", "apify.items", "apify.start"]),
    key("AI_GATEWAY_TOKEN", "sandbox-gateway-token", Work::Run, &["gateway"]),
    key("OPENAI_API_KEY", "sandbox-openai-key", Work::Run, &["openai.chat"]),
    key("ANTHROPIC_API_KEY", "sandbox-anthropic-key", Work::RunOfTheOtherProvider, &["anthropic.messages"]),
    key("STRIPE_SECRET_KEY", "sandbox-stripe-key", Work::Checkout, &["stripe.customers", "stripe.checkout"]),
    key("RESEND_API_KEY", "sandbox-resend-key", Work::Mail, &["resend.emails"]),
];

/// After a refusal the Worker reads its secrets anew, but not again within two seconds.
const BETWEEN_READINGS: Duration = Duration::from_millis(2_500);
/// On a fast stack the Worker uses secrets for ten seconds.
const LIFETIME: Duration = Duration::from_secs(11);

impl Key {
    fn next(&self) -> String {
        format!("{}-next", self.first)
    }

    /// Puts the next key in the first one's place, at AWS and at its provider.
    async fn rotate(&self, stack: &Stack) {
        stack.rotate_secrets(json!({ self.setting: self.next() })).await;
        stack.accept_keys(self.first, &[&self.next()]).await;
    }

    /// How many of its calls that contain this text were refused and answered so far.
    async fn answers(&self, stack: &Stack, matching: &str) -> (usize, usize) {
        let mut counts = (0, 0);
        for target in self.targets {
            for call in stack.received(target, matching).await {
                counts.0 += usize::from(call["status"] == 401);
                counts.1 += usize::from(call["status"].as_u64().is_some_and(|status| status < 300));
            }
        }
        counts
    }
}

/// Has the key taken away while it is in use, and what it is needed for go on. Answers how often the key was refused, and another one
/// answered.
async fn rotated_in_use(stack: &Stack, key: &Key) -> (usize, usize) {
    let user = User::new(stack, 5).await;
    let username = handle("coffee");
    let matching = match key.work {
        Work::Run | Work::RunOfTheOtherProvider => username.as_str(),
        Work::Checkout | Work::Mail => "",
    };
    let before = key.answers(stack, matching).await;
    match key.work {
        Work::Run | Work::RunOfTheOtherProvider => rotated_in_mid_run(stack, &user, key, &username).await,
        Work::Checkout => {
            key.rotate(stack).await;
            let pack = json!({
                "pack": "pack_20", "success_url": "https://app.test/thanks", "cancel_url": "https://app.test/credits",
            });
            let request = user.request(Method::POST, "/billing/checkout").json(&pack);
            Answer::read(request.send().await.unwrap()).await.data(201);
        }
        Work::Mail => {
            key.rotate(stack).await;
            let invitation = json!({ "email": format!("{}@example.com", handle("ann")), "role": "viewer" });
            let invited = user.ask(user.account_id, Method::POST, "/invitations", &invitation).await;
            assert_eq!(invited.data(201)["is_mailed"], true, "{}", key.setting);
        }
    }
    let after = key.answers(stack, matching).await;
    (after.0 - before.0, after.1 - before.1)
}

/// The key is taken away while the actor of a run goes on.
async fn rotated_in_mid_run(stack: &Stack, user: &User, key: &Key, username: &str) {
    let falls_over = key.work == Work::RunOfTheOtherProvider;
    let out = match falls_over {
        true => Some(stack.plant("openai.chat", "status", username, json!({ "status": 400 })).await),
        false => None,
    };
    let held = stack.hold("apify.run", username).await;
    let run = user.start_order(&user.analysis_as(username, "DEEP")).await;
    stack.until_received("apify.start", username).await;
    key.rotate(stack).await;
    stack.release(held).await;
    let run = user.end_of(&run).await;
    assert_complete(user, key.setting, &run).await;
    for call in user.cost_of(&run).await["calls"].as_array().unwrap() {
        assert_eq!(call["fell_back"], falls_over, "{}: {call}", key.setting);
    }
    if let Some(out) = out {
        stack.release(out).await;
    }
    user.settles_at(0).await;
}

/// The first keys again, and a Worker that has learnt of it, so that the tests after this one see no refusal.
async fn restore(stack: &Stack, user: &User) {
    stack.restore_secrets().await;
    tokio::time::sleep(BETWEEN_READINGS).await;
    stack.close_breaker().await;
    let run = user.analysed_as(&handle("coffee"), "LIGHT").await;
    assert_complete(user, "the first keys again", &run).await;
}

#[tokio::test]
async fn what_needs_a_key_goes_on_when_the_one_that_it_began_with_is_taken_away() {
    let (_turn, stack) = alone().await;
    // One after the other, so that each key is refused: whatever is read anew is read for all of them. Unless the secrets were about
    // to be read anyway, which happens every eight seconds here.
    let mut keys_refused = 0;
    for key in KEYS {
        tokio::time::sleep(BETWEEN_READINGS).await;
        let (refused, answered) = rotated_in_use(&stack, &key).await;
        assert!(answered > 0, "{}: {refused} refused, {answered} answered", key.setting);
        keys_refused += usize::from(refused > 0);
    }
    assert!(keys_refused >= 3, "of {} keys only {keys_refused} were in use when they were taken away", KEYS.len());
    restore(&stack, &User::new(&stack, 1).await).await;
}

#[tokio::test]
async fn runs_go_on_with_the_last_good_secrets_while_aws_does_not_answer() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 4).await;
    tokio::time::sleep(BETWEEN_READINGS).await;
    // The first keys are the Worker's own spares: from here on those help nobody.
    for key in KEYS {
        key.rotate(&stack).await;
    }
    let run = user.analysed_as(&handle("coffee"), "LIGHT").await;
    assert_complete(&user, "with the next keys", &run).await;

    let away = stack.plant("secrets.get", "status", "", json!({ "status": 503 })).await;
    tokio::time::sleep(LIFETIME).await;
    let username = handle("coffee");
    let run = user.analysed_as(&username, "LIGHT").await;
    assert_complete(&user, "with old values while AWS is away", &run).await;
    for key in KEYS.iter().filter(|key| key.work == Work::Run) {
        let (refused, answered) = key.answers(&stack, &username).await;
        assert!(refused == 0 && answered > 0, "{}: {refused} refused, {answered} answered", key.setting);
    }

    // A refusal makes the Worker ask AWS; without an answer it is a refusal like any other.
    let username = handle("coffee");
    let refusing = stack.plant("openai.chat", "status", &username, json!({ "status": 401 })).await;
    let run = user.analysed_as(&username, "LIGHT").await;
    assert_complete(&user, "refused", &run).await;
    assert_eq!(user.cost_of(&run).await["calls"][0]["fell_back"], true, "{run}");
    assert_eq!(stack.release(refusing).await, 1, "nothing was repeated with the same key");
    assert!(stack.release(away).await > 0, "AWS was asked in vain");

    restore(&stack, &user).await;
    user.settles_at(0).await;
}

#[tokio::test]
async fn runs_go_on_when_aws_takes_our_credentials_no_longer() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 1).await;
    let refused = async || -> usize {
        let calls: Vec<Value> = stack.received("secrets.get", "").await;
        calls.iter().filter(|call| call["status"] == 400).count()
    };
    let before = refused().await;
    stack.revoke_aws_credentials("AKIASANDBOX000000001").await;
    tokio::time::sleep(LIFETIME).await;
    let run = user.analysed_as(&handle("coffee"), "LIGHT").await;
    assert_complete(&user, "without credentials", &run).await;
    assert!(refused().await > before, "the credentials were refused");
    stack.restore_secrets().await;
    user.settles_at(0).await;
}
