// Apify's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import { ApifyApiError, ApifyClient } from "apify-client";
import { base, everything, plant, received, release } from "./sandbox.mjs";

const TOKEN = "sandbox-apify-token";
const client = (options) => new ApifyClient({ baseUrl: `${base}/apify`, minDelayBetweenRetriesMillis: 20, ...options });
const apify = client({ token: TOKEN });
const scraper = apify.actor("apify/instagram-profile-scraper");

test("a run is started, waited for, and its items are listed", async () => {
  const started = await scraper.start({ usernames: ["nasa", "Coffee.Ann", "notfound_one"] });
  assert.equal(started.status, "READY");
  assert.ok(started.startedAt instanceof Date);
  assert.equal(started.finishedAt, null);

  const run = await apify.run(started.id).waitForFinish();
  assert.equal(run.id, started.id);
  assert.equal(run.status, "SUCCEEDED");
  assert.ok(run.finishedAt instanceof Date);

  const dataset = apify.dataset(run.defaultDatasetId);
  const all = await dataset.listItems({ clean: true });
  assert.equal(all.total, 3);
  const [nasa, generated, missing] = all.items;
  assert.equal(nasa.username, "nasa");
  assert.ok(nasa.followersCount > 0 && nasa.latestPosts.length > 0);
  assert.equal(generated.username, "coffee.ann");
  assert.equal(missing.error, "not_found", "a name that does not exist is an item of a run that succeeded");

  const second = await dataset.listItems({ offset: 1, limit: 1 });
  assert.equal(second.total, 3);
  assert.deepEqual(second.items.map((item) => item.username), ["coffee.ann"]);
  assert.equal((await dataset.get()).itemCount, 3);
});

test("the input of a run can be read again", async () => {
  const usernames = ["coffee_kept"];
  const run = await scraper.call({ usernames }, { log: null });
  const input = await apify.keyValueStore(run.defaultKeyValueStoreId).getRecord("INPUT");
  assert.deepEqual(input.value, { usernames });
});

test("a call starts a run and waits for its end, showing its log", async () => {
  // The client compresses a body of this length.
  const usernames = Array.from({ length: 100 }, (_, number) => `person_number_${number}`);
  const run = await scraper.call({ usernames }, { memory: 512, timeout: 3000 });
  assert.equal(run.status, "SUCCEEDED");
  assert.equal(run.options.memoryMbytes, 512);
  assert.equal(run.options.timeoutSecs, 3000);
  assert.equal((await apify.dataset(run.defaultDatasetId).listItems()).items.length, 100);
});

test("a run is told what it may cost", async () => {
  const run = await scraper.call({ usernames: ["coffee_bound"] }, { maxItems: 1, maxTotalChargeUsd: 0.5, log: null });
  assert.equal(run.status, "SUCCEEDED");
  assert.equal(run.options.maxTotalChargeUsd, 0.5);
  const refused = { name: "ApifyApiError", type: "max-total-charge-usd-below-minimum", statusCode: 400 };
  await assert.rejects(scraper.start({ usernames: ["coffee_bound"] }, { maxTotalChargeUsd: 0.1 }), refused);
});

test("a run that fails is an answer and no error", async () => {
  await plant({ target: "apify.run", kind: "status", status_text: "FAILED", match: "doomed" });
  const run = await scraper.call({ usernames: ["doomed"] }, { log: null });
  assert.equal(run.status, "FAILED");
});

test("a run can be aborted", async () => {
  const held = await plant({ target: "apify.run", kind: "hold", match: "endless" });
  const { id } = await scraper.start({ usernames: ["endless"] });
  assert.ok(["READY", "RUNNING"].includes((await apify.run(id).get()).status));
  assert.equal((await apify.run(id).abort()).status, "ABORTING");
  await release(held);
  assert.equal((await apify.run(id).waitForFinish()).status, "ABORTED");
});

test("runs are listed, newest first, and by status", async () => {
  const first = await scraper.call({ usernames: ["listed_a"] }, { log: null });
  const second = await scraper.call({ usernames: ["listed_b"] }, { log: null });
  const newest = await apify.runs().list({ desc: true, limit: 2 });
  assert.deepEqual(newest.items.map((run) => run.id), [second.id, first.id]);
  assert.ok(newest.total >= 2);
  const succeeded = await scraper.runs().list({ status: "SUCCEEDED" });
  assert.ok(succeeded.items.every((run) => run.status === "SUCCEEDED"));
  assert.ok(succeeded.items.some((run) => run.id === first.id));
});

test("refusals are ApifyApiErrors with Apify's own types", async () => {
  const refused = (statusCode, type) => (error) => {
    assert.ok(error instanceof ApifyApiError, String(error));
    assert.deepEqual([error.statusCode, error.type], [statusCode, type]);
    return true;
  };
  await assert.rejects(client({ token: "wrong" }).runs().list(), refused(401, "user-or-token-not-found"));
  await assert.rejects(client({}).runs().list(), refused(401, "token-not-provided"));
  await assert.rejects(scraper.start({}), refused(400, "invalid-input"));
  await plant({ target: "apify.start", kind: "insufficient_quota", times: 1, match: "unpaid" });
  await assert.rejects(scraper.start({ usernames: ["unpaid"] }), refused(402, "not-enough-usage-to-run-paid-actor"));
  // For a run that does not exist the client returns undefined instead of an error.
  assert.equal(await apify.run("nowhere").get(), undefined);
});

test("the client's own repeats get through what passes", async () => {
  for (const fault of [{ kind: "rate_limit" }, { kind: "status", status: 500 }, { kind: "drop" }]) {
    const match = `passing_${fault.kind}`;
    await plant({ target: "apify.start", times: 2, match, ...fault });
    const run = await scraper.start({ usernames: [match] });
    const statuses = (await received("apify.start", match)).map((call) => call.status);
    const failed = { rate_limit: 429, status: 500, drop: null }[fault.kind];
    assert.deepEqual(statuses, [failed, failed, 201]);
    await plant({ target: "apify.items", kind: "truncate", times: 1, match });
    await apify.run(run.id).waitForFinish();
    assert.equal((await apify.dataset(run.defaultDatasetId).listItems()).items.length, 1);
  }
});

test("no token is kept in what was received", async () => {
  assert.ok(!(await everything()).includes(TOKEN));
});
