//! `oslira-pooler`: the strict transaction pooler on 127.0.0.1.
//!
//! Quiet by design: it prints what it refuses, one line each, and errors.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use oslira_pooler::{CONNECTIONS_DEFAULT, Options};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// A transaction pooler for tests: it refuses whatever such a pooler may refuse.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Port on 127.0.0.1.
    #[arg(long, value_name = "PORT")]
    listen: u16,
    /// The Postgres behind it.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    server: String,
    /// A file with the password of every login: clients must send it, and the server is sent it. Without one the server
    /// has to trust its logins.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Open a new backend for each query, instead of using one again after `discard all`.
    #[arg(long)]
    fresh: bool,
    /// Remember answers and give them again, as a Hyperdrive whose cache was left on.
    #[arg(long)]
    caching: bool,
    /// The most backends for one user, one database and the same other startup parameters.
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
}

fn host_and_port(text: &str) -> Result<String, &'static str> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("it has to be like 127.0.0.1:5432"),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oslira-pooler: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns at SIGTERM or SIGINT: connections are cut, as by a pooler that is restarted.
async fn run(arguments: Arguments) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let Arguments { listen, server, password_file, fresh, caching, connections } = arguments;
    let password = password_file.map(std::fs::read_to_string).transpose()?.map(|text| text.trim_end().to_owned());
    let password = password.filter(|password| !password.is_empty());
    let listener = TcpListener::bind(("127.0.0.1", listen)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => io::Error::other(format!("port {listen} is taken")),
        _ => error,
    })?;
    tokio::select! {
        ended = oslira_pooler::serve(listener, Options { server, password, connections, fresh, caching }) => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["it", "--listen", "1", "--server", "localhost"]).is_err());
        assert!(Arguments::try_parse_from(["it", "--listen", "1", "--server", "::1:5432"]).is_ok());
        assert!(Arguments::try_parse_from(["it", "--listen", "1", "--server", "x:1", "--connections", "0"]).is_err());
    }
}
