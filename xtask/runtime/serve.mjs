// Runs the built Worker under workerd through Miniflare, with every binding of its wrangler.jsonc on local disk.
//
//   node serve.mjs CONFIG.json        (written by `cargo xtask stack up` and `cargo xtask bench`)
//
// Promises: when workerd dies, this process exits at once, so that no half of the pair goes on alone; SIGTERM stops
// both cleanly; SIGUSR2 resets all Durable Objects, and before that lets the version serve that CONFIG's `version_file` names; CONFIG's
// `ready_file` appears when requests are served, and names that version; the scheduled job runs once as "@start" and then by its crons.
// Everything that the Worker logs goes to standard output.
import childProcess from "node:child_process";
import fs from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { entryOfVersions, VERSIONS } from "./versions.mjs";

const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const log = (message) => console.log(`[runner] ${new Date().toISOString()} ${message}`);

// Miniflare does not expose its workerd and would silently start another one after a crash. That would hide crashes
// from the stack and its tests, so this watches the spawn instead.
let workerd;
let stopping = false;
const spawn = childProcess.spawn;
childProcess.spawn = (command, ...rest) => {
  const child = spawn(command, ...rest);
  if (path.basename(String(command)).startsWith("workerd")) {
    workerd = child;
    child.once("exit", (code, signal) => {
      if (stopping) return;
      log(`workerd ended (${signal ?? `code ${code}`}): stopping`);
      process.exit(1);
    });
  }
  return child;
};
syncBuiltinESMExports();

// Resolved from the root of the checkout, where node_modules is.
const require = createRequire(path.join(config.root, "package.json"));
const { unstable_readConfig: readConfig, unstable_getMiniflareWorkerOptions: workerOptions } = require("wrangler");
const { Miniflare, convertV4MiniflareOptions, Log, LogLevel } = createRequire(require.resolve("wrangler"))("miniflare");

const wrangler = readConfig({ config: config.wrangler ?? path.join(config.root, "wrangler.jsonc") });
Object.assign(wrangler.vars, config.vars);
for (const binding of wrangler.hyperdrive) {
  binding.localConnectionString = config.hyperdrive[binding.binding];
  if (!binding.localConnectionString) throw new Error(`no local database for the Hyperdrive binding ${binding.binding}`);
}

// A test may send in a second what a customer sends in an hour; the Worker is told by the variable RATE_LIMIT_SCALE.
for (const { simple } of wrangler.ratelimits ?? []) simple.limit *= config.rate_limit_scale ?? 1;

// The same as the rules in wrangler.jsonc: given a list of modules, Miniflare takes their types from the list.
const MODULES = { ".js": "ESModule", ".wasm": "CompiledWasm", ".json": "Text", ".html": "Text", ".css": "Text" };
const entry = path.basename(wrangler.main);
const modulesOf = (dist) => {
  const files = fs.readdirSync(dist, { recursive: true }).filter((file) => path.extname(file) in MODULES);
  files.sort((a, b) => (b === entry) - (a === entry)); // Miniflare takes the first module as the entry point
  return files.map((file) => ({ type: MODULES[path.extname(file)], path: path.join(dist, file) }));
};

const versions = config.versions ?? [];
const several = versions.length > 1;
const modulesRoot = several ? path.dirname(config.dist) : config.dist;
const modules = several ? versions.flatMap(({ dist }) => modulesOf(dist)) : modulesOf(config.dist);
// The number of the version that is to serve.
const wanted = () => {
  const version = fs.existsSync(config.version_file) ? Number(fs.readFileSync(config.version_file, "utf8")) : 1;
  if (!versions[version - 1]) throw new Error(`there is no version ${version}`);
  return version;
};
if (several) {
  if (config.engine_start_delay_ms > 0) throw new Error("engine_start_delay_ms is for a single version");
  const contents = entryOfVersions(wrangler, entry, versions, wanted());
  modules.unshift({ type: "ESModule", path: path.join(modulesRoot, "versions.js"), contents });
}

// Cloudflare's engine may take seconds to start an instance, the local one takes none. To measure what that costs, every workflow can
// begin late here: by an entry point before the Worker's own, which is in no deployment.
if (config.engine_start_delay_ms > 0) {
  const late = ({ class_name: name }) => `export class ${name} extends worker.${name} {
    async run(...given) {
      await scheduler.wait(${config.engine_start_delay_ms});
      return super.run(...given);
    }
  }`;
  const all = [`import * as worker from "./${entry}"; export * from "./${entry}"; export { default } from "./${entry}";`];
  const contents = all.concat(wrangler.workflows.map(late)).join("\n");
  modules.unshift({ type: "ESModule", path: path.join(config.dist, "late-engine.js"), contents });
}

