//! The addresses of generated people's pictures.

use serde_json::Value;

/// The host of the pictures in generated profiles; `.example` is reserved and belongs to nobody (RFC 2606).
pub(super) const HOST: &str = "https://scontent.cdninstagram.example";

/// Moves the pictures of scraped items below this address, from which they can be fetched.
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
