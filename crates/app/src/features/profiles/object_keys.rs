//! Where the objects of a profile are in the bucket: in a folder for each kind, because the bucket's rules end the lives of
//! objects by the beginning of their keys; in it by username, so that all of a profile that must be deleted is found.

use super::{InstagramHandle, SnapshotKey};

/// The folder of snapshots.
pub const SNAPSHOTS: &str = "snapshots/";
/// The folder of the pointers to snapshots.
pub const POINTERS: &str = "pointers/";
/// The folder of copies of pictures.
const PICTURES: &str = "pictures/";

/// The pointer to the snapshots worth knowing.
#[must_use]
pub fn pointer_key(username: &InstagramHandle) -> String {
    format!("{POINTERS}{username}.json")
}

/// A snapshot; `hint` tells it apart from the others of the same username. The slash keeps `nasa` apart from `nasa.earth`.
#[must_use]
pub fn snapshot_key(username: &InstagramHandle, hint: &str) -> SnapshotKey {
    SnapshotKey(format!("{SNAPSHOTS}{username}/{hint}.json"))
}

/// Before the keys of all snapshots of a username, and of nothing else.
#[must_use]
pub fn snapshots_of(username: &InstagramHandle) -> String {
    format!("{SNAPSHOTS}{username}/")
}

#[must_use]
pub fn picture_key(username: &str) -> String {
    format!("{PICTURES}{username}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_of_a_profile_are_in_the_folders_of_their_kinds() {
        let username: InstagramHandle = "na.sa_1".parse().unwrap();
        let keys = [pointer_key(&username), snapshot_key(&username, "run-1").0, picture_key(username.as_str())];
        assert_eq!(keys, ["pointers/na.sa_1.json", "snapshots/na.sa_1/run-1.json", "pictures/na.sa_1"]);
    }
}
