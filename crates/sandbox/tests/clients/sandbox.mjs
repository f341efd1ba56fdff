// Helpers for the scripts beside this one: the sandbox's address, which ../clients.rs passes on, and its control
// endpoint.
export const base = process.env.OSLIRA_SANDBOX_URL;
if (!base) throw new Error("OSLIRA_SANDBOX_URL is not set: these scripts are run by `cargo test -p oslira-sandbox`");

/** A call of `/control`. */
export async function control(method, path, body) {
  const response = await fetch(`${base}/control${path}`, { method, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Plants a fault (see ../../README.md) and returns its id. */
export const plant = async (fault) => (await control("POST", "/faults", fault)).id;

/** Deletes a fault; calls and runs that it held go on. */
export const release = (id) => control("DELETE", `/faults/${id}`);

/** Changes the end date of a model, or shuts it down (see ../../README.md). */
export const change = (model) => control("POST", "/models", model);

/** Tells the sandbox's Stripe what customers, banks and time do (see ../../README.md). */
export const tell = (path, body) => control("POST", `/stripe${path}`, body);

/** The mails to an address, the newest first. */
export const mailTo = async (address) => (await control("GET", `/mail?to=${encodeURIComponent(address)}`)).mails;

/** The calls of a target that were about `match`, oldest first. */
export const received = async (target, match) =>
  (await control("GET", `/received?target=${target}&match=${encodeURIComponent(match)}`)).calls;

/** Everything that was received, as text. */
export const everything = async () => JSON.stringify(await control("GET", "/received"));
