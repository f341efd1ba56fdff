//! `oslira-sandbox`: the offline stand-in for Apify, OpenAI, Anthropic, the AI Gateway, Stripe, Resend, Supabase Auth, Sentry
//! and Workers Analytics Engine, on 127.0.0.1.
//!
//! It prints errors, one line when it chose its own port (`--port 0`), and nothing else.

use std::{io::ErrorKind, path::PathBuf, process::ExitCode};

use clap::Parser;
use oslira_sandbox::{Config, Sandbox, SandboxError};
use tokio::net::TcpListener;

/// The offline stand-in for Apify, OpenAI, Anthropic, the AI Gateway, Stripe, Resend, Supabase Auth, Sentry and Analytics Engine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one and prints the address.
    #[arg(long)]
    port: u16,
    /// Where the signing key, the actor runs, the mail, and what Stripe and Supabase Auth know are kept across restarts.
    #[arg(long)]
    state_dir: PathBuf,
    /// Multiplies every latency of the model: 1.0 is real speed, 0.05 fast.
    #[arg(long, default_value_t = 1.0)]
    time_scale: f64,
    /// What the latencies that vary are drawn from: with the same seed, an actor takes as long for the same usernames.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File with the legacy HS256 secret, needed for the token variants it signs.
    #[arg(long)]
    jwt_secret_file: Option<PathBuf>,
    /// File with the token that `/control` demands; without one it demands none.
    #[arg(long)]
    control_token_file: Option<PathBuf>,
    /// File with the secret that signs Stripe's events, or with two, a line each, while one takes the other's place.
    #[arg(long)]
    stripe_webhook_secret_file: Option<PathBuf>,
    /// Where Stripe's events are sent; without one they are only listed.
    #[arg(long)]
    stripe_endpoint: Option<String>,
    /// File with the URL of a Postgres database whose `auth.users` are Supabase Auth's users; without one they are the sandbox's own.
    #[arg(long)]
    database_url_file: Option<PathBuf>,
    /// The address others know the sandbox by, when it is not http://127.0.0.1:PORT.
    #[arg(long)]
    public_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oslira-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), SandboxError> {
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => SandboxError::Config(format!("port {} is taken", arguments.port)),
        _ => SandboxError::Io(error),
    })?;
    let address = listener.local_addr()?;
    let secret = |file: Option<PathBuf>| -> std::io::Result<Option<String>> {
        Ok(file.map(std::fs::read_to_string).transpose()?.map(|text| text.trim().to_owned()))
    };
    let database_url = secret(arguments.database_url_file)?;
    let config = Config {
        state_dir: arguments.state_dir,
        public_url: arguments.public_url.unwrap_or_else(|| format!("http://{address}")),
        time_scale: arguments.time_scale,
        seed: arguments.seed,
        jwt_secret: secret(arguments.jwt_secret_file)?,
        stripe_endpoint: arguments.stripe_endpoint,
        stripe_webhook_secrets: secret(arguments.stripe_webhook_secret_file)?
            .map(|secrets| secrets.lines().map(|line| line.trim().to_owned()).collect())
            .unwrap_or_default(),
        control_token: secret(arguments.control_token_file)?,
    };
    let sandbox = Sandbox::open_with_users_in(config, database_url.as_deref())?;
    if arguments.port == 0 {
        println!("listening on http://{address}");
    }
    sandbox.serve(listener).await
}
