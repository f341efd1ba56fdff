//! The Cloudflare Worker. It holds no rules: it composes `oslira-app` with this platform.
//!
//! `boundary` is the way in and out for HTTP, `workflow`, `schedule` and `queue` the other entrances, `objects` the
//! Durable Objects, `adapters` what the ports of the product are here. `js/entry.js` wires all of it to the runtime.

mod adapters;
mod boundary;
mod compose;
mod config;
mod isolate;
mod log;
mod objects;
mod queue;
mod schedule;
mod workflow;
