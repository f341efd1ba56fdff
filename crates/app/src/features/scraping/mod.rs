//! How the scrapes of all accounts share a few actor runs.
//!
//! `gate` decides who is scraped next: at most so many actor runs at once over all accounts, several usernames in one of them. `scrape`
//! is the life of one actor run, from its start to the last username that it was about; nobody's analysis owns it, so a cancelled
//! analysis takes nothing from the others. Both are state machines without a platform; the Worker has a Durable Object for each.

mod gate;
mod model;
mod ports;
mod scrape;

pub use gate::{GATE_LOOKS_EVERY, GateEffect, POSTS_OF_MAX, ScrapeGate, USERNAMES_MAX};
pub use model::{Lease, Place, RequestKey, SCRAPE_PATIENCE, SCRAPE_TIMEOUT, ScrapeOrder, ScrapeRequest, Scraped};
pub use ports::{ActorRuns, Collected, Looked, ProfileSource, ReadProfile};
pub use scrape::{KEPT_AFTER_END, Scrape, ScrapeAnswer, ScrapeEffect, ScrapeTurn};
