// OpenAI's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { base, change, everything, plant, received } from "./sandbox.mjs";

const KEY = "sandbox-openai-key";
const client = (options) => new OpenAI({ apiKey: KEY, baseURL: `${base}/openai/v1`, ...options });
const openai = client();
const once = client({ maxRetries: 0 });

const lead = {
  type: "json_schema",
  json_schema: {
    name: "lead",
    strict: true,
    schema: {
      type: "object",
      additionalProperties: false,
      required: ["score", "fit", "summary", "reasons", "note"],
      properties: {
        score: { type: "integer", minimum: 0, maximum: 100 },
        fit: { type: "string", enum: ["low", "medium", "high"] },
        summary: { type: "string" },
        reasons: {
          type: "array",
          items: {
            type: "object",
            additionalProperties: false,
            required: ["text", "weight"],
            properties: { text: { type: "string" }, weight: { type: "integer" } },
          },
        },
        note: { type: ["string", "null"] },
      },
    },
  },
};

/** The properties that each answer must have. */
const wanted = new Set(lead.json_schema.schema.required);

/** A question about a coffee roaster, with a mark that a fault can match. */
const question = (mark, more) => ({
  model: "gpt-4o-mini",
  messages: [
    { role: "system", content: "Judge the lead. <business>We sell grinders to coffee roasters.</business>" },
    { role: "user", content: `<profile>{"username":"bean","biography":"Coffee roaster ${mark}"}</profile>` },
  ],
  response_format: lead,
  ...more,
});

/** The answer to a question that one fault strikes. */
const under = async (kind) => {
  await plant({ target: "openai.chat", kind, times: 1, match: `mark-${kind}` });
  return once.chat.completions.create(question(`mark-${kind}`));
};

for (const [model, more] of [
  ["gpt-4o-mini", { temperature: 0 }],
  ["gpt-5-mini", { reasoning_effort: "low", max_completion_tokens: 4000, prompt_cache_key: "k", store: false }],
]) {
  test(`${model} answers in the strict schema, with what is billed`, async () => {
    const completion = await openai.chat.completions.create(question("plain", { model, ...more }));
    assert.equal(completion.object, "chat.completion");
    assert.ok(completion.model.startsWith(model));
    assert.equal(completion.system_fingerprint, "sandbox");
    assert.match(completion._request_id, /^req_/);
    const [choice] = completion.choices;
    assert.deepEqual([choice.finish_reason, choice.message.role, choice.message.refusal], ["stop", "assistant", null]);
    const answer = JSON.parse(choice.message.content);
    assert.deepEqual(new Set(Object.keys(answer)), wanted);
    assert.ok(Number.isInteger(answer.score) && answer.score > 60, "a roaster is what a seller of grinders wants");
    assert.ok(["low", "medium", "high"].includes(answer.fit));
    assert.ok(answer.reasons.every(({ text, weight }) => text.length > 0 && Number.isInteger(weight)));
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage;
    assert.ok(prompt_tokens > 0 && completion_tokens > 0);
    assert.equal(total_tokens, prompt_tokens + completion_tokens);
  });
}

test("a refusal has no content", async () => {
  const [choice] = (await under("refusal")).choices;
  assert.equal(choice.message.content, null);
  assert.ok(choice.message.refusal.length > 0);
});

test("an answer that ran out of tokens is cut", async () => {
  const [choice] = (await under("length")).choices;
  assert.equal(choice.finish_reason, "length");
  assert.throws(() => JSON.parse(choice.message.content), SyntaxError);
});

test("a broken promise of strictness is JSON of another form", async () => {
  const [choice] = (await under("schema_violation")).choices;
  assert.equal(choice.finish_reason, "stop");
  assert.notDeepEqual(new Set(Object.keys(JSON.parse(choice.message.content))), wanted);
});

test("errors are the client's own classes with OpenAI's codes", async () => {
  const refused = (type, code, param) => (error) => {
    assert.ok(error instanceof type, String(error));
    assert.deepEqual([error.code, error.param], [code, param]);
    assert.match(error.requestID, /^req_/);
    return true;
  };
  const ask = (more) => openai.chat.completions.create(question("refused", more));
  const wrong = client({ apiKey: "sk-wrong" });
  const wrongKey = refused(OpenAI.AuthenticationError, "invalid_api_key", null);
  await assert.rejects(wrong.models.list(), wrongKey);
  await assert.rejects(wrong.chat.completions.create(question("x")), wrongKey);
  await assert.rejects(ask({ model: "nope" }), refused(OpenAI.NotFoundError, "model_not_found", null));
  await assert.rejects(
    ask({ model: "gpt-5-mini", max_tokens: 10 }),
    refused(OpenAI.BadRequestError, "unsupported_parameter", "max_tokens"),
  );
  await assert.rejects(ask({ reasoning_effort: "low" }), OpenAI.BadRequestError);
});

test("Retry-After is honoured by the client's own repeat", async () => {
  await plant({ target: "openai.chat", kind: "rate_limit", retry_after_s: 1, times: 1, match: "mark-limited" });
  await openai.chat.completions.create(question("mark-limited"));
  const calls = await received("openai.chat", "mark-limited");
  assert.deepEqual(calls.map((call) => call.status), [429, 200]);
  // Without Retry-After the client pauses for at most half a second before its first repeat.
  const paused = calls[1].started_at_ms - calls[0].started_at_ms;
  assert.ok(paused > 900, `the repeat came after ${paused} ms`);
});

