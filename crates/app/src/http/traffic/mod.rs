//! How many requests one client may send: each isolate has token buckets of its own, and asks the platform's counters about whoever
//! sends much, before a database is asked. What is let through is worked on a few at a time.
//!
//! A client is whoever is known by what they send: a user, the account of an API key, or who holds a ticket; whoever is not is counted by
//! the address that they come from. What is known is counted for each route, so that one that is polled leaves room for the others, and in
//! all. The platform counts for each of its locations, and none of it is exact: money is limited by the database (`begin_analysis`).

mod buckets;
mod permits;

use std::{
    any::Any,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use async_trait::async_trait;
use axum::http::{HeaderMap, Method, request::Parts};
use serde_json::json;

pub use buckets::{Buckets, Drawn};
pub use permits::{PermitId, Permits};

use super::{ApiError, Exceeded, Quota, RequestPorts, code::RATE_LIMITED};
use crate::shared::ids::{AccountId, RunId, UserId};

/// The platform counts in windows of 10 or 60 seconds. In the shorter one, whoever has sent too much waits less.
pub const COUNTER_WINDOW_S: u32 = 10;

/// The header in which the platform says from which address a request comes; it replaces one that the client sends.
const ADDRESS: &str = "cf-connecting-ip";

/// Which limit a count has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrafficClass {
    /// Requests of a known client on one route that change nothing.
    Read,
    /// Those that may change something.
    Write,
    /// All requests of a known client.
    AllRoutes,
    /// Requests of nobody known: without a credential, or with one that is not good, or a key that is looked up for the first time.
    Unknown,
}

impl TrafficClass {
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::AllRoutes, Self::Unknown];

    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::AllRoutes => "all-routes",
            Self::Unknown => "unknown",
        }
    }

    /// The platform's counter, as in `wrangler.jsonc`.
    #[must_use]
    pub const fn binding(self) -> &'static str {
        match self {
            Self::Read => "READS",
            Self::Write => "WRITES",
            Self::AllRoutes => "ALL_ROUTES",
            Self::Unknown => "UNKNOWN_CLIENTS",
        }
    }

    /// How many requests of one count an isolate lets through in a second, on and on.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        match self {
            // Thirty runs that are polled every two seconds are 15, in each of two tabs.
            Self::Read => 30,
            Self::Write => 5,
            Self::AllRoutes => 60,
            Self::Unknown => 10,
        }
    }

    /// So many seconds' requests may come at once.
    #[must_use]
    pub const fn window_s(self) -> u32 {
        match self {
            // A page of a hundred leads asks for as many pictures at once.
            Self::Read | Self::AllRoutes | Self::Write => 4,
            Self::Unknown => 10,
        }
    }

    /// The most requests of one count that may come to one isolate at once. Whoever sends no more in any window is never refused by it.
    #[must_use]
    pub const fn requests_max(self) -> u32 {
        self.per_second() * self.window_s()
    }

    /// What the platform's counter allows: all that one isolate can let through in its window. So it refuses nobody whose requests
    /// come to one isolate only.
    #[must_use]
    pub const fn counted_max(self) -> u32 {
        self.requests_max() + self.per_second() * COUNTER_WINDOW_S
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// Who signed in.
    User(UserId),
    /// All API keys of an account: it may have many.
    Account(AccountId),
    /// Whoever has a ticket that was made for the events of this run.
    Ticket(RunId),
    Address(String),
}

impl Client {
    /// Whoever sent a request with these headers, by their address.
    #[must_use]
    pub fn by_address(headers: &HeaderMap) -> Self {
        let text = headers.get(ADDRESS).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // An IPv4 address in the form of IPv6 is the IPv4 address: the first 64 bits of all of them are the same.
        Self::Address(match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => address.to_string(),
            Ok(IpAddr::V6(address)) => network_of(address).to_string(),
            // Without an address all are counted together, which only a platform that is not Cloudflare's could cause, or a setting of
            // the zone that docs/deploying.md forbids.
            Err(_) => "none".to_owned(),
        })
    }

    fn key(&self) -> String {
        match self {
            Self::User(user) => format!("user:{user}"),
            Self::Account(account) => format!("account:{account}"),
            Self::Ticket(run) => format!("ticket:{run}"),
            Self::Address(address) => format!("address:{address}"),
        }
    }
}

