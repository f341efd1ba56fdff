// AWS's official client of Secrets Manager, used as it is used with the real service.
import assert from "node:assert/strict";
import test from "node:test";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { base, control, plant } from "./sandbox.mjs";

const FIRST = { accessKeyId: "AKIASANDBOX000000001", secretAccessKey: "sandbox-aws-secret-access-key" };
const client = (credentials = FIRST, more) =>
  new SecretsManagerClient({ region: "eu-central-1", endpoint: `${base}/aws`, credentials, maxAttempts: 1, ...more });
const read = (by = client(), question) => by.send(new GetSecretValueCommand({ SecretId: "oslira/local", ...question }));
const refused = (answer, name) => assert.rejects(answer, (error) => error.name === name || assert.fail(String(error)));

test("the secret is read by its name and by its address", async () => {
  const secret = await read();
  assert.equal(secret.Name, "oslira/local");
  assert.deepEqual(secret.VersionStages, ["AWSCURRENT"]);
  assert.ok(Math.abs(secret.CreatedDate - Date.now()) < 600_000);
  assert.equal(JSON.parse(secret.SecretString).OPENAI_API_KEY, "sandbox-openai-key");
  assert.equal((await read(client(), { SecretId: secret.ARN })).VersionId, secret.VersionId);
  await refused(read(client(), { SecretId: "other" }), "ResourceNotFoundException");
});

test("a rotation makes a version, and the one before can still be read", async () => {
  const before = await read();
  const { version } = await control("POST", "/secrets", { values: { OPENAI_API_KEY: "sandbox-2", RESEND_API_KEY: null } });
  const after = await read();
  assert.equal(after.VersionId, version);
  const values = JSON.parse(after.SecretString);
  assert.deepEqual([values.OPENAI_API_KEY, values.RESEND_API_KEY], ["sandbox-2", undefined]);
  assert.equal((await read(client(), { VersionStage: "AWSPREVIOUS" })).VersionId, before.VersionId);
  assert.equal((await read(client(), { VersionId: before.VersionId })).SecretString, before.SecretString);
  await plant({ target: "secrets.get", kind: "old_version", times: 1 });
  assert.equal((await read()).VersionId, before.VersionId);
  await control("DELETE", "/secrets");
  assert.equal((await read()).SecretString, before.SecretString);
});

test("credentials are rotated, and temporary ones need their token and end", async () => {
  const second = { accessKeyId: "AKIASANDBOX000000002", secretAccessKey: "sandbox-second" };
  await refused(read(client(second)), "UnrecognizedClientException");
  await control("POST", "/secrets/credentials", { access_key_id: second.accessKeyId, secret_access_key: "sandbox-second" });
  await Promise.all([read(), read(client(second))]);
  await refused(read(client({ ...second, secretAccessKey: "wrong" })), "InvalidSignatureException");
  await control("DELETE", `/secrets/credentials/${second.accessKeyId}`);
  await refused(read(client(second)), "UnrecognizedClientException");

  const temporary = { accessKeyId: "ASIASANDBOX000000001", secretAccessKey: "sandbox-third", sessionToken: "sandbox-token" };
  const accept = (expires_in_s) =>
    control("POST", "/secrets/credentials", {
      access_key_id: temporary.accessKeyId,
      secret_access_key: temporary.secretAccessKey,
      session_token: temporary.sessionToken,
      expires_in_s,
    });
  await accept(60);
  await read(client(temporary));
  await refused(read(client({ ...temporary, sessionToken: undefined })), "UnrecognizedClientException");
  await accept(-1);
  await refused(read(client(temporary)), "ExpiredTokenException");
});

test("a signature of another region is refused, and faults look like AWS's", async () => {
  await refused(read(client(FIRST, { region: "us-east-1" })), "InvalidSignatureException");
  const fault = (kind, more) => plant({ target: "secrets.get", kind, times: 1, ...more });
  await fault("rate_limit");
  await refused(read(), "ThrottlingException");
  await fault("status", { status: 500 });
  await refused(read(), "InternalServiceError");
  await fault("drop");
  await assert.rejects(read());
  await read();
});
