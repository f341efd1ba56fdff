// Files that are generated at build time and served without entering WebAssembly: the description of the API and its
// reference page (`cargo xtask contract`). The page needs its own style sheet alone, so it may load nothing else.
import openapi from "./openapi.json";
import style from "./reference.css";
import page from "./reference.html";

const POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers = (type) => ({
  "content-type": `${type}; charset=utf-8`,
  "cache-control": "public, max-age=300",
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
});

const DOCUMENTS = new Map([
  // Anybody's tools may read it, in a browser too.
  ["/openapi.json", [openapi, { ...headers("application/json"), "access-control-allow-origin": "*" }]],
  ["/docs", [page, headers("text/html")]],
  ["/docs.css", [style, headers("text/css")]],
]);

// The answer, if the request asks for one of them.
export function documentOf({ method, url }) {
  if (method !== "GET" && method !== "HEAD") return undefined;
  // The path begins at the first slash behind "https://", which is 8 characters long.
  const [text, fields] = DOCUMENTS.get(url.slice(url.indexOf("/", 8)).split("?", 1)[0]) ?? [];
  return text === undefined ? undefined : new Response(method === "HEAD" ? null : text, { headers: fields });
}
