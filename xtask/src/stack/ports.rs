//! Chooses ports. Each is chosen once and kept, so that addresses stay the same after `down` and `up`.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};

use crate::stamp::Hash;

/// Below the range from which systems take ports for outgoing connections: there, a remembered port could be in use.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A free port. Where the search begins depends on the stack, so that two stacks rarely want the same ports.
pub fn choose(stack_dir: &Path, taken: &[u16]) -> Result<u16> {
    let seed = Hash::new().add(stack_dir.as_os_str().as_encoded_bytes()).value();
    let offset = u16::try_from(seed % u64::from(COUNT)).unwrap_or(0);
    (0..COUNT)
        .map(|step| FIRST + (offset + step) % COUNT)
        .find(|port| !taken.contains(port) && is_free(*port))
        .context("no free port between 20000 and 30000 on 127.0.0.1")
}

/// Whether a server could listen on the port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let dir = Path::new("/some/where");
        let first = choose(dir, &[]).unwrap();
        assert_ne!(choose(dir, &[first]).unwrap(), first);
        let _listening = TcpListener::bind(("127.0.0.1", first)).unwrap();
        assert_ne!(choose(dir, &[]).unwrap(), first);
    }
}
