//! Blocked accounts: what is refused without the database, and what is not.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use axum::http::header;
use oslira_app::{
    features::{
        analysis::BeginOutcome,
        auth::{ApiKeys, BlockedAccounts, KeyAccess, KeySecret, Membership, Role, SecretHash},
        judging::ModelChoice,
    },
    shared::{
        ids::{AccountId, UserId},
        store::StoreError,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Double,
    abuse::{Counter, counted},
    answer, ports, request, send_to,
};

/// Every key is of the one account, and acts by itself.
#[derive(Default)]
pub struct Keys {
    asked: AtomicUsize,
}

#[async_trait]
impl ApiKeys for Keys {
    async fn resolve(&self, _: &SecretHash) -> Result<Option<KeyAccess>, StoreError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let membership = Membership {
            account_id: AccountId::new(Uuid::nil()),
            account_name: "Ann".to_owned(),
            role: Role::Owner,
            permissions: Role::Owner.permissions().to_vec(),
        };
        Ok(Some(KeyAccess { key_id: UserId::new(Uuid::from_u128(number as u128 + 1)), membership }))
    }
}

/// The secret of a key that is another one for each digit.
pub fn key(digit: &str) -> String {
    KeySecret::new(&digit.repeat(64)).text().to_owned()
}

/// Remembers blocked accounts.
#[derive(Default)]
pub struct Blocked(Mutex<HashSet<AccountId>>);

impl Blocked {
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl BlockedAccounts for Blocked {
    async fn is_blocked(&self, account: AccountId) -> bool {
        self.0.lock().unwrap().contains(&account)
    }

    async fn remember(&self, account: AccountId) {
        self.0.lock().unwrap().insert(account);
    }

    async fn forget(&self, account: AccountId) {
        self.0.lock().unwrap().remove(&account);
    }
}

#[tokio::test]
async fn a_blocked_account_is_remembered_when_the_database_says_so_and_then_refused_without_it() {
    let blocked = Arc::new(Blocked::default());
    let double = Arc::new(Double { is_blocked: true, ..Double::new() });
    let mut ports = ports(&double, ModelChoice::default());
    ports.auth.blocked = blocked.clone();
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let buy = async || answer(send_to(ports.clone(), request("POST", "/v1/analyze", &body)).await).await;
    for asked in [1, 1, 1] {
        let (status, _, body) = buy().await;
        assert_eq!((status.as_u16(), &body["code"]), (403, &json!("account_blocked")));
        assert_eq!(double.asked().len(), asked, "{:?}", double.asked());
    }
    // Reading is not buying.
    let (status, ..) = answer(send_to(ports.clone(), request("GET", "/credits/budget", &Value::Null)).await).await;
    assert_eq!(status.as_u16(), 200);
    blocked.forget(AccountId::new(Uuid::nil())).await;
    buy().await;
    assert_eq!(double.asked().len(), 2, "the database is asked again");
}

#[tokio::test]
async fn a_key_of_a_blocked_account_is_refused_without_being_looked_up() {
    let keys = Arc::new(Keys::default());
    let double = Arc::new(Double { is_blocked: true, ..Double::new() });
    let counter = Counter::of(2);
    let mut ports = counted(&double, &counter);
    ports.auth.keys = keys.clone();
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let buy = async || {
        let mut request = request("POST", "/v1/analyze", &body);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", key("1")).parse().unwrap());
        let (status, _, body) = answer(send_to(ports.clone(), request).await).await;
        (status.as_u16(), body["code"].as_str().unwrap().to_owned())
    };
    for _ in 0..3 {
        assert_eq!(buy().await, (403, "account_blocked".to_owned()));
        assert_eq!((double.asked().len(), keys.asked.load(Ordering::Relaxed)), (1, 1));
    }
    // It is counted all the same: the first time by the address, which is not known here.
    assert_eq!(buy().await, (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn another_refusal_blocks_nobody() {
    let blocked = Arc::new(Blocked::default());
    let double = Double::refusing(BeginOutcome::Forbidden);
    let mut ports = ports(&double, ModelChoice::default());
    ports.auth.blocked = blocked.clone();
    let body = json!({ "username": "nasa", "analysis_type": "DEEP", "business_profile_id": Uuid::nil() });
    let (status, ..) = answer(send_to(ports, request("POST", "/v1/analyze", &body)).await).await;
    assert!(status.as_u16() == 403 && blocked.is_empty());
}
