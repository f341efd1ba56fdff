// pg requires `util/types`: the one of the runtime.
export * from "node:util/types";
export { default } from "node:util/types";
