// pg requires `util`: the one of the runtime.
export * from "node:util";
export { default } from "node:util";
