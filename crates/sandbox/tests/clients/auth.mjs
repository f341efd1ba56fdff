// Supabase Auth's official client, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import { AuthClient } from "@supabase/auth-js";
import { base, everything, mailTo, plant } from "./sandbox.mjs";

const URL_OF_AUTH = `${base}/supabase/auth/v1`;
const KEY = "sb_publishable_sandbox";
const PASSWORD = "correct horse";
const SITE = "http://localhost:5173/welcome";

/** A browser of its own: it keeps its session and its verifiers. */
function browser(options) {
  const kept = new Map();
  const storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  };
  return new AuthClient({
    url: URL_OF_AUTH, headers: { apikey: KEY }, storage, autoRefreshToken: false, detectSessionInUrl: false, ...options,
  });
}

/** The answer's data, or a failure. */
function good({ data, error }) {
  assert.equal(error, null, String(error?.stack));
  return data;
}

function refused({ error }, status, code) {
  assert.deepEqual([error?.status, error?.code], [status, code], String(error));
  return error;
}

const link = async (email) => (await mailTo(email))[0].text.match(/http\S+/)[0];
const code = async (email) => (await mailTo(email))[0].text.match(/code: (\d{6})/)[1];

/** Where following a link leads. */
async function follow(url) {
  const answer = await fetch(url, { redirect: "manual" });
  assert.equal(answer.status, 303);
  const to = new URL(answer.headers.get("location"));
  return { to, query: to.searchParams, fragment: new URLSearchParams(to.hash.slice(1)) };
}

const signUp = (client, email, more) =>
  client.signUp({ email, password: PASSWORD, options: { emailRedirectTo: SITE, ...more } });

/** A browser in which somebody has confirmed their address and signed in. */
async function signedIn(email) {
  const client = browser();
  good(await signUp(client, email));
  await follow(await link(email));
  good(await client.signInWithPassword({ email, password: PASSWORD }));
  return client;
}

const again = async (email) => {
  const client = browser();
  good(await client.signInWithPassword({ email, password: PASSWORD }));
  return client;
};

test("who signs up confirms their address before they can sign in", async () => {
  const [client, email] = [browser(), "ann@example.com"];
  const { user, session } = good(await signUp(client, "Ann@Example.com", { data: { name: "Ann" } }));
  assert.deepEqual([session, user.email, user.email_confirmed_at, user.role], [null, email, undefined, "authenticated"]);
  assert.deepEqual([user.user_metadata.name, user.identities[0].provider], ["Ann", "email"]);
  assert.ok(user.confirmation_sent_at);
  refused(await client.signInWithPassword({ email, password: PASSWORD }), 400, "email_not_confirmed");
  const [mail] = await mailTo(email);
  assert.deepEqual([mail.sent_by, mail.subject, mail.to], ["supabase", "Confirm your email address", [email]]);
  const url = await link(email);
  assert.ok(url.startsWith(`${URL_OF_AUTH}/verify?token=`) && url.includes("&type=signup&redirect_to="), url);
  const { to, fragment } = await follow(url);
  assert.equal(to.origin + to.pathname, SITE);
  assert.deepEqual([fragment.get("type"), fragment.get("token_type"), fragment.get("expires_in")], ["signup", "bearer", "3600"]);
  const tokens = { access_token: fragment.get("access_token"), refresh_token: fragment.get("refresh_token") };
  const confirmed = good(await client.setSession(tokens)).user;
  assert.deepEqual([confirmed.id, confirmed.user_metadata.email_verified], [user.id, true]);
  assert.ok(confirmed.email_confirmed_at && confirmed.last_sign_in_at);
  const used = await follow(url);
  assert.deepEqual([used.fragment.get("error"), used.fragment.get("error_code")], ["access_denied", "otp_expired"]);
});

