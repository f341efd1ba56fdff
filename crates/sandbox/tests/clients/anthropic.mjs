// Uses the sandbox through Anthropic's official client, directly and through the gateway.
//
// Prints one JSON object with what the client saw; the test anthropic_client.rs knows what it should have seen.
// Usage: node anthropic.mjs BASE_URL

import Anthropic from "@anthropic-ai/sdk";

const base = process.argv[2];

const control = async (method, path, body) => {
  const answer = await fetch(`${base}/control${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return answer.json();
};

const schema = {
  type: "object",
  additionalProperties: false,
  required: ["fit_score", "summary", "reasons"],
  properties: {
    fit_score: { type: "integer" },
    summary: { type: "string" },
    reasons: { type: "array", items: { type: "string" } },
  },
};

const request = (tail) => ({
  model: "claude-haiku-4-5",
  max_tokens: 2000,
  system: [
    {
      type: "text",
      // More than 4,096 tokens: this model caches nothing shorter.
      text: `${"Judge by what is written. ".repeat(800)}<business>We sell grinders to coffee roasters.</business>`,
      cache_control: { type: "ephemeral" },
    },
  ],
  messages: [
    {
      role: "user",
      content: `<profile>${JSON.stringify({ username: `bean.${tail}`, biography: "Specialty coffee roaster", followersCount: 9000 })}</profile>`,
    },
  ],
  output_config: { format: { type: "json_schema", schema } },
});

// The outcome of a call: the message, or the error as the client names it.
const outcome = async (call) => {
  try {
    return { message: await call() };
  } catch (error) {
    return { error: error.constructor.name, status: error.status, type: error.error?.error?.type, request_id: error.requestID };
  }
};

const drive = async (name, options) => {
  const client = new Anthropic({ apiKey: "sandbox-anthropic-key", maxRetries: 0, ...options });
  const tail = `${name}.`;
  const seen = {};
  const create = (suffix, over = {}) => outcome(() => client.messages.create({ ...request(tail + suffix), ...over }));
  const under = async (kind, call, more = {}) => {
    await control("POST", "/faults", { target: "anthropic.messages", kind, times: 1, match: tail + kind, ...more });
    return call();
  };

  seen.written = await create("one");
  seen.read = await create("two");
  seen.limited = await create("short", { max_tokens: 5 });
  seen.tool = await create("tool", {
    output_config: undefined,
    tools: [{ name: "judge", strict: true, input_schema: schema }],
    tool_choice: { type: "tool", name: "judge" },
  });
  seen.unknown_model = await create("unknown", { model: "claude-9" });
  seen.wrong_key = await outcome(() =>
    new Anthropic({ ...options, apiKey: "wrong", maxRetries: 0 }).messages.create(request(`${tail}key`)),
  );
  seen.refusal = await under("refusal", () => create("refusal"));
  seen.overloaded = await under("overloaded", () => create("overloaded"));
  seen.unpaid = await under("insufficient_quota", () => create("insufficient_quota"));
  seen.dropped = await under("drop", () => create("drop"));

  const patient = new Anthropic({ apiKey: "sandbox-anthropic-key", maxRetries: 1, ...options });
  const begun = performance.now();
  seen.retried = await under(
    "rate_limit",
    () => outcome(() => patient.messages.create(request(`${tail}rate_limit`))),
    { retry_after_s: 1 },
  );
  seen.retried.waited_ms = performance.now() - begun;
  seen.retried.calls = (await control("GET", `/received?target=anthropic.messages&match=${tail}rate_limit`)).count;
  return seen;
};

const direct = await drive("direct", { baseURL: `${base}/anthropic` });
const gateway = await drive("gateway", {
  baseURL: `${base}/gateway/v1/account/oslira/anthropic`,
  defaultHeaders: {
    "cf-aig-authorization": "Bearer sandbox-gateway-token",
    "cf-aig-metadata": JSON.stringify({ run_id: "run-1" }),
  },
});
// The client reads the list of models page by page, and meets a model that was retired.
const anthropic = new Anthropic({ apiKey: "sandbox-anthropic-key", baseURL: `${base}/anthropic`, maxRetries: 0 });
const list = async (parameters) => {
  const entries = [];
  for await (const model of anthropic.models.list(parameters)) entries.push(model);
  return entries;
};
const models = await list({ limit: 5 });
const page = await anthropic.models.list();
const haiku = { model: "claude-haiku-4-5-20251001" };
await control("POST", "/models", { provider: "anthropic", ...haiku, gone: true });
const gone = {
  asked: await outcome(() => anthropic.messages.create({ ...request("gone"), ...haiku })),
  listed: (await list()).map((model) => model.id),
  retired: (await list({ lifecycle: ["retired", "active"] })).find((model) => model.id === haiku.model),
};
await control("DELETE", "/models");

// A newer model thinks before it answers unless it is told not to; some cannot be told.
const newer = { model: "claude-haiku-5-5" };
const thought = await outcome(() => anthropic.messages.create({ ...request("thought"), ...newer }));
const told = { ...newer, thinking: { type: "disabled" } };
const unthought = await outcome(() => anthropic.messages.create({ ...request("unthought"), ...told }));
const refused = await outcome(() => anthropic.messages.create({ ...request("refused"), ...told, model: "claude-sonnet-5-5" }));
const unbilled = {};
for (const code of ["contract_spend_limit_reached", "linked_organization_billing_unavailable"]) {
  await control("POST", "/faults", { target: "anthropic.messages", kind: "insufficient_quota", code, times: 1, match: code });
  unbilled[code] = await outcome(() => anthropic.messages.create(request(code)));
}
console.log(
  JSON.stringify({ direct, gateway, models, first: page.data[0].id, gone, thought, unthought, refused, unbilled }),
);
