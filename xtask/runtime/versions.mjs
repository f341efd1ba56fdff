// Several versions of the Worker in one workerd, of which one serves, and another from one moment to the next: what a deployment on
// Cloudflare does to code that runs.
//
// Promises: whatever begins is begun on the version that serves, be it a request, a job, a message, or a life of an object. A request goes
// on where it began. A workflow goes on with the new version: its finished steps keep their results, and the attempt of a step that is
// under way fails, which its retries are for. Each version has modules and memory of its own, also if its files are another's.

// The entry point through which a version is chosen. Only a binding leads there.
export const VERSIONS = "Versions";

// The source of an entry point before those of the versions, which is in no deployment. `versions` are folders side by side, each with the
// name of its release; `serving` is the number of the first one that serves, counted from 1.
export function entryOfVersions(wrangler, entry, versions, serving) {
  const folder = (dist) => dist.split("/").pop();
  const imports = versions.map(({ dist }, at) => `import * as v${at} from "./${folder(dist)}/${entry}";`);
  const objects = wrangler.durable_objects.bindings.map(({ class_name: name }) => `export const ${name} = durable("${name}");`);
  const workflows = wrangler.workflows.map(({ class_name: name }) => `export const ${name} = workflow("${name}");`);
  return `import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
${imports.join("\n")}
const versions = [${versions.map((_, at) => `v${at}`)}];
const releases = ${JSON.stringify(versions.map(({ release }) => release))};
let serving = ${serving - 1};
${MACHINERY}
export class ${VERSIONS} extends WorkerEntrypoint {
  fetch(request) {
    change(Number(new URL(request.url).searchParams.get("version")) - 1);
    return new Response(null);
  }
}
${[...objects, ...workflows].join("\n")}
`;
}

const MACHINERY = `
// What to call when another version begins to serve. A promise for all would belong to one request, and end with it.
const waiting = new Set();

function change(version) {
  serving = version;
  for (const resolve of waiting) resolve();
  waiting.clear();
}

// What \`work\` makes of itself, unless another version begins to serve before: then what \`otherwise\` does.
async function unlessChanged(work, otherwise) {
  const { promise, resolve } = Promise.withResolvers();
  waiting.add(resolve);
  try {
    return await Promise.race([work, promise.then(otherwise)]);
  } finally {
    waiting.delete(resolve);
  }
}

const begin = (name, ctx, env) =>
  new versions[serving][name](ctx, Object.create(env, { OSLIRA_RELEASE: { value: releases[serving], enumerable: true } }));

export default class extends WorkerEntrypoint {
  constructor(ctx, env) {
    return begin("default", ctx, env);
  }
}

function durable(name) {
  return class extends DurableObject {
    constructor(ctx, env) {
      return begin(name, ctx, env);
    }
  };
}

// The local engine is not thrown out of memory with the other objects, so what a workflow loses is played here.
function workflow(name) {
  return class extends WorkflowEntrypoint {
    async run(event, step) {
      const begun = new Map();
      for (;;) {
        const life = { isOver: false };
        const ended = begin(name, this.ctx, this.env).run(event, stepsOf(life, begun, step));
        const end = await unlessChanged(
          ended.then((value) => ({ value })),
          () => undefined,
        );
        life.isOver = true;
        if (end) return end.value;
      }
    }
  };
}

// The steps of one life of a workflow. It finds those that were begun before, and after its end none goes on in it.
function stepsOf(life, begun, step) {
  const seen = {};
  const steps = {};
  for (const kind of ["do", "sleep", "waitForEvent"]) {
    steps[kind] = (label, argument, callback) => {
      if (life.isOver) return new Promise(() => {});
      const key = label + "#" + (seen[label] = (seen[label] ?? 0) + 1);
      const entry = begun.get(key) ?? {};
      begun.set(key, entry);
      entry.callback = callback;
      return (entry.promise ??=
        kind === "do" ? step.do(label, argument, (context) => attempt(entry, context)) : step[kind](label, argument));
    };
  }
  return steps;
}

const attempt = (entry, context) =>
  unlessChanged(entry.callback(context), () => {
    throw new Error("Durable Object reset because its code was updated.");
  });
`;
