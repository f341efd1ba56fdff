// The Worker's entry: wires fetch, queue, cron, Durable Objects and Workflows to Rust.
//
// Promises: one crossing into WebAssembly and one out per request, none for a refusal that is repeated; when the module traps, every
// call in flight is rejected at once and the next call gets a fresh module, so one bug never wedges the isolate. Every answer and its
// headers come from Rust, that to a trap too. What a request has begun to change is finished even if its client goes away.
import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
import { documentAt } from "./documents.js";
import * as rust from "./index.js";

// Enough to see through the machinery of a panic to what called it.
Error.stackTraceLimit = 30;

class Trap extends Error {
  constructor(cause) {
    super(`the WebAssembly module trapped: ${cause?.message ?? cause}`);
    this.stack = String(cause?.stack ?? ""); // of what trapped, and not of who waited for it
  }
}

const inFlight = new Set(); // reject functions of the calls on the present module
let dead = false;
let generation = 0;

function trapped(cause) {
  dead = true;
  const trap = new Trap(cause); // one for all, so that what is told of it once is told
  for (const reject of inFlight) reject(trap);
  inFlight.clear();
}

// A stack overflow in WebAssembly is a RangeError.
const fatal = (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
addEventListener("error", (event) => {
  if (fatal(event.error)) trapped(event.error); // a trap in a microtask
});
// The worker crate's panic hook sets this just before the trap.
Object.defineProperty(rust.__worker_init_state(), "criticalError", {
  get: () => dead,
  set: (value) => {
    if (value) trapped(new Error("panic"));
  },
});

// The way into the module for all that may trap. A call on a dead module first replaces it by a fresh one.
function call(enter) {
  if (dead) {
    dead = false;
    generation++;
    rust.__wbg_reset_state();
  }
  return new Promise((resolve, reject) => {
    inFlight.add(reject);
    const settle = (how) => (value) => {
      inFlight.delete(reject);
      how(value);
    };
    try {
      Promise.resolve(enter()).then(settle(resolve), settle(reject));
    } catch (error) {
      if (fatal(error)) trapped(error); // a trap before the first await
      settle(reject)(error);
    }
  });
}

// What was counted, and errors, leave behind the answer: nobody waits for them, and it never rejects, because a queue would take
// that for its own failure. It begins in a task of its own: otherwise the points would be written before the answer leaves.
// Secrets that will soon be old are read anew there, too.
function deliver(ctx, env) {
  if (dead || !(rust.has_telemetry() || rust.secrets_are_due())) return;
  const begun = new Promise((resolve) => setTimeout(resolve, 0)).then(() => {
    if (dead) return;
    const work = [];
    if (rust.has_telemetry()) work.push(call(() => rust.deliver_telemetry(env)));
    if (rust.secrets_are_due()) work.push(call(() => rust.refresh_secrets(env)));
    return Promise.allSettled(work).then((ends) => Promise.all(ends.map((end) => note("delivery", end.reason))));
  });
  ctx.waitUntil(begun.catch(() => {}));
}

// Has a fresh module tell of a trap, unless a request met it, whose answer tells of it. It never rejects.
async function note(place, error) {
  if (!(error instanceof Trap)) return;
  try {
    await call(() => rust.note_trap(place, error.message, error.stack));
  } catch {
    console.error(JSON.stringify({ level: "ERROR", message: "a trap, and again when it was told", place, cause: error.message }));
  }
}

// A call that is no request; `entry` is the object of the runtime's that was called.
async function guarded(place, entry, enter) {
  try {
    return await call(enter);
  } catch (error) {
    await note(place, error);
    throw error;
  } finally {
    deliver(entry.ctx, entry.env);
  }
}

// Mirrors the constants of these names in Rust: one byte more is enough for Rust to see that a body is too large.
const BODY_BYTES_MAX = 64 * 1024;
const EVENT_BYTES_MAX = 1024 * 1024;
const BODY_MS_MAX = 10000;
const UPLOADS_BYTES_MAX = 48 * 1024 * 1024;
const UPLOADS_OF_ADDRESS_BYTES_MAX = 4 * 1024 * 1024;
// The one path that takes large bodies, and only with a signature: without one they are refused whatever they hold.
const EVENT_PATH = "/webhooks/stripe";

// How many bytes of unfinished bodies are held, in all and by address: bodies are read before anybody is counted.
const uploads = { bytes: 0, byAddress: new Map() };

// Whether there is room for a piece of a body, which then is held until it is let go.
function hold(address, bytes) {
  const held = (uploads.byAddress.get(address) ?? 0) + bytes;
  if (held > UPLOADS_OF_ADDRESS_BYTES_MAX || uploads.bytes + bytes > UPLOADS_BYTES_MAX) return false;
  uploads.byAddress.set(address, held);
  uploads.bytes += bytes;
  return true;
}

function letGo(address, bytes) {
  const held = (uploads.byAddress.get(address) ?? 0) - bytes;
  if (held > 0) uploads.byAddress.set(address, held);
  else uploads.byAddress.delete(address);
  uploads.bytes -= bytes;
}

// Whose uploads are held together; of IPv6 the first 64 bits, because whoever has one address of such a network has all of them.
function senderOf({ headers }) {
  const address = headers.get("cf-connecting-ip") ?? "";
  if (!address.includes(":") || address.includes(".")) return address;
  const [front, back = []] = address.split("::").map((part) => (part ? part.split(":") : []));
  const zeros = Array(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}

// The body, if there is one; or why it could not be read: the client's upload broke off, takes too long, or there is no room for it.
async function readBody(request) {
  if (!request.body) return {};
  const isEvent = pathOf(request) === EVENT_PATH && request.headers.has("stripe-signature");
  const max = isEvent ? EVENT_BYTES_MAX : BODY_BYTES_MAX;
  const sender = senderOf(request);
  const reader = request.body.getReader();
  const chunks = [];
  let size = 0;
  let held = 0;
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, BODY_MS_MAX)));
  try {
    while (size <= max) {
      const piece = await Promise.race([reader.read(), late]);
      if (!piece) return { fault: "slow" };
      if (piece.done) break;
      // The runtime allocates some kilobytes for each piece, also for one of a single byte.
      const bytes = piece.value.buffer.byteLength;
      if (!hold(sender, bytes)) return { fault: "busy" };
      held += bytes;
      chunks.push(piece.value);
      size += piece.value.byteLength;
    }
  } catch {
    return { fault: "broken" };
  } finally {
    clearTimeout(timer);
    letGo(sender, held);
    // What is left of it is of no interest, and nor is that it broke off.
    reader.cancel().catch(() => {});
  }
  if (chunks.length === 1) return { body: chunks[0] };
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return { body };
}

