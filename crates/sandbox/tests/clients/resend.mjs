// Resend's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import { Resend } from "resend";
import { base, everything, mailTo, plant } from "./sandbox.mjs";

const KEY = "sandbox-resend-key";
const client = (key = KEY) => new Resend(key, { baseUrl: `${base}/resend` });
const resend = client();
const from = "Oslira <hello@oslira.test>";
const letter = (to, change) => ({ from, to, subject: "Welcome", text: "Hello", html: "<p>Hello</p>", ...change });

/** Fails unless the answer is this refusal. */
function refused({ data, error }, statusCode, name, message) {
  assert.equal(data, null);
  assert.deepEqual([error.statusCode, error.name], [statusCode, name], JSON.stringify(error));
  if (message) assert.match(error.message, message);
}

test("a mail is sent, read again and found in the outbox", async () => {
  const sent = await resend.emails.send(
    letter(["Ann <ann@example.com>", "bo@example.com"], {
      replyTo: "help@oslira.test",
      headers: { "List-Unsubscribe": "<https://example.com/u/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
      tags: [{ name: "kind", value: "welcome" }],
    }),
  );
  assert.equal(sent.error, null);
  const { data } = await resend.emails.get(sent.data.id);
  assert.deepEqual([data.object, data.id, data.from, data.subject], ["email", sent.data.id, from, "Welcome"]);
  assert.deepEqual(data.to, ["Ann <ann@example.com>", "bo@example.com"]);
  assert.deepEqual([data.html, data.text, data.reply_to, data.cc], ["<p>Hello</p>", "Hello", ["help@oslira.test"], null]);
  assert.equal(data.last_event, "delivered");
  assert.ok(Math.abs(Date.parse(data.created_at.replace("+00", "Z")) - Date.now()) < 60_000, data.created_at);
  const [mail] = await mailTo("bo@example.com");
  assert.deepEqual([mail.id, mail.sent_by, mail.subject, mail.text], [sent.data.id, "resend", "Welcome", "Hello"]);
  assert.equal(mail.headers["List-Unsubscribe"], "<https://example.com/u/1>");
  assert.deepEqual(mail.tags, [{ name: "kind", value: "welcome" }]);
});

test("a key sends one mail, however often it is used", async () => {
  const send = (subject) => resend.emails.send(letter("cy@example.com", { subject }), { idempotencyKey: "welcome/cy" });
  const first = await send("Welcome");
  assert.equal((await send("Welcome")).data.id, first.data.id);
  refused(await send("Goodbye"), 409, "invalid_idempotent_request");
  assert.equal((await mailTo("cy@example.com")).length, 1);
  await resend.emails.send(letter("cy@example.com"), { idempotencyKey: "welcome/cy/2" });
  assert.equal((await mailTo("cy@example.com")).length, 2);
  const long = { idempotencyKey: "x".repeat(257) };
  refused(await resend.emails.send(letter("cy@example.com"), long), 400, "invalid_idempotency_key");
});

test("a refused mail may be repeated with its key", async () => {
  const send = (change) => resend.emails.send(letter("di@example.com", change), { idempotencyKey: "di" });
  refused(await send({ from: "oslira" }), 422, "validation_error", /`from` field/);
  assert.equal((await send()).error, null);
});

test("what a mail lacks is named", async () => {
  const missing = async (change, message) =>
    refused(await resend.emails.send(letter("ed@example.com", change)), 422, "missing_required_field", message);
  await missing({ to: undefined }, /`to`/);
  await missing({ subject: undefined }, /`subject`/);
  await missing({ text: undefined, html: undefined }, /`html` or `text`/);
  assert.deepEqual(await mailTo("ed@example.com"), []);
});

test("keys, paths and identifiers are refused as Resend does", async () => {
  refused(await client("re_other").emails.send(letter("fay@example.com")), 401, "validation_error", /API key is invalid/);
  refused(await client("re_other").emails.get(crypto.randomUUID()), 400, "validation_error", /API key is invalid/);
  const nameless = await fetch(`${base}/resend/emails`, { method: "POST", body: JSON.stringify(letter("fay@example.com")) });
  assert.deepEqual([nameless.status, (await nameless.json()).name], [401, "missing_api_key"]);
  refused(await resend.emails.get(crypto.randomUUID()), 404, "not_found", /Email not found/);
  refused(await resend.emails.get("1"), 422, "invalid_parameter");
  refused(await resend.domains.list(), 404, "not_found");
  refused(await resend.emails.update({ id: crypto.randomUUID(), scheduledAt: "in 1 hour" }), 405, "method_not_allowed");
  assert.deepEqual(await mailTo("fay@example.com"), []);
});

test("faults strike the mails that they name", async () => {
  const send = (to) => resend.emails.send(letter(to), { idempotencyKey: to });
  const fault = (kind, match, more) => plant({ target: "resend.emails", kind, match, times: 1, ...more });
  await fault("rate_limit", "gil@example.com", { retry_after_s: 2 });
  const limited = await send("gil@example.com");
  refused(limited, 429, "rate_limit_exceeded");
  assert.equal(limited.headers["retry-after"], "2");
  assert.deepEqual(await mailTo("gil@example.com"), []);
  await fault("status", "hal@example.com", { status: 403 });
  refused(await send("hal@example.com"), 403, "invalid_api_key");
  await fault("status", "hal@example.com", { status: 500 });
  refused(await send("hal@example.com"), 500, "application_error");
  await fault("drop", "ike@example.com");
  refused(await send("ike@example.com"), null, "application_error");
  assert.deepEqual(await mailTo("ike@example.com"), []);
  // The answer is lost, but the mail was sent: the key keeps it from being sent again.
  await fault("malformed", "joy@example.com");
  refused(await send("joy@example.com"), null, "application_error");
  const [sent] = await mailTo("joy@example.com");
  assert.equal((await send("joy@example.com")).data.id, sent.id);
  assert.equal((await mailTo("joy@example.com")).length, 1);
  await fault("delay", "kim@example.com", { delay_ms: 300 });
  const began = Date.now();
  assert.equal((await send("kim@example.com")).error, null);
  assert.ok(Date.now() - began >= 300);
  assert.ok(!(await everything()).includes(KEY), "no key is recorded");
});
