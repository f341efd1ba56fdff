//! One point, within the limits of the platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const INDEX_BYTES_MAX: usize = 96;
const BLOBS_MAX: usize = 20;
/// Of all blobs of a point together.
const BLOB_BYTES_MAX: usize = 16 * 1024;
const DOUBLES_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    pub(super) dataset: String,
    pub(super) at: Timestamp,
    pub(super) indexes: Vec<String>,
    pub(super) blobs: Vec<String>,
    pub(super) doubles: Vec<f64>,
}

impl Point {
    /// The point, or why the platform would drop it.
    pub(super) fn read(sent: Value) -> Result<Self, String> {
        let point: Self = serde_json::from_value(sent).map_err(|error| error.to_string())?;
        let blob_bytes: usize = point.blobs.iter().map(String::len).sum();
        if point.indexes.len() > 1 {
            return Err("a point has one index".to_owned());
        }
        if point.indexes.iter().any(|index| index.len() > INDEX_BYTES_MAX) {
            return Err(format!("an index has {INDEX_BYTES_MAX} bytes at most"));
        }
        if point.blobs.len() > BLOBS_MAX || point.doubles.len() > DOUBLES_MAX {
            return Err(format!("a point has {BLOBS_MAX} blobs and {DOUBLES_MAX} doubles at most"));
        }
        if blob_bytes > BLOB_BYTES_MAX {
            return Err(format!("the blobs of a point have {BLOB_BYTES_MAX} bytes at most"));
        }
        Ok(point)
    }

    pub(super) fn index(&self) -> &str {
        self.indexes.first().map_or("", String::as_str)
    }
}
