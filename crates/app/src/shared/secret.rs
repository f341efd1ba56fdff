//! A value that is never printed.

use std::fmt;

/// A key, a password or a token: `Debug` hides it, there is no `Display`, and it cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    #[must_use]
    pub fn new(value: impl Into<T>) -> Self {
        Self(value.into())
    }

    /// The value itself. Whoever asks for it keeps it out of logs, errors and answers.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed_whatever_it_is_in() {
        let text: Secret = Secret::new("hunter2");
        let bytes: Secret<Vec<u8>> = Secret::new("hunter2");
        let printed = format!("{text:?} {:?} {bytes:#?}", Some((1, &text)));
        assert_eq!(printed, "*** Some((1, ***)) ***");
        assert_eq!((text.expose().as_str(), bytes.expose().as_slice()), ("hunter2", &b"hunter2"[..]));
    }
}
