//! The judge: it stands in for the language model behind every provider.
//!
//! It reads the business and the profile in a prompt and answers in whatever shape a sent schema asks for. The same
//! prompt and schema get the same answer, whichever provider they are sent by. The prompt contract: the instructions
//! carry `<business>…</business>`, the user's message `<profile>{…}</profile>`.

mod business;
mod draft;
mod evidence;
mod followers;
mod judgement;
mod messages;
mod pattern;
mod plan;
mod profile;
mod prompt;
mod prose;
mod subject;
#[cfg(test)]
mod testing;
mod themes;
mod walker;

pub(crate) use draft::{Draft, End, Format, thought_about};
#[cfg(test)]
use judgement::Judgement;
pub(crate) use judgement::judge;
pub(crate) use prompt::{Message, Prompt, usernames};
pub(crate) use themes::Lexicon;
