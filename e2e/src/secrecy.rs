//! Looks for what nobody may read in what the Worker tells: its log, the points about what happens, and the error reports.
//!
//! What it looks for is what this stack holds: its secrets, every token and API key, the texts of businesses, and whatever was sent to
//! a language model, which is the prompts with biographies, captions and business texts in them. The sandbox forgets all of this when
//! it is killed, so [`Stack::kill`] looks before.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{Stack, stack_dir};

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/app/src/features/judging/prompts");

/// The files of a stack that hold secrets, one in each line.
const SECRET_FILES: [&str; 4] = ["database-password", "jwt-secret", "sandbox-token", "stripe-webhook-secret"];

/// What the sandbox's services accept at first. Tests rotate to keys that begin with these, so those are found too.
const KEYS: [&str; 9] = [
    "sandbox-analytics-token",
    "sandbox-anthropic-key",
    "sandbox-apify-token",
    "sandbox-aws-secret-access-key",
    "sandbox-gateway-token",
    "sandbox-openai-key",
    "sandbox-resend-key",
    "sandbox-stripe-key",
    "5a9db0c0ffee45a9db0c0ffee45a9db0",
];

/// How every token begins: `{"alg":` or `{"typ":`, encoded.
const TOKENS: [&str; 2] = ["eyJhbGciOi", "eyJ0eXAiOi"];

/// An API key, of which no more than eight digits may be shown.
const API_KEY: &str = "oslira_";
const API_KEY_DIGITS_SHOWN: usize = 8;

/// A text is known by so many bytes: a shorter piece of it may be anybody's.
const PIECE_BYTES: usize = 32;
/// Fewer words are a name, an address or a time.
const PIECE_WORDS_MIN: usize = 4;

/// All that a stack's Worker has told.
#[derive(Debug)]
pub struct Told {
    /// Since the stack began, unless it was very long when a Worker started.
    pub log: String,
    /// Every text of every point, since the sandbox started.
    pub points: String,
    /// The envelopes as they were sent, since the sandbox started.
    pub reports: String,
}

impl Told {
    #[must_use]
    pub fn sources(&self) -> [(&'static str, &str); 3] {
        [("the log", self.log.as_str()), ("a point", self.points.as_str()), ("an error report", self.reports.as_str())]
    }
}

impl Stack {
    /// Fails if anything that this stack's Worker has told holds a secret, a token, an API key, or words of others.
    pub async fn assert_nothing_private_is_told(&self) -> Told {
        let told = Told {
            log: self.worker_log(),
            points: self.points().await,
            reports: self.sent("sentry.envelope").await.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        };
        let (secrets, words) = (secrets(), self.words().await);
        for (source, text) in told.sources() {
            let found = find_secret(text, &secrets).or_else(|| words.find(text));
            assert!(found.is_none(), "{source} holds {}", found.unwrap_or_default());
        }
        told
    }

    async fn sent(&self, target: &str) -> Vec<Value> {
        let calls = self.received(target, "").await;
        calls.into_iter().map(|mut call| call["body"].take()).collect()
    }

    async fn points(&self) -> String {
        let texts: Vec<String> = (1..=20).map(|number| format!("blob{number}")).collect();
        let query = format!("SELECT index1, {} FROM oslira", texts.join(", "));
        let url = format!("{}/cloudflare/client/v4/accounts/local/analytics_engine/sql", self.sandbox_url);
        let request = self.http().request(Method::POST, url).bearer_auth("sandbox-analytics-token").body(query);
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        // So it is refused while there is no point at all.
        let is_empty = status == StatusCode::UNPROCESSABLE_ENTITY && text.starts_with("unable to find type of table");
        assert!(is_empty || status == StatusCode::OK, "{status}: {text}");
        if is_empty { String::new() } else { text }
    }

