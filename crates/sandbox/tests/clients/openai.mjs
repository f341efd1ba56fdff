// OpenAI's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { base, everything, plant, received } from "./sandbox.mjs";

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

/** What each answer must have. */
const wanted = new Set(lead.json_schema.schema.required);

/** A question about a coffee roaster, and a mark by which a fault finds it. */
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
  // Unasked, the client pauses half a second at most.
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

test("models are listed and read", async () => {
  const ids = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  assert.ok(ids.includes("gpt-4o-mini") && ids.includes("gpt-5-mini"));
  assert.equal((await openai.models.retrieve("gpt-5-mini")).object, "model");
  await assert.rejects(openai.models.retrieve("nope"), OpenAI.NotFoundError);
});

test("no key is kept in what was received", async () => {
  assert.ok(!(await everything()).includes(KEY));
});
