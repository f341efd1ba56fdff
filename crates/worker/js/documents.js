// The texts of files that are generated at build time (`cargo xtask contract`). Rust answers them without a body
// (crates/app/src/api/documents.rs), because in its module they would take more room than they do here.
import openapi from "./openapi.json";
import style from "./reference.css";
import page from "./reference.html";

const DOCUMENTS = new Map([
  ["/openapi.json", openapi],
  ["/docs", page],
  ["/docs.css", style],
]);

// The text at this path, if a document is there.
export const documentAt = (path) => DOCUMENTS.get(path);