test("an access token has Supabase's claims and is checked by the key set", async () => {
  const client = await signedIn("bo@example.com");
  const { claims, header } = good(await client.getClaims());
  const { user } = good(await client.getUser());
  const { session } = good(await client.getSession());
  assert.deepEqual([header.alg, claims.iss, claims.aud, claims.role], ["ES256", URL_OF_AUTH, "authenticated", "authenticated"]);
  assert.deepEqual([claims.sub, claims.email, claims.aal, claims.is_anonymous], [user.id, "bo@example.com", "aal1", false]);
  assert.deepEqual([claims.amr[0].method, claims.app_metadata.provider], ["password", "email"]);
  assert.equal(claims.exp - claims.iat, 3600);
  assert.equal(session.expires_at, claims.exp);
  assert.match(claims.session_id, /^[0-9a-f-]{36}$/);
});

test("with PKCE a link ends in a code, which only its browser can use, once", async () => {
  const [client, email] = [browser({ flowType: "pkce" }), "cy@example.com"];
  good(await signUp(client, email));
  const url = await link(email);
  assert.ok(url.includes("token=pkce_"), url);
  const { query, fragment } = await follow(url);
  assert.equal(fragment.get("access_token"), null);
  const post = (body) =>
    fetch(`${URL_OF_AUTH}/token?grant_type=pkce`, { method: "POST", headers: { apikey: KEY }, body: JSON.stringify(body) });
  const wrong = await post({ auth_code: query.get("code"), code_verifier: "x".repeat(60) });
  assert.deepEqual([wrong.status, (await wrong.json()).error_code], [400, "bad_code_verifier"]);
  const unknown = await post({ auth_code: crypto.randomUUID(), code_verifier: "x" });
  assert.deepEqual([unknown.status, (await unknown.json()).error_code], [404, "flow_state_not_found"]);
  const { session } = good(await client.exchangeCodeForSession(query.get("code")));
  assert.equal(session.user.email, email);
  assert.equal(good(await client.getClaims()).claims.amr[0].method, "email/signup");
  const twice = await post({ auth_code: query.get("code"), code_verifier: "x" });
  assert.equal(twice.status, 404);
  const used = await follow(url);
  assert.equal(used.query.get("error_code"), "otp_expired");
});

test("whose address is known learns nothing, and keeps their password", async () => {
  const email = "di@example.com";
  const known = good(await (await signedIn(email)).getUser()).user;
  const mails = (await mailTo(email)).length;
  const { user, session } = good(await browser().signUp({ email, password: "another one" }));
  assert.deepEqual([session, user.identities, user.email], [null, [], email]);
  assert.notEqual(user.id, known.id);
  assert.equal((await mailTo(email)).length, mails);
  refused(await browser().signInWithPassword({ email, password: "another one" }), 400, "invalid_credentials");
  await again(email);
});

test("whose address is not confirmed yet gets another mail, and the first password counts", async () => {
  const [client, email] = [browser(), "ed@example.com"];
  const first = good(await signUp(client, email)).user;
  const old = await link(email);
  assert.equal(good(await client.signUp({ email, password: "another one" })).user.id, first.id);
  assert.equal((await follow(old)).fragment.get("error_code"), "otp_expired");
  good(await client.resend({ type: "signup", email, options: { emailRedirectTo: SITE } }));
  assert.equal((await mailTo(email)).length, 3);
  await follow(await link(email));
  await again(email);
  good(await client.resend({ type: "signup", email }));
  assert.equal((await mailTo(email)).length, 3);
});

test("weak, wrong and impossible credentials are refused", async () => {
  const client = browser();
  const weak = refused(await client.signUp({ email: "fay@example.com", password: "12345" }), 422, "weak_password");
  assert.deepEqual([weak.name, weak.reasons], ["AuthWeakPasswordError", ["length"]]);
  refused(await client.signUp({ email: "fay@", password: PASSWORD }), 400, "validation_failed");
  refused(await client.signInWithPassword({ email: "fay@example.com", password: PASSWORD }), 400, "invalid_credentials");
  await signedIn("gil@example.com");
  refused(await client.signInWithPassword({ email: "gil@example.com", password: "wrong one" }), 400, "invalid_credentials");
  refused(await client.signInAnonymously(), 422, "anonymous_provider_disabled");
  assert.deepEqual(await mailTo("fay@example.com"), []);
});

