// What is made when the product is built and served as it is, without entering WebAssembly: the description of the API
// and its reference page (`cargo xtask contract`). Nothing on the page comes from elsewhere, so it may load nothing.
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
  // Anybody's tools may read it, also in a browser.
  ["/openapi.json", [openapi, { ...headers("application/json"), "access-control-allow-origin": "*" }]],
  ["/docs", [page, headers("text/html")]],
  ["/docs.css", [style, headers("text/css")]],
]);

// The answer, if the request asks for one of them.
export function documentOf({ method, url }) {
  if (method !== "GET" && method !== "HEAD") return undefined;
  const [text, fields] = DOCUMENTS.get(url.slice(url.indexOf("/", 8)).split("?", 1)[0]) ?? [];
  return text === undefined ? undefined : new Response(method === "HEAD" ? null : text, { headers: fields });
}
