//! One post of a profile, as far as an answer may point at it.

use serde_json::{Map, Value};

use super::without_commands;

/// The id of everything above the posts.
pub(in crate::shared::judge) const BIO: &str = "bio";
/// Lists with one of these in their name hold the posts.
const LISTS: [&str; 2] = ["posts", "captions"];

/// The texts of a post, without those that speak to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shared::judge) struct Post {
    /// As the prompt names it; by its place where the prompt names none.
    pub(in crate::shared::judge) id: String,
    pub(in crate::shared::judge) caption: String,
    pub(in crate::shared::judge) hashtags: Vec<String>,
    pub(in crate::shared::judge) location: Option<String>,
    pub(in crate::shared::judge) taken_on: Option<String>,
}

/// The posts of a profile of any shape.
pub(super) fn all(profile: &Value) -> Vec<Post> {
    let Some(fields) = profile.as_object() else { return vec![] };
    let is_list = |name: &str| LISTS.iter().any(|known| name.to_lowercase().contains(known));
    let list = fields.iter().find_map(|(name, value)| value.as_array().filter(|_| is_list(name)));
    match list {
        Some(posts) => posts.iter().enumerate().filter_map(|(place, post)| Post::read(place, post)).collect(),
        None => fields.values().map(all).find(|posts| !posts.is_empty()).unwrap_or_default(),
    }
}

impl Post {
    fn read(place: usize, post: &Value) -> Option<Self> {
        let numbered = || format!("p{}", place + 1);
        if let Some(caption) = post.as_str() {
            let caption = without_commands(caption);
            return Some(Self { id: numbered(), caption, hashtags: vec![], location: None, taken_on: None });
        }
        let fields = post.as_object()?;
        let text = |wanted: &str| {
            let found = fields.iter().find(|(name, value)| name.to_lowercase().contains(wanted) && value.is_string());
            found.and_then(|(_, value)| value.as_str())
        };
        // Only a short name such as "p3" was given to be cited; a long number is the platform's own.
        let id = fields.get("id").and_then(Value::as_str).filter(|id| id.starts_with('p') && id.len() <= 5);
        Some(Self {
            id: id.map_or_else(numbered, str::to_owned),
            caption: without_commands(text("caption").unwrap_or_default()),
            hashtags: hashtags(fields),
            location: text("location").map(without_commands).filter(|place| !place.is_empty()),
            taken_on: text("taken").or_else(|| text("timestamp")).map(|at| at.chars().take(10).collect()),
        })
    }
}

fn hashtags(fields: &Map<String, Value>) -> Vec<String> {
    let tags = fields.get("hashtags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(Value::as_str).map(without_commands).filter(|tag| !tag.is_empty()).collect()
}