// The path with its query. It begins at the first slash behind "https://", which is 8 characters long.
const addressOf = ({ url }) => url.slice(url.indexOf("/", 8));
const pathOf = (request) => addressOf(request).split("?", 1)[0];

// Method, path with query, then one `name:value` a line: headers cannot hold line breaks.
function head(request) {
  let text = `${request.method}\n${addressOf(request)}`;
  for (const [name, value] of request.headers) text += `\n${name}:${value}`;
  return text;
}

// A Rust body of unknown length, piece by piece; it is freed when the client has all of it or goes away, or when it fails. `ended` is
// called then: what was told meanwhile is to be delivered.
function stream(body, ended) {
  const born = generation;
  let pulled = Promise.resolve();
  let left = false;
  // In a fresh module, the pointer of a body of the one before would free somebody else's memory.
  const free = () => {
    if (!dead && born === generation) body.free();
  };
  return new ReadableStream({
    pull(controller) {
      pulled = call(() => body.next()).then(
        (piece) => {
          if (left) return; // nobody takes it any more
          if (piece) return controller.enqueue(piece);
          controller.close();
          free();
          ended();
        },
        async (error) => {
          free(); // `cancel` is not called for a stream that has failed
          // A trap ends all streams that are open: it is told once.
          if (error instanceof Trap && !error.isTold) {
            error.isTold = true;
            await note("stream", error);
          }
          ended();
          throw error;
        },
      );
      return pulled;
    },
    // Waits for a piece that is still being made; if that fails, it has freed the body.
    cancel() {
      left = true;
      return pulled.then(free, () => {}).finally(ended);
    },
  });
}

function respond(request, [status, headers, answer], ended) {
  // What a Durable Object has opened and goes on with.
  if (answer instanceof Response) return new Response(answer.body, { status, headers, webSocket: answer.webSocket });
  if (!(answer instanceof Uint8Array)) return new Response(stream(answer, ended), { status, headers });
  const isRead = status === 200 && request.method === "GET";
  const document = isRead ? documentAt(pathOf(request)) : undefined;
  // A status such as 304 allows no body, not even an empty one.
  return new Response(document ?? (answer.byteLength > 0 ? answer : null), { status, headers });
}

// A flood must cost next to nothing, so an answer that says for how long it holds is repeated here: whose a credential is, and what they
// are answered. Both maps are small, and forget what is oldest. A credential is believed for so long, because it may be revoked.
const REPEATED_MAX = 1024;
const BELIEVED_MS = 10000;
const clients = new Map();
const answers = new Map();

function keep(map, key, value) {
  if (map.size >= REPEATED_MAX && !map.has(key)) map.delete(map.keys().next().value);
  map.set(key, value);
}

const credentialOf = ({ headers }) => headers.get("authorization");
// All that a refusal depends on, but for the id that a caller may give a request.
const askedBy = (client, request) => [client, request.method, pathOf(request), request.headers.get("origin")].join("\n");

