mod bell;
mod run_progress;
pub mod scrape;
pub mod scrape_gate;

use bell::Bell;
