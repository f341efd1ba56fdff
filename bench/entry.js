// GET / runs one instance of the workflow to its end and answers the milliseconds that its six steps took.
import { WorkflowEntrypoint } from "cloudflare:workers";
import * as rust from "./index.js";

export class SixSteps extends WorkflowEntrypoint {
  run(_event, step) {
    return rust.six_steps(step);
  }
}

export default {
  async fetch(_request, env) {
    const instance = await env.SIX_STEPS.create();
    for (;;) {
      const { status, output, error } = await instance.status();
      if (status === "complete") return Response.json({ ms: output });
      if (status === "errored" || status === "terminated") return Response.json({ status, error }, { status: 500 });
      // Does not count: the steps measure themselves.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};
