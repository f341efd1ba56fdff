//! The judge: it stands in for the language model behind every provider.
//!
//! It reads the business and the profile in a prompt and answers in whatever shape a sent schema asks for. The same
//! prompt and schema get the same answer, whichever provider they are sent by. The prompt contract: the instructions
//! carry `<business>…</business>`, the user's message `<profile>{…}</profile>`.

mod draft;
mod followers;
mod judgement;
mod pattern;
mod profile;
mod prompt;
mod prose;
mod themes;
mod walker;

pub(crate) use draft::{Draft, End, Format, thought_about};
pub(crate) use judgement::judge;
pub(crate) use prompt::{Message, Prompt, usernames};
pub(crate) use themes::Lexicon;
