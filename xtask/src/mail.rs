//! `cargo xtask mail`: the mails that the running stack has sent, which its sandbox keeps.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::cron::encoded;
use crate::http::Http;
use crate::project::Project;
use crate::stack::{Document, Place};

/// Arguments of `cargo xtask mail`.
#[derive(clap::Args)]
pub struct MailArgs {
    /// Only the mails to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// How many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print the mails whole, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What is printed of a mail.
#[derive(Deserialize)]
struct Mail {
    to: Vec<String>,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    sent_at: String,
    sent_by: String,
}

pub fn run(project: &Project, args: &MailArgs) -> Result<()> {
    let stack = Document::load(&args.place.layout(project)?)?;
    let to = args.to.as_deref().map(|to| format!("&to={}", encoded(to))).unwrap_or_default();
    let url = format!("{}/control/mail?limit={}{to}", stack.sandbox_url, args.limit);
    let answer = Http::new(Duration::from_secs(10)).get(&url, Some(&stack.sandbox_token))?;
    if answer.status != 200 {
        bail!("the sandbox answers {} {}", answer.status, answer.body);
    }
    let mails = answer.body.get("mails").cloned().unwrap_or(Value::Null);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&mails)?);
        return Ok(());
    }
    for mail in serde_json::from_value::<Vec<Mail>>(mails)? {
        println!("{}", written(&mail));
    }
    Ok(())
}

fn written(mail: &Mail) -> String {
    let Mail { to, subject, sent_at, sent_by, .. } = mail;
    let body = mail.text.as_ref().or(mail.html.as_ref()).map(String::as_str).unwrap_or_default();
    let lines = body.lines().fold(String::new(), |lines, line| lines + format!("    {line}").trim_end() + "\n");
    format!("{sent_at} by {sent_by} to {}: {subject}\n{lines}", to.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_its_heading_and_its_text() {
        let mail = |text: Option<&str>| Mail {
            to: vec!["ann@example.com".into(), "bo@example.com".into()],
            subject: "Welcome".into(),
            text: text.map(str::to_owned),
            html: Some("<p>Hello</p>".into()),
            sent_at: "2027-01-31T00:00:00.000Z".into(),
            sent_by: "resend".into(),
        };
        let heading = "2027-01-31T00:00:00.000Z by resend to ann@example.com, bo@example.com: Welcome\n";
        assert_eq!(written(&mail(Some("Hello\n\nBye\n"))), format!("{heading}    Hello\n\n    Bye\n"));
        assert_eq!(written(&mail(None)), format!("{heading}    <p>Hello</p>\n"));
    }
}
