// pg requires `crypto`: the one of the runtime.
export * from "node:crypto";
export { default } from "node:crypto";
