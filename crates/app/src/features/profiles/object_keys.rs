//! Where the objects of a profile are in the bucket. All of them are below one folder named after the username, so that
//! a profile that must be deleted is found whole.

use super::{InstagramHandle, SnapshotKey};

/// The folder; its slash keeps `nasa` apart from `nasa.earth`.
fn folder(username: &str) -> String {
    format!("instagram/{username}/")
}

/// The pointer to the snapshots worth knowing.
#[must_use]
pub fn pointer_key(username: &InstagramHandle) -> String {
    format!("{}v1.json", folder(username.as_str()))
}

/// A snapshot; `hint` tells it apart from the others of the same username.
#[must_use]
pub fn snapshot_key(username: &InstagramHandle, hint: &str) -> SnapshotKey {
    SnapshotKey(format!("{}snapshots/{hint}.json", folder(username.as_str())))
}

#[must_use]
pub fn picture_key(username: &str) -> String {
    format!("{}picture", folder(username))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_of_a_profile_are_apart_and_below_one_folder() {
        let username: InstagramHandle = "na.sa_1".parse().unwrap();
        let keys = [pointer_key(&username), snapshot_key(&username, "run-1").0, picture_key(username.as_str())];
        assert_eq!(
            keys,
            ["instagram/na.sa_1/v1.json", "instagram/na.sa_1/snapshots/run-1.json", "instagram/na.sa_1/picture"]
        );
        assert!(!folder("nasa.earth").starts_with(&folder("nasa")), "one profile's folder lies in another's");
    }
}