test("a refresh token is exchanged for another, and an early repeat gets the same", async () => {
  const client = await signedIn("hal@example.com");
  const refresh = async (refresh_token) => good(await browser().refreshSession({ refresh_token })).session;
  const first = (await client.getSession()).data.session;
  const second = await refresh(first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal((await refresh(first.refresh_token)).refresh_token, second.refresh_token);
  const third = await refresh(second.refresh_token);
  const id = (session) => JSON.parse(atob(session.access_token.split(".")[1])).session_id;
  assert.equal(id(third), id(first));
  // Two behind, but within ten seconds.
  assert.equal((await refresh(first.refresh_token)).refresh_token, third.refresh_token);
  const changed = third.refresh_token.slice(0, -6) + "AAAAAA";
  refused(await browser().refreshSession({ refresh_token: changed }), 400, "validation_failed");
  refused(await browser().refreshSession({ refresh_token: "abcdefghijkl" }), 400, "refresh_token_not_found");
  good(await client.signOut({ scope: "local" }));
  refused(await browser().refreshSession({ refresh_token: third.refresh_token }), 400, "refresh_token_not_found");
});

test("signing out ends this session, the others, or all", async () => {
  const email = "ike@example.com";
  const [first, second, third] = [await signedIn(email), await again(email), await again(email)];
  const token = async (client) => (await client.getSession()).data.session.access_token;
  const [one, two, three] = [await token(first), await token(second), await token(third)];
  const lives = async (jwt) => {
    const { error } = await browser().getUser(jwt);
    if (error) assert.equal(error.name, "AuthSessionMissingError");
    return !error;
  };
  good(await first.signOut({ scope: "local" }));
  assert.deepEqual([await lives(one), await lives(two), await lives(three)], [false, true, true]);
  good(await second.signOut({ scope: "others" }));
  assert.deepEqual([await lives(two), await lives(three)], [true, false]);
  const fourth = await again(email);
  const four = await token(fourth);
  good(await second.signOut());
  assert.deepEqual([await lives(two), await lives(four)], [false, false]);
});

test("a forgotten password is set anew, which ends the other sessions", async () => {
  const email = "joy@example.com";
  const other = await signedIn(email);
  const client = browser({ flowType: "pkce" });
  good(await client.resetPasswordForEmail(email, { redirectTo: SITE }));
  const url = await link(email);
  assert.ok(url.includes("type=recovery"), url);
  const { query } = await follow(url);
  const { redirectType, session } = good(await client.exchangeCodeForSession(query.get("code")));
  assert.deepEqual([redirectType, session.user.email], ["recovery", email]);
  assert.equal(good(await client.getClaims()).claims.amr[0].method, "recovery");
  refused(await client.updateUser({ password: PASSWORD }), 422, "same_password");
  refused(await client.updateUser({ password: "12345" }), 422, "weak_password");
  good(await client.updateUser({ password: "a new password", data: { theme: "dark" } }));
  assert.equal(good(await client.getUser()).user.user_metadata.theme, "dark");
  assert.equal((await other.getUser()).error.name, "AuthSessionMissingError");
  refused(await browser().signInWithPassword({ email, password: PASSWORD }), 400, "invalid_credentials");
  good(await browser().signInWithPassword({ email, password: "a new password" }));
  good(await client.resetPasswordForEmail("nobody@example.com"));
  assert.deepEqual(await mailTo("nobody@example.com"), []);
});

test("a magic link signs in, by its code or its token too", async () => {
  const email = "kim@example.com";
  const client = browser();
  refused(await client.signInWithOtp({ email, options: { shouldCreateUser: false } }), 422, "otp_disabled");
  // The first one confirms the address.
  good(await client.signInWithOtp({ email, options: { emailRedirectTo: SITE } }));
  const token = await code(email);
  refused(await client.verifyOtp({ email, token: token === "000000" ? "111111" : "000000", type: "email" }), 403, "otp_expired");
  const { session } = good(await client.verifyOtp({ email, token, type: "email" }));
  assert.equal(session.user.email, email);
  refused(await client.verifyOtp({ email, token, type: "email" }), 403, "otp_expired");
  good(await client.signInWithOtp({ email, options: { emailRedirectTo: SITE, shouldCreateUser: false } }));
  const url = new URL(await link(email));
  assert.equal(url.searchParams.get("type"), "magiclink");
  const token_hash = url.searchParams.get("token");
  refused(await client.verifyOtp({ token_hash, type: "signup" }), 403, "otp_expired");
  assert.equal(good(await client.verifyOtp({ token_hash, type: "magiclink" })).user.id, session.user.id);
  assert.equal(good(await client.getClaims()).claims.amr[0].method, "otp");
});

test("links lead to this machine only", async () => {
  const email = "lea@example.com";
  good(await browser().signUp({ email, password: PASSWORD, options: { emailRedirectTo: "https://evil.example/" } }));
  assert.equal((await follow(await link(email))).to.origin, "http://localhost:5173");
});

test("the key of the project is needed, and errors come in the form that is asked for", async () => {
  const get = (path, headers) => fetch(`${URL_OF_AUTH}${path}`, { headers });
  assert.deepEqual([(await get("/settings", {})).status, (await get("/user", { apikey: "other" })).status], [401, 401]);
  assert.equal((await (await get("/settings", { apikey: KEY })).json()).external.email, true);
  assert.equal((await (await get("/health", { apikey: KEY })).json()).name, "GoTrue");
  const older = await get("/user", { apikey: KEY });
  assert.deepEqual([older.status, older.headers.get("x-sb-error-code")], [401, "no_authorization"]);
  const { msg, ...legacy } = await older.json();
  assert.ok(msg);
  assert.deepEqual(legacy, { code: 401, error_code: "no_authorization" });
  const newer = await get("/user", { apikey: KEY, authorization: "Bearer x.y.z", "x-supabase-api-version": "2024-01-01" });
  assert.deepEqual([newer.status, newer.headers.get("x-supabase-api-version")], [403, "2024-01-01"]);
  const { message, ...body } = await newer.json();
  assert.ok(message);
  assert.deepEqual(body, { code: "bad_jwt" });
});

test("a page of another origin may call it", async () => {
  const origin = "http://localhost:5173";
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "apikey,x-client-info" };
  const preflight = await fetch(`${URL_OF_AUTH}/token?grant_type=password`, { method: "OPTIONS", headers });
  assert.ok(preflight.ok);
  assert.equal(preflight.headers.get("access-control-allow-origin"), origin);
  assert.match(preflight.headers.get("access-control-allow-headers"), /apikey/);
  const answer = await fetch(`${URL_OF_AUTH}/user`, { headers: { origin, apikey: KEY } });
  assert.match(answer.headers.get("access-control-expose-headers"), /x-supabase-api-version/i);
});