    /// The words of prompts, profiles and businesses.
    async fn words(&self) -> Words {
        let mut words = Words::default();
        let prompts: Vec<String> = std::fs::read_dir(PROMPTS)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        assert!(!prompts.is_empty(), "no prompt in {PROMPTS}");
        for prompt in prompts {
            words.add(&prompt);
        }
        for target in ["openai.chat", "anthropic.messages"] {
            for question in self.sent(target).await {
                words.add_all(&question);
            }
        }
        let texts = "select offering, target_audience from business_profiles";
        for row in self.sql().await.query(texts, &[]).await.unwrap() {
            words.add(row.get(0));
            words.add(row.get(1));
        }
        words
    }
}

fn text_of(body: &Value) -> String {
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

/// Each with the name by which a failure tells it.
fn secrets() -> Vec<(String, String)> {
    let mut secrets: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, secret: &str| {
        // What is shorter is no secret of a stack's, and may stand anywhere.
        if secret.len() >= 8 {
            secrets.push((name.to_owned(), secret.to_owned()));
        }
    };
    for key in KEYS.into_iter().chain(TOKENS) {
        add(key, key);
    }
    for file in SECRET_FILES {
        // A developer's own database has its password elsewhere.
        let text = std::fs::read_to_string(stack_dir().join(file)).unwrap_or_default();
        for line in text.lines() {
            add(file, line.trim());
        }
    }
    let signing_key = std::fs::read(stack_dir().join("sandbox/signing-key.json")).unwrap();
    let signing_key: Value = serde_json::from_slice(&signing_key).unwrap();
    add("the key that signs tokens", signing_key["d"].as_str().unwrap());
    secrets
}

fn find_secret(text: &str, secrets: &[(String, String)]) -> Option<String> {
    let known = secrets.iter().find(|(_, secret)| text.contains(secret)).map(|(name, _)| name.clone());
    known.or_else(|| has_api_key(text).then(|| "an API key".to_owned()))
}

fn has_api_key(text: &str) -> bool {
    text.split(API_KEY).skip(1).any(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        digits > API_KEY_DIGITS_SHOWN
    })
}

/// The beginnings of many texts, all of which one pass looks for.
struct Words {
    pieces: HashSet<Vec<u8>>,
    /// Whether any of them begins with these three bytes; most places of a text begin none.
    begins: Vec<bool>,
}

impl Default for Words {
    fn default() -> Self {
        Self { pieces: HashSet::new(), begins: vec![false; 1 << 24] }
    }
}

impl Words {
    /// Adds every piece that is whole wherever it is told: what JSON escapes is left out.
    fn add(&mut self, text: &str) {
        let is_escaped = |c: char| c == '"' || c == '\\' || c.is_control();
        for piece in text.split(is_escaped).map(str::trim) {
            let Some(beginning) = piece.as_bytes().get(..PIECE_BYTES) else { continue };
            if piece.split_whitespace().count() >= PIECE_WORDS_MIN {
                self.begins[place(beginning)] = true;
                self.pieces.insert(beginning.to_vec());
            }
        }
    }

    /// The same of every text in a body.
    fn add_all(&mut self, body: &Value) {
        match body {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.add_all(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn find(&self, text: &str) -> Option<String> {
        let mut places = text.as_bytes().windows(PIECE_BYTES);
        let found = places.find(|window| self.begins[place(window)] && self.pieces.contains(*window))?;
        Some(format!("others' words: {}…", String::from_utf8_lossy(found)))
    }
}

/// A number of the first three bytes.
fn place(bytes: &[u8]) -> usize {
    bytes.iter().take(3).fold(0, |place, byte| (place << 8) | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_found_in_a_line_of_json_even_if_they_are_cut() {
        let caption = "Fresh beans from our \"own\" roastery, every Tuesday morning at eight";
        let mut words = Words::default();
        words.add_all(&json!({ "messages": [{ "content": json!({ "caption": caption }).to_string() }] }));
        for told in [
            json!({ "message": format!("the answer was {caption}") }),
            json!({ "message": "the answer was roastery, every Tuesday morning at…" }),
        ] {
            let expected = "others' words: roastery, every Tuesday morning …";
            assert_eq!(words.find(&told.to_string()).as_deref(), Some(expected), "{told}");
        }
        assert_eq!(words.find("{\"message\":\"the roastery was open every Tuesday morning\"}"), None);
    }

    #[test]
    fn names_times_and_addresses_are_no_words() {
        let mut words = Words::default();
        for text in ["coffee_0123456789abcdef0123456789abcdef", "2026-11-27T12:00:00.000000Z 2026-11-27T12:00:00Z"] {
            words.add(text);
        }
        assert!(words.pieces.is_empty());
    }

    #[test]
    fn a_secret_is_found_by_its_value_and_an_api_key_by_its_digits() {
        let secrets = [("jwt-secret".to_owned(), "very-secret-value".to_owned())];
        assert_eq!(find_secret("{\"a\":\"very-secret-value\"}", &secrets).as_deref(), Some("jwt-secret"));
        assert_eq!(find_secret("oslira_0123456789", &secrets).as_deref(), Some("an API key"));
        assert_eq!(find_secret("oslira_app::http oslira_01234567 oslira_", &secrets), None);
    }
}