/// The first 64 bits: whoever has one address of such a network has all of them.
fn network_of(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrafficKey {
    pub class: TrafficClass,
    pub client: Client,
    /// The declared path of the endpoint, where each has a count of its own.
    pub route: Option<&'static str>,
}

impl TrafficKey {
    /// By which a request is counted, the narrowest first.
    fn all(client: &Client, method: &Method, route: Option<&'static str>) -> Vec<Self> {
        let of = |class, route| Self { class, client: client.clone(), route };
        match client {
            Client::Address(_) => vec![of(TrafficClass::Unknown, None)],
            Client::User(_) | Client::Account(_) | Client::Ticket(_) => {
                let reads = *method == Method::GET || *method == Method::HEAD;
                let class = if reads { TrafficClass::Read } else { TrafficClass::Write };
                vec![of(class, route), of(TrafficClass::AllRoutes, None)]
            }
        }
    }

    /// What the platform's counter is asked for.
    #[must_use]
    pub fn text(&self) -> String {
        let client = self.client.key();
        match self.route {
            Some(route) => format!("{client} {route}"),
            None => client,
        }
    }
}

/// A count that has no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub class: TrafficClass,
    /// After so many seconds there may be room.
    pub after_s: u32,
    /// For so many milliseconds, asking again changes nothing.
    pub certain_ms: u32,
}

/// In the extensions of an answer to a client who has sent too many requests: for a while, the same request of this client needs no
/// other answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeatable {
    /// Who is known by the credential of the request: the same for all API keys of an account.
    pub client: String,
    /// For so many milliseconds.
    pub for_ms: u32,
}

/// To be worked on; dropping it gives it back. A request has it until its answer is made, but not while a stream of events or a file goes
/// out.
pub type Permit = Box<dyn Any + Send + Sync>;

