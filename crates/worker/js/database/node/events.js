// pg requires `events`: the one of the runtime.
export * from "node:events";
export { default } from "node:events";