// Lets another version serve, if there are several, and throws every Durable Object out of memory while its callers go on: what
// Cloudflare does when a new version is deployed. The engines of workflows stay (see versions.mjs).
const CHANGE = "change-version";
const change = `import unsafe from "workerd:unsafe";
export default {
  async fetch(request, env) {
    await env.VERSIONS?.fetch(request.url);
    await unsafe.abortAllDurableObjects();
    return new Response(null);
  },
};`;

const { rootPath, modulesRules, ...bindings } = workerOptions(wrangler).workerOptions;
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    // The runner's own: scheduled jobs are started here. Requests pass Miniflare's router on this port, which is in no deployment.
    port: config.runner_port ?? 0,
    // No request to Cloudflare for the location data of `request.cf`: everything works offline.
    cf: false,
    resourcePersistencePath: config.persist,
    // Serves /cdn-cgi/local/scheduled, by which cron jobs are run here and in tests.
    unsafeTriggerHandlers: true,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs: ({ timestamp, level, message }) =>
      console.log(`[${level}] ${new Date(timestamp).toISOString()} ${message}`),
    workers: [
      {
        name: wrangler.name,
        ...bindings,
        modules,
        modulesRoot,
        unsafeDirectSockets: [{ host: "127.0.0.1", port: config.port }],
      },
      {
        name: CHANGE,
        modules: [{ type: "ESModule", path: "change.js", contents: change }],
        serviceBindings: several ? { VERSIONS: { name: wrangler.name, entrypoint: VERSIONS } } : {},
        compatibilityDate: wrangler.compatibility_date,
        compatibilityFlags: ["unsafe_module"],
      },
    ],
  }),
);

const stop = async (signal) => {
  if (stopping) return;
  stopping = true;
  log(`${signal}: stopping`);
  fs.rmSync(config.ready_file, { force: true });
  await miniflare.dispose();
  process.exit(0);
};
process.on("SIGTERM", () => stop("SIGTERM"));
process.on("SIGINT", () => stop("SIGINT"));

process.on("SIGUSR2", async () => {
  try {
    const version = several ? wanted() : undefined;
    await (await miniflare.getWorker(CHANGE)).fetch(`http://change/?version=${version ?? ""}`);
    if (several) writeReady(version);
    log(`SIGUSR2: all objects were reset${several ? `, and version ${version} serves` : ""}`);
  } catch (error) {
    log(`SIGUSR2: ${error.message}`);
  }
});

// Renamed into place, so that a reader never sees half of the file.
function writeReady(version) {
  const ready = { pid: process.pid, workerd_pid: workerd?.pid ?? null, url: url.href, version };
  fs.writeFileSync(`${config.ready_file}.new`, JSON.stringify(ready), { mode: 0o600 });
  fs.renameSync(`${config.ready_file}.new`, config.ready_file);
}

const runner = await miniflare.ready;
const url = await miniflare.unsafeGetDirectURL(wrangler.name);
const runCron = async (cron) => {
  const target = new URL("/cdn-cgi/local/scheduled", runner);
  target.searchParams.set("cron", cron);
  try {
    const response = await fetch(target);
    if (!response.ok) log(`cron "${cron}" answered ${response.status}`);
    await response.body?.cancel();
  } catch (error) {
    log(`cron "${cron}" failed: ${error.message}`);
  }
};

// Understands every n minutes, hourly and daily, which is all that this project's schedules use. A job runs once per
// period; the exact minute does not matter locally.
const periodMinutes = (cron) => {
  const [minute, hour, ...rest] = cron.trim().split(/\s+/);
  if (rest.join(" ") !== "* * *") return undefined;
  const every = /^\*\/(\d+)$/.exec(minute);
  if (hour === "*") return every ? Number(every[1]) : minute === "*" ? 1 : /^\d+$/.test(minute) ? 60 : undefined;
  return /^\d+$/.test(minute) && /^\d+$/.test(hour) ? 24 * 60 : undefined;
};

const crons = wrangler.triggers?.crons ?? [];
// A local engine does not resume its workflows after a restart; the job at "@start" wakes them before the stack counts
// as ready. At most 5 s, so that a stuck job does not keep the stack from starting.
if (crons.length > 0) await Promise.race([runCron("@start"), new Promise((resolve) => setTimeout(resolve, 5_000))]);
for (const cron of crons) {
  const minutes = periodMinutes(cron);
  if (minutes) setInterval(runCron, minutes * 60_000, cron);
  else log(`cron "${cron}" is not run locally: only "*/n * * * *", hourly and daily ones are`);
}

writeReady(several ? wanted() : undefined);
log(`ready at ${url.href}`);
