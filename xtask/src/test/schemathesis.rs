//! Checks the running API against its description: schemathesis generates valid and invalid requests from
//! `/openapi.json` and compares every answer with it. No 5xx, no status or body that is not described, and no access
//! without a token.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::postgres::{PgUrl, database};
use crate::process::{run_quiet, which};
use crate::project::Project;
use crate::stack::{Document, mint_token};
use crate::stamp::{Hash, Stamp};
use crate::step::step;
use crate::test::plan::Suite;

/// Python code that fails where schemathesis cannot be installed.
const CAN_INSTALL: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// The checks of every answer. Checks that expect valid requests to succeed or invalid ones to fail are left out: a
/// request that fits the schema may still be refused (text that is no username), and a number that schemathesis puts
/// into a header as invalid arrives as text, which may be valid.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,ignored_auth,use_after_free";

/// The suite; `None`, with a message, if there is no suitable Python. In CI that is an error.
pub fn suite(project: &Project, stack: &Document) -> Result<Option<Suite>> {
    let python = which("python3").filter(|python| {
        Command::new(python).args(["-c", CAN_INSTALL]).output().is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else {
        let missing = "schemathesis needs Python 3.11 or later with venv (Debian: python3-venv)";
        if std::env::var_os("CI").is_some() {
            bail!("{missing}");
        }
        eprintln!("  the check of the described API is left out: {missing}");
        return Ok(None);
    };
    let dir = project.state_dir().join("schemathesis");
    install(project, &python, &dir)?;
    let url = &stack.api_url;
    // A user of its own, because it changes and deletes everything that it can reach.
    let user = database::mint_user(&PgUrl::parse(&stack.database_url)?, "schemathesis", 100)?;
    let token = format!("Authorization: Bearer {}", mint_token(&stack.sandbox_url, &stack.sandbox_token, &user)?);
    // Deterministic generation: a failure comes again with the next run. `--max-time` is a limit, not expected to be
    // met.
    let arguments = [
        "run",
        &format!("{url}/openapi.json"),
        "--url",
        url,
        "--header",
        &token,
        "--checks",
        CHECKS,
        // Two threads can end with "AST constructor recursion depth mismatch": CPython before 3.11.5, gh-106905.
        "--workers",
        "1",
        "--request-timeout",
        "30",
        "--continue-on-failure",
        "--generation-deterministic",
        "--max-examples",
        "10",
        "--max-time",
        "180",
    ];
    Ok(Some(Suite {
        name: "the described API, by schemathesis".to_owned(),
        program: dir.join("bin/schemathesis"),
        arguments: arguments.map(str::to_owned).to_vec(),
        // It writes reports and a cache into its working directory; there they do not clutter the source tree.
        dir,
    }))
}

fn install(project: &Project, python: &Path, dir: &Path) -> Result<()> {
    let requirements = project.root().join("xtask/python/requirements.txt");
    let stamp = Stamp::new(dir.join(".oslira-stamp"), &Hash::new().add_file(&requirements));
    if stamp.is_current() {
        return Ok(());
    }
    step("installing schemathesis (pip)", || {
        run_quiet(Command::new(python).args(["-m", "venv", "--clear"]).arg(dir))?;
        run_quiet(
            Command::new(dir.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(&requirements),
        )
    })
    .context("pip could not install schemathesis: is the Python package index reachable?")?;
    stamp.set()
}
