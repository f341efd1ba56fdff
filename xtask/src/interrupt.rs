//! Ctrl-C and SIGTERM for commands with a stack of their own: the stack is stopped too.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::own_binary;
use crate::stack::Layout;

/// From here on an interruption ends this process and stops the stack.
///
/// A detached process stops it: this one may hold the stack's lock, which ends with it, and the other waits for the
/// lock.
pub fn stop_stack_on_interrupt(layout: &Layout) -> Result<()> {
    let dir = layout.dir().to_path_buf();
    let this = own_binary()?;
    ctrlc::set_handler(move || {
        eprintln!("\ninterrupted: stopping the stack");
        let mut down = Command::new(&this);
        down.args(["detach", "--"]).arg(&this).args(["stack", "down", "--dir"]).arg(&dir);
        let started = down.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if let Err(error) = started {
            eprintln!("error: {error}; stop it with `cargo xtask stack down --dir {}`", dir.display());
        }
        // 128 + SIGINT, as shells report it.
        std::process::exit(130);
    })
    .context("cannot handle interruptions")
}
