// crates/worker/js/entry.js with a module that this file plays: it traps when it is told to.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { pathToFileURL } from "node:url";

const source = await readFile(new URL("../../../crates/worker/js/entry.js", import.meta.url), "utf8");
const directory = await mkdtemp(join(tmpdir(), "oslira-entry-"));
const write = (name, text) => writeFile(join(directory, name), text);
await write("package.json", '{"type":"module"}');
await write("entry.js", source.replace('"cloudflare:workers"', '"./workers.js"'));
await write("documents.js", "export const documentAt = () => undefined;");
await write(
  "workers.js",
  `class Base { constructor(ctx, env) { this.ctx = ctx; this.env = env; } }
   export { Base as DurableObject, Base as WorkerEntrypoint, Base as WorkflowEntrypoint };`,
);
await write(
  "index.js",
  `const { played } = globalThis;
   const state = {};
   export const __worker_init_state = () => state;
   export const __wbg_reset_state = () => played.done.push("reset");
   export const has_telemetry = () => true;
   export const secrets_are_due = () => false;
   export const deliver_telemetry = async () => { played.done.push("delivered"); };
   export const note_trap = (place, cause) => { played.done.push("told " + place); played.cause = cause; };
   export const note_repeated = (...told) => { played.done.push(told.join(" ")); };
   export const handle = (...args) => played.work(...args);
   export const consume = () => played.work();
   export const scheduled = () => played.work();
   export const run_workflow = (...args) => played.work(...args);
   export class BodyStream {}
   export class RunProgress { alarm() { return played.work(); } }`,
);

const played = { done: [], cause: undefined, work: undefined };
globalThis.played = played;
globalThis.addEventListener = () => {};
const entry = await import(pathToFileURL(join(directory, "entry.js")));
after(() => rm(directory, { recursive: true }));

const waits = [];
const ctx = { waitUntil: (promise) => waits.push(promise) };
const env = {};
const trap = () => {
  throw new WebAssembly.RuntimeError("unreachable");
};

// Until all that is behind the answers is done; what was done by then.
async function done() {
  while (waits.length > 0) await Promise.all(waits.splice(0));
  return played.done.splice(0);
}

test("a trap that is no request's is told by a fresh module, and delivered", async () => {
  for (const [place, enter] of [
    ["queue/analysis", () => new entry.default(ctx, env).queue({ queue: "analysis" })],
    ["scheduled", () => new entry.default(ctx, env).scheduled({ cron: "0 2 * * *", scheduledTime: 0 })],
    ["RunProgress.alarm", () => new entry.RunProgress(ctx, env).alarm()],
  ]) {
    played.work = trap;
    await assert.rejects(enter(), /trapped: unreachable/);
    assert.deepEqual(await done(), ["reset", `told ${place}`, "delivered"]);
    assert.match(played.cause, /unreachable/);
    played.work = async () => {};
    await enter();
    assert.deepEqual(await done(), ["delivered"], "the next call finds a module that works");
  }
});

test("a failure that is no trap is nothing to tell", async () => {
  played.work = async () => {
    throw new Error("the database is out");
  };
  await assert.rejects(new entry.default(ctx, env).queue({ queue: "analysis" }), /the database is out/);
  assert.deepEqual(await done(), ["delivered"]);
});

test("a step that traps is told, and so is the body that falls with it; both go on", async () => {
  // As the engine does: a step that fails is tried again a little later.
  const step = {
    async do(_label, _argument, attempt) {
      for (;;) {
        try {
          return await attempt({});
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    },
  };
  let traps = 1;
  let bodies = 0;
  played.work = async (_name, _event, steps) => {
    bodies += 1;
    await steps.do("take-up", {}, () => (traps-- > 0 ? trap() : "taken up"));
  };
  await new entry.AnalysisWorkflow(ctx, env).run({}, step);
  assert.equal(bodies, 2);
  const told = (await done()).filter((what) => what.startsWith("told"));
  assert.deepEqual(told.sort(), ["told AnalysisWorkflow", "told AnalysisWorkflow/take-up"]);
});

test("a body that traps each time ends, and each of its traps is told", async () => {
  played.work = trap;
  await assert.rejects(new entry.AnalysisWorkflow(ctx, env).run({}, {}), /trapped/);
  const told = (await done()).filter((what) => what.startsWith("told"));
  assert.deepEqual(told, Array(6).fill("told AnalysisWorkflow"));
});

test("what was counted is delivered when the answer has left", async () => {
  played.work = async () => [200, [], new Uint8Array([1])];
  const answer = await new entry.default(ctx, env).fetch(new Request("https://oslira.test/v1/runs"));
  assert.equal(answer.status, 200);
  assert.deepEqual(played.done, [], "nothing is delivered before");
  assert.deepEqual(await done(), ["delivered"]);
});

test("a trap that ends many streams is told once and delivered, and frees nothing of the module that is gone", async () => {
  let freed = 0;
  const open = (next) => {
    played.work = async () => [200, [], { next, free: () => freed++ }];
    return new entry.default(ctx, env).fetch(new Request("https://oslira.test/v1/runs"));
  };
  const never = () => new Promise(() => {});
  const answers = [await open(never), await open(never), await open(trap)];
  await Promise.all(answers.map((answer) => assert.rejects(answer.text())));
  const told = (await done()).filter((what) => what !== "delivered");
  assert.deepEqual(told, ["reset", "told stream"]);
  assert.equal(freed, 0);
});

test("what was told while an answer streamed is delivered at its end", async () => {
  let left = 2;
  let freed = 0;
  const next = async () => (left-- > 0 ? new Uint8Array([1]) : undefined);
  played.work = async () => [200, [], { next, free: () => freed++ }];
  const answer = await new entry.default(ctx, env).fetch(new Request("https://oslira.test/v1/runs"));
  await done();
  assert.equal((await answer.arrayBuffer()).byteLength, 2);
  assert.deepEqual(await done(), ["delivered"]);
  assert.equal(freed, 1);
});

test("a refusal is repeated for its client while it holds, and then told once", async () => {
  const refusal = [429, [["retry-after", "1"]], new TextEncoder().encode("{}"), ["user:1", 400, "/runs/{id}", "r-1"]];
  let asked = 0;
  played.work = async () => {
    asked++;
    return refusal;
  };
  const ask = async (credential, path = "/runs/7", init = {}) => {
    const request = new Request(`https://oslira.example${path}`, { ...init, headers: { authorization: credential } });
    const answer = await new entry.default(ctx, env).fetch(request);
    return `${answer.status} ${answer.headers.get("retry-after")} ${await answer.text()}`;
  };
  assert.equal(await ask("Bearer a"), "429 1 {}");
  assert.equal(await ask("Bearer a"), "429 1 {}");
  assert.equal(await ask("Bearer a"), "429 1 {}");
  assert.equal(asked, 1);
  // Another credential is not known to be the same client's, and another path or method may not be refused.
  for (const other of [["Bearer b"], ["Bearer a", "/runs/8"], ["Bearer a", "/runs/7", { method: "POST", body: "{}" }]]) await ask(...other);
  assert.equal(asked, 4);
  await ask("Bearer b");
  assert.equal(asked, 4, "by now it is");
  const told = (await done()).filter((what) => what.startsWith("GET"));
  assert.deepEqual(told, ["GET /runs/{id} r-1 2", "GET /runs/{id} r-1 1"]);
  await ask("Bearer a");
  assert.equal(asked, 5, "it holds no longer");
  played.work = async () => [200, [], new Uint8Array(), undefined];
  await done();
});
