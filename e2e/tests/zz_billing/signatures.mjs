// Events signed by the official library reach the webhook; what it would not have signed does not.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import test from "node:test";
import Stripe from "stripe";

const { OSLIRA_API_URL: api, STRIPE_WEBHOOK_SECRET: secret } = process.env;
const stripe = new Stripe("sandbox-stripe-key");
const now = () => Math.floor(Date.now() / 1000);

// It concerns no credits, so that it leaves nothing behind.
const event = () =>
  JSON.stringify({
    id: `evt_signed_${randomUUID().replaceAll("-", "")}`,
    object: "event",
    api_version: "2026-10-28.endive",
    created: now(),
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: "product.created",
    data: { object: { id: "prod_1", object: "product", name: "Überraschung ☕" } },
  });

const sign = (payload, options = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret, ...options });

async function post(payload, signature) {
  const response = await fetch(`${api}/webhooks/stripe`, {
    method: "POST",
    body: payload,
    headers: { "content-type": "application/json; charset=utf-8", ...(signature === undefined ? {} : { "stripe-signature": signature }) },
  });
  const body = await response.json();
  return [response.status, body.code ?? "ok"];
}

const accepted = [200, "ok"];
const refused = [400, "invalid_signature"];

test("what the library signs is taken, and so would the library take it", async () => {
  const payload = event();
  const header = sign(payload);
  assert.equal(stripe.webhooks.constructEvent(payload, header, secret).type, "product.created");
  assert.deepEqual(await post(payload, header), accepted);
});

test("of several signatures one has to be right, wherever it stands", async () => {
  const payload = event();
  const [time, right] = sign(payload).split(",");
  const wrong = `v1=${"0".repeat(64)}`;
  for (const header of [`${time},${wrong},${right}`, `${time},${right},${wrong}`, `${time},v0=abc,${right},v2=x`])
    assert.deepEqual(await post(payload, header), accepted, header);
});

test("what the library refuses is refused", async () => {
  const payload = event();
  const header = sign(payload);
  const cases = {
    "no signature": [payload, undefined],
    "an empty one": [payload, ""],
    "another secret": [payload, sign(payload, { secret: "whsec_another_secret_of_somebody_else" })],
    "another body": [payload.replace("prod_1", "prod_2"), header],
    "the body with another byte": [`${payload} `, header],
    "six minutes old": [payload, sign(payload, { timestamp: now() - 360 })],
    "only the old scheme": [payload, header.replace("v1=", "v0=")],
    "no time": [payload, header.split(",")[1]],
    "a time that is none": [payload, header.replace(/t=\d+/, "t=soon")],
    garbage: [payload, "t=1,v1=zz,v1,=,,"],
    "a time that was not signed": [payload, header.replace(/t=\d+/, `t=${now() - 10}`)],
  };
  for (const [name, [body, signature]] of Object.entries(cases)) {
    assert.deepEqual(await post(body, signature), refused, name);
    assert.throws(() => stripe.webhooks.constructEvent(body, signature, secret), name);
  }
});

test("what is signed and no event is refused as such", async () => {
  for (const payload of ["", "{}", "[]", "not json", '{"id":"evt_1"}', '{"object":"event","type":"x"}', '"\\ud800"'])
    assert.deepEqual(await post(payload, sign(payload)), [400, "malformed_event"], payload);
  // Bytes that are no text, which the library does not sign.
  const bytes = Buffer.from([0xff, 0xfe]);
  const time = now();
  const digest = createHmac("sha256", secret).update(`${time}.`).update(bytes).digest("hex");
  assert.deepEqual(await post(bytes, `t=${time},v1=${digest}`), [400, "malformed_event"]);
});
