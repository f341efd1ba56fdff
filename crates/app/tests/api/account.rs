//! Who reaches a closed account, and what an export tells before and after its first byte.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::to_bytes;
use oslira_app::{
    features::{
        account::{
            AccountOutcome, AccountState, AccountStore, AccountView, CloseOutcome, ExportedRow, ExportedTable,
            RestoreOutcome,
        },
        auth::{ClosedAccount, Member, Membership, Memberships, Role},
        judging::ModelChoice,
    },
    shared::{
        ids::{AccountId, RunId, UserId},
        store::StoreError,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, answer, ports, request, send_to};

const CLOSED: Uuid = Uuid::from_u128(7);

/// A user whose only account is closed, and its database, which remembers for which account it was asked.
#[derive(Default)]
struct Closed {
    closes: Option<CloseOutcome>,
    asked: Mutex<Vec<Uuid>>,
    /// Whether reading fails after the first page.
    breaks: bool,
}

#[async_trait]
impl Memberships for Closed {
    async fn accounts_of(&self, _: UserId) -> Result<Vec<Membership>, StoreError> {
        Ok(vec![])
    }

    async fn closed_accounts_of(&self, _: UserId) -> Result<Vec<ClosedAccount>, StoreError> {
        let at = "2026-11-20T12:00:00Z".parse().unwrap();
        let (account_id, account_name) = (AccountId::new(CLOSED), "Fuel".to_owned());
        Ok(vec![ClosedAccount { account_id, account_name, closed_at: at, erased_after: at }])
    }
}

#[async_trait]
impl AccountStore for Closed {
    async fn account(&self, member: Member) -> Result<AccountOutcome, StoreError> {
        self.asked.lock().unwrap().push(member.account().uuid());
        Ok(AccountOutcome::Forbidden)
    }

    async fn close(&self, member: Member, _: &str) -> Result<CloseOutcome, StoreError> {
        self.asked.lock().unwrap().push(member.account().uuid());
        Ok(self.closes.clone().unwrap_or(CloseOutcome::Forbidden))
    }

    async fn restore(&self, member: Member) -> Result<RestoreOutcome, StoreError> {
        self.asked.lock().unwrap().push(member.account().uuid());
        Ok(RestoreOutcome::TooLate)
    }

    async fn exported_tables(&self, _: Member) -> Result<Option<Vec<ExportedTable>>, StoreError> {
        Ok(Some(vec![ExportedTable { name: "runs".to_owned(), columns: vec!["id".to_owned()], page_rows: 1 }]))
    }

    async fn exported_rows(&self, _: Member, _: &str, after: Option<&Value>) -> Result<Vec<ExportedRow>, StoreError> {
        let row = json!({ "id": 1 }).as_object().unwrap().clone();
        match after {
            None => Ok(vec![ExportedRow { key: json!([1]), row }]),
            Some(_) if self.breaks => Err(StoreError::Unavailable("gone".to_owned())),
            Some(_) => Ok(vec![]),
        }
    }
}

async fn ask(closed: &Arc<Closed>, method: &str, path: &str, body: Value, account: Option<Uuid>) -> (u16, Value) {
    let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
    ports.auth.memberships = closed.clone();
    ports.account.store = closed.clone();
    let mut request = request(method, path, &body);
    if let Some(account) = account {
        request.headers_mut().insert("x-account-id", account.to_string().parse().unwrap());
    }
    let (status, _, body) = answer(send_to(ports, request).await).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn the_owner_of_a_closed_account_reaches_it_where_it_can_be_opened_and_nowhere_else() {
    let closed = Arc::new(Closed::default());
    for wanted in [None, Some(CLOSED)] {
        let (status, body) = ask(&closed, "POST", "/account/restore", Value::Null, wanted).await;
        assert_eq!((status, &body["code"]), (410, &json!("restore_too_late")));
        let (_, body) = ask(&closed, "GET", "/auth/verify", Value::Null, wanted).await;
        assert_eq!((&body["data"]["account_id"], &body["data"]["accounts"]), (&Value::Null, &json!([])));
        assert_eq!(body["data"]["closed_accounts"][0]["account_id"], json!(CLOSED));
        let (status, body) = ask(&closed, "GET", "/leads", Value::Null, wanted).await;
        assert_eq!((status, &body["code"]), (403, &json!("account_forbidden")));
    }
    assert_eq!(*closed.asked.lock().unwrap(), [CLOSED, CLOSED]);
    let (status, body) = ask(&closed, "GET", "/account", Value::Null, Some(Uuid::from_u128(8))).await;
    assert_eq!((status, &body["code"]), (403, &json!("account_forbidden")));
    assert_eq!(closed.asked.lock().unwrap().len(), 2, "the database was asked for another's");
}

#[tokio::test]
async fn closing_says_what_stands_in_its_way() {
    for (outcome, status, code) in [
        (CloseOutcome::NameMismatch, 422, "account_name_mismatch"),
        (CloseOutcome::SubscriptionActive, 409, "subscription_active"),
        (CloseOutcome::Forbidden, 403, "account_forbidden"),
    ] {
        let closed = Arc::new(Closed { closes: Some(outcome), ..Closed::default() });
        let (answered, body) =
            ask(&closed, "DELETE", "/account", json!({ "account_id": CLOSED, "name": "Fuel" }), None).await;
        assert_eq!((answered, &body["code"]), (status, &json!(code)));
    }
    let closed = Arc::new(Closed::default());
    let id = CLOSED;
    for wrong in [
        json!({}),
        json!({ "account_id": id, "name": 7 }),
        json!({ "name": "Fuel" }),
        json!({ "account_id": id, "name": "Fuel", "now": true }),
    ] {
        let (status, body) = ask(&closed, "DELETE", "/account", wrong.clone(), None).await;
        assert_eq!((status, &body["code"]), (422, &json!("invalid_request")), "{wrong}");
    }
    // Of whoever has several accounts, this may be about another one; and no name has a control character.
    for wrong in
        [json!({ "account_id": Uuid::from_u128(8), "name": "Fuel" }), json!({ "account_id": id, "name": "Fuel\0" })]
    {
        let (status, body) = ask(&closed, "DELETE", "/account", wrong.clone(), None).await;
        assert_eq!((status, &body["code"]), (422, &json!("account_name_mismatch")), "{wrong}");
    }
    assert!(closed.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_closing_cancels_leaves_the_gates_line() {
    let at = "2026-11-27T09:30:00Z".parse().unwrap();
    let account = AccountView {
        id: AccountId::new(CLOSED),
        name: "Fuel".to_owned(),
        role: Role::Owner,
        state: AccountState::Closed,
        created_at: at,
        blocked_at: None,
        closed_at: Some(at),
        erased_after: Some(at),
    };
    let closes = CloseOutcome::Closed { account, cancelled: vec![RunId::new(Uuid::from_u128(9))] };
    let closed = Arc::new(Closed { closes: Some(closes), ..Closed::default() });
    let double = Arc::new(Double::new());
    let mut ports = ports(&double, ModelChoice::default());
    ports.auth.memberships = closed.clone();
    ports.account.store = closed;
    let body = json!({ "account_id": CLOSED, "name": "Fuel" });
    let (status, _, body) = answer(send_to(ports, request("DELETE", "/account", &body)).await).await;
    assert_eq!((status.as_u16(), &body["data"]["state"]), (200, &json!("closed")));
    assert_eq!(*double.lined_up.lock().unwrap(), [json!("left")]);
}

#[tokio::test]
async fn an_export_that_breaks_off_has_an_error_in_place_of_its_end() {
    for (breaks, is_whole) in [(false, true), (true, false)] {
        let closed = Arc::new(Closed { breaks, ..Closed::default() });
        let mut ports = ports(&Arc::new(Double::new()), ModelChoice::default());
        ports.auth.memberships = closed.clone();
        ports.account.store = closed.clone();
        let file = send_to(ports, request("GET", "/account/export", &Value::Null)).await;
        assert_eq!(file.status().as_u16(), 200);
        assert_eq!(to_bytes(file.into_body(), 65_536).await.is_ok(), is_whole);
    }
    let closed = Arc::new(Closed::default());
    for (query, status, code) in [
        ("?format=csv", 422, "unknown_export_table"),
        ("?table=users", 422, "unknown_export_table"),
        ("?format=xml", 400, "invalid_query"),
        ("?table=runs&table=runs", 400, "invalid_query"),
    ] {
        let (answered, body) = ask(&closed, "GET", &format!("/account/export{query}"), Value::Null, None).await;
        assert_eq!((answered, &body["code"]), (status, &json!(code)), "{query}");
    }
}
