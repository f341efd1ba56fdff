//! Reads the items of the Instagram actors, with every quirk that was seen in recordings.
//!
//! The form of the items changed with every version of the actors. So only the profile's name and its counts are
//! required; everything else may be missing or malformed. Texts are untrusted and are clipped.

mod json;
mod post;
mod profile;
mod surrogates;

use oslira_app::features::profiles::{Found, InstagramHandle};
use serde_json::Value;

pub use self::post::Dropped;
use self::{
    json::{flag, text},
    post::newest_first,
    profile::profile,
};
use crate::send::error_word;

/// Why items could not be read; another scrape may help. The messages never repeat profile text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the items are not a JSON array")]
    NotItems,
    /// An empty list. It may be temporary, so it is not taken for "not found".
    #[error("no items")]
    Empty,
    /// An error item whose kind is not known to be final.
    #[error("an error item: {0}")]
    ErrorItem(String),
    /// The profile has posts, and the scrape shows none that can be read.
    #[error("no readable post: {0}")]
    NoReadablePost(Dropped),
    #[error("the items are about another profile")]
    OtherProfile,
    /// A required field is missing or is no count.
    #[error("the profile has no usable {0}")]
    Missing(&'static str),
}

/// The dataset's items. A text that the actor cut inside an emoji ends in half a surrogate pair, which strict parsers
/// refuse: a second attempt replaces such halves, so that one broken text does not lose the whole profile.
pub fn items(body: &[u8]) -> Result<Vec<Value>, Unreadable> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&surrogates::mended(body)))
        .map_err(|_| Unreadable::NotItems)
}

/// The items about `asked`, of a run about several: by the address that it was asked for, where an item says it, else by
/// any of its names. What names nobody is about nobody.
pub fn about_one(items: &[Value], asked: &InstagramHandle) -> Vec<Value> {
    let is_about = |item: &&Value| match text(item, "inputUrl") {
        Some(address) => is(Some(address), asked),
        None => names(item).chain(owners(item)).any(|name| is(Some(name), asked)),
    };
    items.iter().filter(is_about).cloned().collect()
}

/// What the items say about `asked`.
pub fn found(items: &[Value], asked: &InstagramHandle) -> Result<Found, Unreadable> {
    let item = match items {
        [] => return Err(Unreadable::Empty),
        // The run was about one username only, so an error item without a name is about it.
        [only] if error_of(only).is_some() && names(only).next().is_none() => only,
        _ => about(items, asked).ok_or(Unreadable::OtherProfile)?,
    };
    if let Some(error) = error_of(item) {
        return refused(item, error);
    }
    if flag(item, "isRestrictedProfile") {
        return Ok(Found::Restricted);
    }
    if is_private(item) {
        return Ok(Found::Private);
    }
    profile(item, asked).map(|profile| Found::Profile(Box::new(profile)))
}

/// The item about `asked`: a profile rather than an error, and one with this name rather than this address, because
/// after a rename only the requested address still has the old name.
fn about<'a>(items: &'a [Value], asked: &InstagramHandle) -> Option<&'a Value> {
    let named = |item: &&Value| is(text(item, "username"), asked);
    let addressed = |item: &&Value| names(item).any(|name| is(Some(name), asked));
    let good = || items.iter().filter(|item| error_of(item).is_none());
    let found = good().find(named).or_else(|| good().find(addressed));
    found.or_else(|| items.iter().find(named)).or_else(|| items.iter().find(addressed))
}

/// The posts of `asked`, newest first, at most `posts_max`. The actor reports a profile without posts as an error item,
/// or not at all.
pub fn posts(items: &[Value], asked: &InstagramHandle, posts_max: usize) -> Result<Found, Unreadable> {
    let (read, dropped) = newest_first(items, posts_max, &[asked]);
    // An error item among readable posts is ignored: the posts still count.
    let errors = || items.iter().filter(|item| error_of(item).is_some());
    match errors().next().filter(|_| read.is_empty()) {
        Some(item) => match error_of(item) {
            Some("no_items") if !is_private(item) => return Ok(Found::Posts(vec![])),
            error => return refused(item, error.unwrap_or_default()),
        },
        None if items.is_empty() => return Ok(Found::Posts(vec![])),
        None if read.is_empty() => return Err(Unreadable::NoReadablePost(dropped)),
        None => {}
    }
    // Not every post must name `asked`: one shared with another account may name that account as its owner. The run
    // was about one address only, so posts that name nobody are about it.
    let mut posts = items.iter().filter(|item| error_of(item).is_none());
    if posts.clone().any(|post| owners(post).next().is_some()) && !posts.any(|post| is_of(post, asked)) {
        return Err(Unreadable::OtherProfile);
    }
    Ok(Found::Posts(read))
}

/// Everything that names the profile which a post is of, or which it was asked for.
fn owners(post: &Value) -> impl Iterator<Item = &str> {
    ["ownerUsername", "username", "inputUrl"].into_iter().filter_map(|name| text(post, name))
}

fn is_of(post: &Value, asked: &InstagramHandle) -> bool {
    let coauthors = post.get("coauthorProducers").and_then(Value::as_array).into_iter().flatten();
    let mut coauthors = coauthors.filter_map(|coauthor| text(coauthor, "username"));
    owners(post).any(|name| is(Some(name), asked)) || coauthors.any(|name| is(Some(name), asked))
}

/// What an error item says. The words are those of several versions of the actors.
fn refused(item: &Value, error: &str) -> Result<Found, Unreadable> {
    const NOT_FOUND: [&str; 6] =
        ["not_found", "user_not_found", "page_not_found", "profile_not_found", "account_suspended", "user_suspended"];
    const PRIVATE: [&str; 4] = ["private", "private_profile", "profile_private", "private_account"];
    const RESTRICTED: [&str; 4] = ["restricted", "restricted_profile", "age_restricted", "profile_restricted"];
    let word = word_of(error);
    match word.as_str() {
        // Apify reports a missing profile as an error item of a run that succeeded and is billed.
        known if NOT_FOUND.contains(&known) => Ok(Found::NotFound),
        known if RESTRICTED.contains(&known) => Ok(Found::Restricted),
        _ if flag(item, "isRestrictedProfile") => Ok(Found::Restricted),
        known if PRIVATE.contains(&known) || is_private(item) => Ok(Found::Private),
        // It may be temporary, so it is not taken for "not found".
        _ => Err(Unreadable::ErrorItem(word)),
    }
}

/// An error's words in lower case, joined by underscores. A whole sentence is `unknown`: it may quote the profile, and
/// the word is logged.
fn word_of(error: &str) -> String {
    const WORDS_MAX: usize = 4;
    let words: Vec<String> = error
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    error_word(Some(words.join("_").as_str()).filter(|_| words.len() <= WORDS_MAX)).to_owned()
}

fn error_of(item: &Value) -> Option<&str> {
    text(item, "error").filter(|error| !error.is_empty())
}

/// The actors' two names of the field.
fn is_private(item: &Value) -> bool {
    flag(item, "private") || flag(item, "isPrivate")
}

/// Every field that may name the profile: a username or an address.
fn names(item: &Value) -> impl Iterator<Item = &str> {
    ["username", "inputUrl", "url"].into_iter().filter_map(|name| text(item, name))
}

fn is(name: Option<&str>, asked: &InstagramHandle) -> bool {
    name.and_then(|name| name.parse::<InstagramHandle>().ok()).is_some_and(|name| name == *asked)
}

#[cfg(test)]
mod field;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
