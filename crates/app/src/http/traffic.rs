//! How many requests one client may send, counted by the platform before a database is asked.
//!
//! A client is a user or an API key that is known by what it sends; whoever is not is counted by the address that they come from. The
//! count is the platform's, for each of its locations, and not exact: money is limited by the database (`begin_analysis`).

use std::net::{IpAddr, Ipv6Addr};

use async_trait::async_trait;
use axum::http::{HeaderMap, Method, request::Parts};
use serde_json::json;

use super::{ApiError, Quota, RequestPorts, code::RATE_LIMITED};
use crate::shared::ids::UserId;

/// The platform counts in windows of 10 or 60 seconds. In the shorter one, whoever has sent too much waits less.
pub const TRAFFIC_WINDOW_S: u32 = 10;

/// The header in which the platform says from which address a request comes; it replaces one that the client sends.
const ADDRESS: &str = "cf-connecting-ip";

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrafficClass {
    /// Requests of a known client that change nothing.
    Read,
    /// Those that may change something.
    Write,
    /// Requests of nobody known: without a credential, or with one that is checked for the first time.
    Unknown,
}

impl TrafficClass {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Unknown];

    #[must_use]
    pub fn of(client: &Client, method: &Method) -> Self {
        match client {
            Client::Address(_) => Self::Unknown,
            Client::Known(_) if *method == Method::GET || *method == Method::HEAD => Self::Read,
            Client::Known(_) => Self::Write,
        }
    }

    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Unknown => "unknown",
        }
    }

    /// The platform's counter, as in `wrangler.jsonc`.
    #[must_use]
    pub const fn binding(self) -> &'static str {
        match self {
            Self::Read => "READS",
            Self::Write => "WRITES",
            Self::Unknown => "UNKNOWN_CLIENTS",
        }
    }

    /// The most requests of one client in a window.
    #[must_use]
    pub const fn requests_max(self) -> u32 {
        match self {
            Self::Read => 150,
            Self::Write => 50,
            Self::Unknown => 100,
        }
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// A user, or an API key, which the database takes for one.
    Known(UserId),
    Address(String),
}

impl Client {
    /// Whoever sent a request with these headers, by their address.
    #[must_use]
    pub fn by_address(headers: &HeaderMap) -> Self {
        let text = headers.get(ADDRESS).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::Address(match text.parse() {
            Ok(IpAddr::V4(address)) => address.to_string(),
            Ok(IpAddr::V6(address)) => network_of(address).to_string(),
            // Without an address all are counted together, which only a platform that is not Cloudflare's could cause.
            Err(_) => "none".to_owned(),
        })
    }

    /// What the platform's counter is called for this client.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Known(user) => format!("user:{user}"),
            Self::Address(address) => format!("address:{address}"),
        }
    }
}

/// The first 64 bits: whoever has one address of such a network has all of them.
fn network_of(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// The platform's counters.
#[async_trait]
pub trait TrafficLimiter: Send + Sync {
    /// Counts a request; `false` if the client has sent too many. MUST let it through when it cannot count.
    async fn admit(&self, class: TrafficClass, client: &Client) -> bool;

    /// A factor on the limits: 1 but for the stacks of tests.
    fn scale(&self) -> u32;
}

/// By which quota a request was counted, in the extensions of its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted(pub Quota);

/// Counts a request, once however often it is asked; ports without a limiter count nothing.
///
/// # Errors
/// `rate_limited` when the client has sent too many.
pub async fn count_request(parts: &mut Parts, client: &Client) -> Result<(), ApiError> {
    let limiter = parts.extensions.get::<RequestPorts>().and_then(|ports| ports.traffic.clone());
    let Some(limiter) = limiter.filter(|_| parts.extensions.get::<Counted>().is_none()) else {
        return Ok(());
    };
    let class = TrafficClass::of(client, &parts.method);
    let most = class.requests_max().saturating_mul(limiter.scale());
    let quota = Quota { name: class.name(), most, window_s: TRAFFIC_WINDOW_S };
    parts.extensions.insert(Counted(quota));
    if limiter.admit(class, client).await {
        return Ok(());
    }
    Err(ApiError::new(RATE_LIMITED, "You have sent too many requests. Try again after the time in Retry-After.")
        .with_details(json!({ "retry_after_s": TRAFFIC_WINDOW_S }))
        .with_quota_used_up(quota, TRAFFIC_WINDOW_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::wrangler;

    #[test]
    fn the_platform_counts_by_exactly_these_limits() {
        let wrangler = wrangler();
        let limits = wrangler["ratelimits"].as_array().unwrap();
        assert_eq!(limits.len(), TrafficClass::ALL.len());
        let mut namespaces: Vec<&str> = limits.iter().map(|limit| limit["namespace_id"].as_str().unwrap()).collect();
        for (limit, class) in limits.iter().zip(TrafficClass::ALL) {
            assert_eq!(limit["name"], class.binding());
            assert_eq!(limit["simple"], json!({ "limit": class.requests_max(), "period": TRAFFIC_WINDOW_S }));
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
}