test("faults strike it as they strike the others", async () => {
  const email = "max@example.com";
  const client = browser();
  const fault = (target, kind, more) => plant({ target, kind, match: email, times: 1, ...more });
  await fault("auth.mail", "rate_limit");
  refused(await client.signInWithOtp({ email }), 429, "over_email_send_rate_limit");
  await fault("auth.token", "rate_limit");
  refused(await client.signInWithPassword({ email, password: PASSWORD }), 429, "over_request_rate_limit");
  await fault("auth.signup", "status", { status: 500 });
  assert.equal((await signUp(client, email)).error.name, "AuthRetryableFetchError");
  await fault("auth.signup", "drop");
  assert.equal((await signUp(client, email)).error.status, 0);
  assert.deepEqual(await mailTo(email), []);
  good(await signUp(client, email));
});

test("no password, token or code is recorded", async () => {
  const email = "ned@example.com";
  const client = browser({ flowType: "pkce" });
  good(await signUp(client, email));
  const url = new URL(await link(email));
  const { query } = await follow(url);
  const { session } = good(await client.exchangeCodeForSession(query.get("code")));
  good(await client.refreshSession());
  const recorded = await everything();
  assert.ok(recorded.includes(email));
  for (const secret of [PASSWORD, url.searchParams.get("token"), query.get("code"), session.access_token, session.refresh_token]) {
    assert.ok(!recorded.includes(secret), secret);
  }
});