function repeat(request) {
  const known = clients.get(credentialOf(request));
  if (!known || Date.now() >= known.until || request.headers.has("x-request-id")) return undefined;
  const answer = answers.get(askedBy(known.client, request));
  if (!answer || Date.now() >= answer.until) return undefined;
  answer.times++;
  return new Response(answer.body, answer);
}

// How often it was repeated is told when it holds no longer.
function remember(request, [status, headers, body, [client, ms, route, id]], ctx, ended) {
  const credential = credentialOf(request);
  if (!credential) return;
  const key = askedBy(client, request);
  const answer = { status, headers: new Headers(headers), body, until: Date.now() + ms, times: 0 };
  keep(clients, credential, { client, until: Date.now() + BELIEVED_MS });
  keep(answers, key, answer);
  const over = new Promise((resolve) => setTimeout(resolve, ms)).then(async () => {
    if (answers.get(key) === answer) answers.delete(key);
    if (answer.times === 0) return;
    await call(() => rust.note_repeated(request.method, route, id, answer.times));
  });
  ctx.waitUntil(over.catch((error) => note("repeated", error)).then(ended));
}

// Never rejects.
async function answer(request, env, ctx, ended) {
  try {
    const { body, fault } = await readBody(request);
    const made = await call(() => rust.handle(head(request), body, fault, env));
    if (made[3]) remember(request, made, ctx, ended);
    return respond(request, made, ended);
  } catch (error) {
    return answerToTrap(request, error, env, ended);
  }
}

async function answerToTrap(request, error, env, ended) {
  const cause = String(error?.message ?? error);
  try {
    const stack = String(error?.stack ?? "");
    return respond(request, await call(() => rust.trapped(head(request), cause, stack, env)), ended);
  } catch (error) {
    const again = String(error?.message ?? error);
    console.error(JSON.stringify({ level: "ERROR", message: "request failed, and its answer too", cause, again }));
    // Not even a fresh module works: nothing is left that knows our headers.
    return new Response(null, { status: 500 });
  }
}

export default class extends WorkerEntrypoint {
  fetch(request) {
    const repeated = repeat(request);
    if (repeated) return repeated;
    const ended = () => deliver(this.ctx, this.env);
    const work = answer(request, this.env, this.ctx, ended);
    // Otherwise the runtime drops the work when the client goes away, be it between a charge and the start of its run; and
    // what the dropped work of a read holds in the module would stay there for ever.
    this.ctx.waitUntil(work.then(ended));
    return work;
  }

  queue(batch) {
    return guarded(`queue/${batch.queue}`, this, () => rust.consume(batch, this.env));
  }

  scheduled(event) {
    return guarded("scheduled", this, () => rust.scheduled(event.cron, event.scheduledTime, this.env));
  }
}

// A class whose Rust half is rebuilt after the module was reset. What it streams comes as a Rust body.
function durable(name) {
  const Shell = class extends DurableObject {};
  for (const method of ["fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]) {
    Shell.prototype[method] = async function (...args) {
      const answer = await guarded(`${name}.${method}`, this, () => {
        if (this.generation !== generation) {
          this.generation = generation;
          this.rust = new rust[name](this.ctx, this.env);
        }
        return this.rust[method](...args);
      });
      return answer instanceof rust.BodyStream ? new Response(stream(answer, () => deliver(this.ctx, this.env))) : answer;
    };
  }
  return Shell;
}

export const RunProgress = durable("RunProgress");
export const ScrapeGate = durable("ScrapeGate");
export const Scrape = durable("Scrape");
export const AccountConnections = durable("AccountConnections");

// A body that traps every time must end: after so many traps the engine gets the error.
const TRAPS_MAX = 5;

// A workflow class whose body is the Rust function for this name.
function workflow(name) {
  return class extends WorkflowEntrypoint {
    async run(event, step) {
      const begun = new Map(); // a body started again after a trap joins the steps that are under way
      for (let left = TRAPS_MAX; ; left--) {
        const seen = {};
        const joined = {};
        for (const kind of ["do", "sleep", "waitForEvent"]) {
          joined[kind] = (label, argument, callback) => {
            const key = `${label}#${(seen[label] = (seen[label] ?? 0) + 1)}`;
            const entry = begun.get(key) ?? {};
            begun.set(key, entry);
            entry.callback = callback; // a retry of the engine must not call into the module that trapped
            return (entry.promise ??=
              kind === "do"
                ? step.do(label, argument, (context) =>
                    guarded(`${name}/${label}`, this, () => entry.callback(context)),
                  )
                : step[kind](label, argument));
          };
        }
        try {
          return await guarded(name, this, () => rust.run_workflow(name, event, joined, this.env));
        } catch (error) {
          if (!(error instanceof Trap) || left <= 0) throw error;
        }
      }
    }
  };
}

export const AnalysisWorkflow = workflow("AnalysisWorkflow");
export const BulkWorkflow = workflow("BulkWorkflow");
