//! Where the pictures of generated people are.

use serde_json::Value;

/// Where generated profiles say that their pictures are; `.example` belongs to nobody, by standard.
pub(super) const HOST: &str = "https://scontent.cdninstagram.example";

/// Gives the pictures of scraped items an address below this one, from which they can be fetched.
pub(crate) fn serve_from(address: &str, items: &mut [Value]) {
    for item in items {
        for name in ["profilePicUrl", "profilePicUrlHD"] {
            let Some(Value::String(url)) = item.get_mut(name) else { continue };
            if let Some(path) = url.strip_prefix(HOST) {
                *url = format!("{address}{path}");
            }
        }
    }
}