test("the client's own repeats get through what passes", async () => {
  for (const [fault, failed] of [[{ kind: "status", status: 500 }, 500], [{ kind: "drop" }, null]]) {
    const match = `mark-passing-${fault.kind}`;
    await plant({ target: "openai.chat", times: 1, match, ...fault });
    await openai.chat.completions.create(question(match));
    assert.deepEqual((await received("openai.chat", match)).map((call) => call.status), [failed, 200]);
  }
});

test("an account without money is told from a rate limit", async () => {
  await assert.rejects(under("insufficient_quota"), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError, String(error));
    assert.deepEqual([error.status, error.code, error.type], [429, "insufficient_quota", "insufficient_quota"]);
    return true;
  });
});

test("models are listed and read, with the day of their shutdown", async () => {
  const days = new Map();
  for await (const model of openai.models.list()) days.set(model.id, model.shutdown_date);
  assert.deepEqual(
    ["gpt-4o-mini", "gpt-5-mini", "gpt-5.4-nano", "gpt-6-luna", "gpt-6.1-terra"].map((id) => days.get(id)),
    ["2027-01-14", "2026-12-11", "2027-04-01", null, null],
  );
  const mini = await openai.models.retrieve("gpt-5-mini");
  assert.deepEqual([mini.object, mini.shutdown_date], ["model", "2026-12-11"]);
  await assert.rejects(openai.models.retrieve("nope"), OpenAI.NotFoundError);
});

/** Long instructions and a short question to a model that caches up to breakpoints. */
const cached = async (mark, { breakpoint, ...more }) => {
  const { messages, ...rest } = question(mark, { model: "gpt-6-luna", reasoning_effort: "none", ...more });
  const [instructions, user] = messages;
  const part = { type: "text", text: "Judge by what is written. ".repeat(300) + instructions.content, ...breakpoint };
  const completion = await openai.chat.completions.create({ ...rest, messages: [{ role: "system", content: [part] }, user] });
  const { cached_tokens, cache_write_tokens } = completion.usage.prompt_tokens_details;
  return [cached_tokens, cache_write_tokens];
};

test("a prefix with a breakpoint is written once and then read", async () => {
  const more = {
    prompt_cache_key: "explicit",
    prompt_cache_options: { mode: "explicit" },
    breakpoint: { prompt_cache_breakpoint: { mode: "explicit" } },
  };
  const [read, written] = await cached("first", more);
  assert.ok(read === 0 && written > 1024, `${read} ${written}`);
  assert.deepEqual(await cached("another question", more), [written, 0]);
});

test("without a breakpoint the whole prompt is written and never read by another question", async () => {
  const more = { prompt_cache_key: "implicit" };
  const [read, written] = await cached("first", more);
  assert.ok(read === 0 && written > 1024, `${read} ${written}`);
  const [again, rewritten] = await cached("another question", more);
  assert.ok(again === 0 && rewritten > written, `${again} ${rewritten}`);
  const off = { prompt_cache_key: "off", prompt_cache_options: { mode: "explicit" } };
  assert.deepEqual([await cached("one", off), await cached("one", off)], [[0, 0], [0, 0]]);
});

test("each model refuses the efforts and the caching it does not know", async () => {
  const refused = (code, param) => (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.deepEqual([error.code, error.param], [code, param]);
    return true;
  };
  const ask = (model, more) => openai.chat.completions.create(question("refused", { model, ...more }));
  for (const [model, reasoning_effort] of [["gpt-6-luna", "minimal"], ["gpt-6.1-terra", "minimal"], ["gpt-6.2-sol", "none"]]) {
    await assert.rejects(ask(model, { reasoning_effort }), refused("unsupported_value", "reasoning_effort"));
  }
  await assert.rejects(ask("gpt-6-luna", { temperature: 0 }), refused("unsupported_value", "temperature"));
  const prompt_cache_options = { mode: "explicit" };
  await assert.rejects(ask("gpt-5-mini", { prompt_cache_options }), refused("unsupported_parameter", "prompt_cache_options"));
});

test("a model that was shut down is not found, for some calls or for all, and listed no more", async () => {
  const gone = (model) => (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError, String(error));
    assert.deepEqual([error.code, error.type, error.param], ["model_not_found", "invalid_request_error", null]);
    assert.match(error.message, new RegExp(`The model \`${model}\` has been deprecated`));
    return true;
  };
  await plant({ target: "openai.chat", kind: "model_gone", times: 1, match: "mark-gone" });
  await assert.rejects(openai.chat.completions.create(question("mark-gone")), gone("gpt-4o-mini"));
  await openai.chat.completions.create(question("not struck"));
  await change({ provider: "openai", model: "gpt-5.1", gone: true });
  await assert.rejects(openai.chat.completions.create(question("any", { model: "gpt-5.1" })), gone("gpt-5.1"));
  await assert.rejects(openai.models.retrieve("gpt-5.1"), OpenAI.NotFoundError);
  assert.ok(!(await openai.models.list()).data.some((model) => model.id.startsWith("gpt-5.1")));
});

test("told to slow down, the client repeats by itself", async () => {
  await plant({ target: "openai.chat", kind: "slow_down", times: 1, match: "mark-slow" });
  await assert.rejects(once.chat.completions.create(question("mark-slow")), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError && error.code === "slow_down", String(error));
    return true;
  });
  await plant({ target: "openai.chat", kind: "slow_down", times: 1, match: "mark-repeat" });
  await openai.chat.completions.create(question("mark-repeat"));
  assert.deepEqual((await received("openai.chat", "mark-repeat")).map((call) => call.status), [429, 200]);
});

test("no key is kept in what was received", async () => {
  assert.ok(!(await everything()).includes(KEY));
});
