// Stripe's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import test, { after } from "node:test";
import Stripe from "stripe";
import { base, plant, tell } from "./sandbox.mjs";

const KEY = "sandbox-stripe-key";
const SECRET = "whsec_sandbox_first";

// The client knows no path before `/v1`; the sandbox has its Stripe below one.
const below = (url, init) => fetch(url.replace("//127.0.0.1:1/", `//${base.split("//")[1]}/stripe/`), init);
const client = (options) =>
  new Stripe(KEY, {
    host: "127.0.0.1",
    port: 1,
    protocol: "http",
    telemetry: false,
    maxNetworkRetries: 0,
    httpClient: Stripe.createFetchHttpClient(below),
    ...options,
  });
const stripe = client();
const page = { success_url: "https://example.com/success", cancel_url: "https://example.com/cancel" };
const complete = (session, outcome) => tell("/complete", { session: session.id, outcome });

const received = [];
const hook = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    received.push({ body: Buffer.concat(parts), signature: request.headers["stripe-signature"] });
    response.end();
  });
});
await new Promise((resolve) => hook.listen(0, "127.0.0.1", resolve));
await tell("/endpoint", { url: `http://127.0.0.1:${hook.address().port}/` });
after(() => hook.close());

/** The first event of a type that passes the test, checked by the official library. */
async function event(type, wanted = () => true) {
  for (let tries = 0; tries < 1000; tries += 1) {
    for (const { body, signature } of received) {
      const found = stripe.webhooks.constructEvent(body, signature, SECRET);
      if (found.type === type && wanted(found.data.object)) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${type} came`);
}

async function subscribed(price, account) {
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price, quantity: 1 }],
    client_reference_id: account,
    subscription_data: { metadata: { account_id: account } },
    ...page,
  });
  const done = await complete(session);
  return stripe.subscriptions.retrieve(done.subscription, { expand: ["latest_invoice"] });
}

test("a customer is created, read, changed and found", async () => {
  const created = await stripe.customers.create({ email: "ann@example.com", metadata: { account_id: "a1", gone: "x" } });
  assert.equal(created.object, "customer");
  assert.ok(created.lastResponse.requestId.startsWith("req_"));
  assert.equal(created.lastResponse.apiVersion, "2026-10-28.endive");
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: created.id });
  const updated = await stripe.customers.update(created.id, {
    name: "Ann",
    metadata: { gone: "" },
    invoice_settings: { default_payment_method: method.id },
  });
  assert.deepEqual(updated.metadata, { account_id: "a1" });
  assert.equal(updated.invoice_settings.default_payment_method, method.id);
  assert.deepEqual(await stripe.customers.retrieve(created.id), updated);
  const told = await event("customer.updated", (customer) => customer.id === created.id);
  assert.equal(told.data.previous_attributes.name, null);
});

test("a pack is bought in a checkout", async () => {
  const price = (await stripe.prices.list({ lookup_keys: ["pack_500"], active: true })).data[0];
  const session = await stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [{ price: price.id, quantity: 2 }],
    metadata: { account_id: "a2" },
    payment_intent_data: { metadata: { account_id: "a2" }, setup_future_usage: "off_session" },
    ...page,
  });
  assert.equal(session.amount_total, 90000);
  assert.match(session.url, /^https:\/\/checkout\.stripe\.com\//);
  await complete(session, "paid");
  const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ["line_items", "payment_intent.latest_charge"] });
  assert.equal(paid.payment_status, "paid");
  assert.equal(paid.line_items.data[0].price.lookup_key, "pack_500");
  assert.equal(paid.payment_intent.latest_charge.amount_captured, 90000);
  const told = await event("checkout.session.completed", (object) => object.id === session.id);
  assert.equal(told.data.object.metadata.account_id, "a2");
  assert.equal((await stripe.events.retrieve(told.id)).type, told.type);
});

test("a subscription is begun, changed, shown in the portal and ended", async () => {
  const subscription = await subscribed("price_sandbox_starter_month", "a3");
  assert.equal(subscription.status, "active");
  assert.equal(subscription.latest_invoice.parent.subscription_details.metadata.account_id, "a3");
  const item = subscription.items.data[0];
  const changed = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, price: "price_sandbox_growth_month" }],
    proration_behavior: "always_invoice",
  });
  assert.equal(changed.items.data[0].price.lookup_key, "growth_month");
  assert.equal(changed.items.data[0].current_period_end, item.current_period_end);
  const invoice = await stripe.invoices.retrieve(changed.latest_invoice);
  assert.equal(invoice.billing_reason, "subscription_update");
  assert.deepEqual(invoice.lines.data.map((line) => Math.sign(line.amount)), [-1, 1]);
  const [payment] = (await stripe.invoicePayments.list({ invoice: invoice.id })).data;
  const intent = payment.payment.payment_intent;
  const same = await stripe.invoicePayments.list({ payment: { type: "payment_intent", payment_intent: intent } });
  assert.equal(same.data[0].invoice, invoice.id);
  const portal = await stripe.billingPortal.sessions.create({ customer: subscription.customer, return_url: "https://example.com" });
  assert.equal(portal.customer, subscription.customer);
  assert.match(portal.url, /^https:\/\/billing\.stripe\.com\//);
  const later = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  assert.equal(later.cancel_at, item.current_period_end);
  assert.equal((await stripe.subscriptions.cancel(subscription.id)).status, "canceled");
  const kept = await stripe.subscriptions.list({ customer: subscription.customer, status: "all" });
  assert.equal(kept.data.length, 1);
});

test("a declined card is a StripeCardError with its payment", async () => {
  const customer = await stripe.customers.create();
  const method = await stripe.paymentMethods.attach("pm_card_chargeDeclined", { customer: customer.id });
  const pay = (payment_method) =>
    stripe.paymentIntents.create({ amount: 2500, currency: "usd", customer: customer.id, payment_method, off_session: true, confirm: true });
  await assert.rejects(pay(method.id), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeCardError, String(error));
    assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, "card_declined", "generic_decline"]);
    assert.equal(error.payment_intent.status, "requires_payment_method");
    return true;
  });
  const good = await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
  const paid = await pay(good.id);
  assert.equal(paid.status, "succeeded");
  assert.equal((await stripe.charges.retrieve(paid.latest_charge)).amount, 2500);
});

test("refunds and disputes are read", async () => {
  const customer = await stripe.customers.create({ payment_method: "pm_card_visa" });
  const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
  const paid = await stripe.paymentIntents.create({ amount: 2000, currency: "usd", customer: customer.id, payment_method: method.id, confirm: true });
  const refund = await stripe.refunds.create({ payment_intent: paid.id, amount: 500, reason: "requested_by_customer" });
  assert.equal(refund.status, "succeeded");
  const told = await event("charge.refunded", (charge) => charge.payment_intent === paid.id);
  assert.deepEqual([told.data.object.amount_refunded, told.data.previous_attributes.amount_refunded], [500, 0]);
  const dispute = await tell("/disputes", { payment_intent: paid.id, reason: "product_not_received" });
  assert.equal((await stripe.disputes.retrieve(dispute.id)).reason, "product_not_received");
  const listed = await stripe.disputes.list({ payment_intent: paid.id });
  assert.deepEqual(listed.data.map((one) => one.id), [dispute.id]);
  await event("charge.dispute.funds_withdrawn", (object) => object.id === dispute.id);
});

test("lists are read page by page", async () => {
  const email = "paged@example.com";
  const made = [];
  for (let number = 0; number < 5; number += 1) made.unshift((await stripe.customers.create({ email })).id);
  const seen = [];
  for await (const customer of stripe.customers.list({ email, limit: 2 })) seen.push(customer.id);
  assert.deepEqual(seen, made);
});

test("the same key is the same request, and no other", async () => {
  const idempotencyKey = "one-of-a-kind";
  const first = await stripe.customers.create({ name: "Ann" }, { idempotencyKey });
  const again = await stripe.customers.create({ name: "Ann" }, { idempotencyKey });
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers.get("idempotent-replayed"), "true");
  await assert.rejects(stripe.customers.create({ name: "Bob" }, { idempotencyKey }), Stripe.errors.StripeIdempotencyError);
});

test("the client's own repeats make a thing once, also when its answer was lost", async () => {
  await plant({ target: "stripe.customers", kind: "truncate", times: 1, match: "repeated" });
  await plant({ target: "stripe.customers", kind: "status", status: 500, times: 1, match: "repeated" });
  const email = "repeated@example.com";
  const patient = client({ maxNetworkRetries: 3 });
  const lost = await patient.customers.create({ email }, { idempotencyKey: "repeated" }).catch(() => undefined);
  const customer = lost ?? (await patient.customers.create({ email }, { idempotencyKey: "repeated" }));
  assert.deepEqual((await stripe.customers.list({ email })).data.map((one) => one.id), [customer.id]);
});

test("refusals are errors of the client's own kinds", async () => {
  const { StripeAuthenticationError, StripeInvalidRequestError, StripeRateLimitError } = Stripe.errors;
  const stranger = new Stripe("sk_other", { httpClient: Stripe.createFetchHttpClient(below), host: "127.0.0.1", port: 1, protocol: "http", maxNetworkRetries: 0 });
  await assert.rejects(stranger.customers.list(), StripeAuthenticationError);
  const missing = (error) => error instanceof StripeInvalidRequestError && error.code === "resource_missing" && error.statusCode === 404;
  await assert.rejects(stripe.subscriptions.retrieve("sub_nowhere"), missing);
  await plant({ target: "stripe.portal", kind: "rate_limit", times: 1 });
  await assert.rejects(stripe.billingPortal.sessions.create({ customer: "cus_1" }), StripeRateLimitError);
});

test("a test clock moves time, and time renews", async () => {
  const subscription = await subscribed("price_sandbox_agency_month", "a4");
  const [item] = subscription.items.data;
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: subscription.created });
  await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: item.current_period_end + 60 });
  assert.equal((await stripe.testHelpers.testClocks.retrieve(clock.id)).status, "ready");
  const told = await event("invoice.paid", (invoice) =>
    invoice.billing_reason === "subscription_cycle" && invoice.parent.subscription_details.subscription === subscription.id);
  assert.equal(told.data.object.lines.data[0].period.start, item.current_period_end);
  const invoices = await stripe.invoices.list({ subscription: subscription.id, created: { gte: item.current_period_end } });
  assert.deepEqual(invoices.data.map((invoice) => invoice.id), [told.data.object.id]);
});

test("a changed body, another secret and an old signature are seen", async () => {
  await event("customer.created");
  const { body, signature } = received[0];
  const refused = Stripe.errors.StripeSignatureVerificationError;
  assert.throws(() => stripe.webhooks.constructEvent(`${body} `, signature, SECRET), refused);
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, "whsec_other"), refused);
  const hourLater = Date.now() + 3_600_000;
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, SECRET, 300, undefined, hourLater), refused);
});

test("while one secret takes another's place, both are right", async () => {
  await tell("/endpoint", { secrets: ["whsec_new", SECRET] });
  const sent = await tell("/send", { event: "customer.subscription.deleted", account: "a5" });
  const told = await event("customer.subscription.deleted", (subscription) => subscription.metadata.account_id === "a5");
  assert.equal(told.id, sent.id);
  const { body, signature } = received.find((letter) => letter.body.includes(sent.id));
  assert.equal(stripe.webhooks.constructEvent(body, signature, "whsec_new").id, sent.id);
});
