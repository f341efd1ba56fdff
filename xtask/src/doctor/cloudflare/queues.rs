//! The queues, who reads them, and where what they give up goes.

use serde::Deserialize;

use crate::doctor::cloudflare::Wanted;
use crate::doctor::cloudflare::account::{Account, Refusal};
use crate::doctor::finding::Verdict;
use crate::environment::settings;

/// An entry of `GET /queues`.
#[derive(Deserialize)]
struct Queue {
    queue_name: String,
    #[serde(default)]
    consumers: Vec<Consumer>,
    #[serde(default)]
    settings: Settings,
}

#[derive(Default, Deserialize)]
struct Settings {
    #[serde(default)]
    delivery_paused: bool,
}

/// The API's description calls the Worker `script_name`; wrangler, which reads the same list, `script` or `service`.
#[derive(Deserialize)]
struct Consumer {
    #[serde(rename = "type")]
    kind: Option<String>,
    script_name: Option<String>,
    script: Option<String>,
    service: Option<String>,
    dead_letter_queue: Option<String>,
    #[serde(default)]
    settings: ConsumerSettings,
}

#[derive(Default, Deserialize)]
struct ConsumerSettings {
    max_retries: Option<u32>,
}

impl Consumer {
    fn is(&self, worker: &str) -> bool {
        let names = [&self.script_name, &self.script, &self.service];
        self.kind.as_deref() != Some("http_pull") && names.into_iter().flatten().any(|name| name == worker)
    }
}

pub fn check(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let found: Vec<Queue> = match account.list("queues") {
        Ok(found) => found,
        Err(Refusal::Missing) => Vec::new(),
        Err(Refusal::Unasked(why)) => return Verdict::unknown(why),
    };
    let mut faults = Vec::new();
    for name in wanted.settings.queue_names() {
        let Some(queue) = found.iter().find(|queue| queue.queue_name == name) else {
            faults.push(format!("there is no queue {name}"));
            continue;
        };
        if queue.settings.delivery_paused {
            faults.push(format!("{name} delivers nothing: it is paused"));
        }
        let consumer = wanted.settings.queues.consumers.iter().find(|consumer| consumer.queue == name);
        faults.extend(consumer.and_then(|consumer| consumer_fault(queue, consumer, &wanted.settings.name)));
    }
    Verdict::of(
        faults,
        format!(
            "npx wrangler queues create NAME for one that is missing, npx wrangler queues resume-delivery NAME for one that is paused, and cargo \
             xtask deploy --env {}, which sets consumers",
            wanted.env
        ),
    )
}

fn consumer_fault(queue: &Queue, wanted: &settings::Consumer, worker: &str) -> Option<String> {
    let name = &queue.queue_name;
    let Some(consumer) = queue.consumers.iter().find(|consumer| consumer.is(worker)) else {
        return Some(format!("{name} is not read by {worker}"));
    };
    // Cloudflare says none with an empty text.
    let dead = consumer.dead_letter_queue.as_deref().filter(|dead| !dead.is_empty());
    if dead != wanted.dead_letter_queue.as_deref() {
        return Some(match &wanted.dead_letter_queue {
            Some(wants) => format!("what {name} gives up does not go to {wants}"),
            None => format!("what {name} gives up goes to another queue"),
        });
    }
    let retries = (consumer.settings.max_retries, wanted.max_retries);
    matches!(retries, (Some(found), Some(wants)) if found != wants)
        .then(|| format!("{name} is tried another number of times than in the file"))
}
