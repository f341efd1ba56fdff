// The Worker's entry: wires fetch, queue, cron, Durable Objects and Workflows to Rust.
//
// Promises: one crossing into WebAssembly and one out per request; when the module traps, every call in flight is
// rejected at once and the next call gets a fresh module, so one bug never wedges the isolate.
import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
import { documentOf } from "./documents.js";
import * as rust from "./index.js";

class Trap extends Error {}

const inFlight = new Set(); // reject functions of the calls on the present module
let dead = false;
let generation = 0;

function trapped(cause) {
  dead = true;
  for (const reject of inFlight) reject(new Trap(`the WebAssembly module trapped: ${cause?.message ?? cause}`));
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
    if (value) trapped("panic");
  },
});

// The only way into the module. A call on a dead module first replaces it by a fresh one.
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

// Mirrors BODY_BYTES_MAX: one byte more is enough for Rust to see that the body is too large.
const BODY_BYTES_MAX = 64 * 1024;

async function readBody(request) {
  if (!request.body) return undefined;
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > BODY_BYTES_MAX) break;
  }
  if (chunks.length === 1) return chunks[0];
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

// Method, path with query, then one `name:value` a line: headers cannot hold line breaks. The path begins at the first
// slash behind "https://", which is 8 characters long.
function head(request) {
  const { url } = request;
  let text = `${request.method}\n${url.slice(url.indexOf("/", 8))}`;
  for (const [name, value] of request.headers) text += `\n${name}:${value}`;
  return text;
}

// A Rust body of unknown length, piece by piece; it is freed when the client has all of it or goes away.
function stream(body) {
  let pulled = Promise.resolve();
  const free = () => pulled.catch(() => {}).then(() => body.free());
  return new ReadableStream({
    pull(controller) {
      pulled = call(() => body.next()).then((piece) => {
        if (piece) return controller.enqueue(piece);
        controller.close();
        body.free();
      });
      return pulled;
    },
    cancel: free, // waits for a piece that is still being made
  });
}

const BROKEN = {
  success: false,
  code: "internal_error",
  error: "Something went wrong on our side. Try again in a few seconds.",
};

// The http crate refuses addresses beyond 64 KiB; nothing of ours needs more than this.
const URL_CHARS_MAX = 8 * 1024;
const TOO_LONG = { success: false, code: "address_too_long", error: "The address may have at most 8,192 characters." };

export default class extends WorkerEntrypoint {
  async fetch(request) {
    if (request.url.length > URL_CHARS_MAX) {
      return Response.json({ ...TOO_LONG, timestamp: new Date().toISOString() }, { status: 414 });
    }
    const document = documentOf(request);
    if (document) return document;
    try {
      const body = await readBody(request);
      const [status, headers, answer] = await call(() => rust.handle(head(request), body, this.env));
      if (!(answer instanceof Uint8Array)) return new Response(stream(answer), { status, headers });
      // A status such as 304 allows no body, not even an empty one.
      return new Response(answer.byteLength > 0 ? answer : null, { status, headers });
    } catch (error) {
      console.error(JSON.stringify({ level: "ERROR", message: "request failed", cause: String(error?.message ?? error) }));
      return Response.json({ ...BROKEN, timestamp: new Date().toISOString() }, { status: 500 });
    }
  }

  queue(batch) {
    return call(() => rust.consume(batch, this.env));
  }

  scheduled(event) {
    return call(() => rust.scheduled(event.cron, this.env));
  }
}

// A class whose Rust half is rebuilt after the module was reset.
function durable(name) {
  const Shell = class extends DurableObject {};
  for (const method of ["fetch", "alarm"]) {
    Shell.prototype[method] = function (...args) {
      return call(() => {
        if (this.generation !== generation) {
          this.generation = generation;
          this.rust = new rust[name](this.ctx, this.env);
        }
        return this.rust[method](...args);
      });
    };
  }
  return Shell;
}

export const RunProgress = durable("RunProgress");

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
                ? step.do(label, argument, (context) => call(() => entry.callback(context)))
                : step[kind](label, argument));
          };
        }
        try {
          return await call(() => rust.run_workflow(name, event, joined, this.env));
        } catch (error) {
          if (!(error instanceof Trap) || left <= 0) throw error;
        }
      }
    }
  };
}

export const AnalysisWorkflow = workflow("AnalysisWorkflow");
