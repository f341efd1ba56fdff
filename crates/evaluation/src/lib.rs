//! The quality of judgements as numbers, over a golden set of profiles and businesses.
//!
//! What it promises:
//! - **The product's own code is measured**: its questions, its checks of answers, its facts, its score.
//! - **An answer is stored under the hash of the whole request.** Another prompt, schema, model or profile is another request, so a
//!   figure never rests on an answer to an older question.
//! - **No quality is claimed that was not measured**: the sandbox's answers prove that this program works, and nothing else.

#![expect(clippy::disallowed_methods, reason = "a native program: its clock is real")]

pub mod answers;
pub mod compare;
pub mod figure;
pub mod golden;
pub mod measured;
pub mod outcomes;
pub mod quality;
pub mod question;
pub mod report;