/// The permit of a request, in the extensions of its parts.
#[derive(Clone)]
pub(super) struct Held(#[expect(dead_code, reason = "dropping it gives it back")] Arc<Permit>);

/// The buckets of the isolate and the platform's counters.
#[async_trait]
pub trait TrafficLimiter: Send + Sync {
    /// Counts a request by each of these keys. A counter that does not answer keeps nobody out. MUST NOT take longer than a client would
    /// notice.
    ///
    /// # Errors
    /// The first of them that has no room.
    async fn admit(&self, keys: &[TrafficKey]) -> Result<(), Refused>;

    /// Waits until few enough requests of this client are worked on. Must not wait for ever.
    async fn permit(&self, client: &Client) -> Permit;

    /// A factor on the limits: 1 but for the stacks of tests.
    fn scale(&self) -> u32;
}

/// Which endpoint serves a request, in the extensions of its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route(pub &'static str);

/// The quotas that apply to a request, in the extensions of its parts.
#[derive(Debug, Clone)]
pub(super) struct Counted(pub Vec<Quota>);

/// Counts a request, once however often it is asked; ports without a limiter count nothing.
///
/// # Errors
/// `rate_limited` when the client has sent too many.
pub async fn count_request(parts: &mut Parts, client: &Client) -> Result<(), ApiError> {
    let limiter = parts.extensions.get::<RequestPorts>().and_then(|ports| ports.traffic.clone());
    let Some(limiter) = limiter.filter(|_| parts.extensions.get::<Counted>().is_none()) else {
        return Ok(());
    };
    let route = parts.extensions.get::<Route>().map(|Route(path)| *path);
    let keys = TrafficKey::all(client, &parts.method, route);
    let quota = |class: TrafficClass| Quota {
        name: class.name(),
        most: class.requests_max().saturating_mul(limiter.scale()),
        window_s: class.window_s(),
    };
    parts.extensions.insert(Counted(keys.iter().map(|key| quota(key.class)).collect()));
    let Err(Refused { class, after_s, certain_ms }) = limiter.admit(&keys).await else {
        // Many people may come from one address.
        if !matches!(client, Client::Address(_)) {
            parts.extensions.insert(Held(Arc::new(limiter.permit(client).await)));
        }
        return Ok(());
    };
    let error =
        ApiError::new(RATE_LIMITED, "You have sent too many requests. Try again after the time in Retry-After.")
            .with_details(json!({ "retry_after_s": after_s }))
            .with_exceeded(Exceeded { quota: quota(class), left: 0, reset_s: after_s });
    Err(match client {
        // Somebody else may send the same credential from elsewhere.
        Client::Address(_) => error,
        Client::User(_) | Client::Account(_) | Client::Ticket(_) => {
            error.with_repeatable(Repeatable { client: client.key(), for_ms: certain_ms })
        }
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::triggers::wrangler;

    #[test]
    fn the_platform_refuses_nobody_who_keeps_to_what_one_isolate_allows() {
        let wrangler = wrangler();
        let limits = wrangler["ratelimits"].as_array().unwrap();
        assert_eq!(limits.len(), TrafficClass::ALL.len());
        let mut namespaces: Vec<&str> = limits.iter().map(|limit| limit["namespace_id"].as_str().unwrap()).collect();
        for (limit, class) in limits.iter().zip(TrafficClass::ALL) {
            assert_eq!(limit["name"], class.binding());
            assert_eq!(limit["simple"], json!({ "limit": class.counted_max(), "period": COUNTER_WINDOW_S }));
        }
        namespaces.sort_unstable();
        namespaces.dedup();
        assert_eq!(namespaces.len(), limits.len(), "two classes would share a counter");
    }

    fn address(text: &str) -> Client {
        let mut headers = HeaderMap::new();
        headers.insert(ADDRESS, text.parse().unwrap());
        Client::by_address(&headers)
    }

    #[test]
    fn a_client_has_one_address_whichever_of_its_network_it_sends_from() {
        assert_eq!(address("2001:db8:1:2:a::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("192.0.2.1").key(), "address:192.0.2.1");
        assert_eq!(address("not an address"), Client::by_address(&HeaderMap::new()));
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_the_form_of_ipv6() {
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("::ffff:192.0.2.1"), address("::ffff:192.0.2.2"));
    }

    #[test]
    fn who_is_known_is_counted_for_the_route_and_in_all_and_an_address_once() {
        let texts = |client: &Client, method| {
            let keys = TrafficKey::all(client, &method, Some("/runs/{id}/progress"));
            keys.iter().map(|key| format!("{} {}", key.class.binding(), key.text())).collect::<Vec<_>>()
        };
        let id = Uuid::nil();
        let user = Client::User(UserId::new(id));
        let all = format!("ALL_ROUTES user:{id}");
        assert_eq!(texts(&user, Method::HEAD), [format!("READS user:{id} /runs/{{id}}/progress"), all.clone()]);
        assert_eq!(texts(&user, Method::DELETE), [format!("WRITES user:{id} /runs/{{id}}/progress"), all]);
        let account = Client::Account(AccountId::new(id));
        assert_eq!(texts(&account, Method::GET)[1], format!("ALL_ROUTES account:{id}"));
        let ticket = Client::Ticket(RunId::new(id));
        assert_eq!(texts(&ticket, Method::GET)[1], format!("ALL_ROUTES ticket:{id}"));
        assert_eq!(texts(&address("192.0.2.1"), Method::POST), ["UNKNOWN_CLIENTS address:192.0.2.1"]);
    }
}
