//! Bulks: up to a hundred analyses that are bought together.
//!
//! `list` reads the names as people have them.

mod list;

pub use list::{InvalidList, LineReason, LinesUsed, ListEntry, NAMES_MAX, UnusedLine, names_in_list, names_in_text};
