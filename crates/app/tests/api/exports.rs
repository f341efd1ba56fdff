//! `GET /leads/export.csv`: how many go on at once.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use axum::body::to_bytes;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        judging::ModelChoice,
        leads::{Analysis, Lead, LeadCursor, LeadQuery, LeadRepository, Mark},
    },
    shared::{
        ids::LeadId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde_json::{Value, json};

use super::{Double, answer, ports, request, send_to, unasked::Unasked};

/// Has no leads, and takes its time to say so.
struct Slow {
    is_done: AtomicBool,
}

#[async_trait]
impl LeadRepository for Slow {
    async fn may_export(&self, _: Member) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, _: Member, _: &LeadQuery, page: PageQuery<LeadCursor>) -> Result<Page<Lead>, StoreError> {
        while !self.is_done.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        Ok(Page::cut(vec![], page.limit, |_| -> LeadCursor { unreachable!("there is no lead") }))
    }

    async fn are_more_than(&self, _: Member, _: &LeadQuery, _: u32) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn get(
        &self,
        member: Member,
        id: LeadId,
        most: usize,
    ) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError> {
        LeadRepository::get(&Unasked, member, id, most).await
    }

    async fn delete(&self, member: Member, id: LeadId) -> Result<Option<Timestamp>, StoreError> {
        LeadRepository::delete(&Unasked, member, id).await
    }
}

#[tokio::test]
async fn an_account_has_one_export_at_a_time_until_its_file_is_out() {
    let slow = Arc::new(Slow { is_done: AtomicBool::new(false) });
    let double = Arc::new(Double::new());
    let mut ports = ports(&double, ModelChoice::default());
    ports.leads.leads = slow.clone();
    let export = || send_to(ports.clone(), request("GET", "/leads/export.csv", &Value::Null));

    let mut first = pin!(export());
    assert!(first.as_mut().now_or_never().is_none(), "it is under way");
    slow.is_done.store(true, Ordering::Relaxed);
    let (status, retry_after, body) = answer(export().await).await;
    assert_eq!((status.as_u16(), &body["code"]), (429, &json!("too_many_exports")));
    assert_eq!(retry_after.as_deref(), Some("5"));

    let file = first.await;
    assert_eq!(file.status().as_u16(), 200);
    assert_eq!(export().await.status().as_u16(), 429, "its file is not out yet");
    assert!(!to_bytes(file.into_body(), 65_536).await.unwrap().is_empty());
    assert_eq!(export().await.status().as_u16(), 200);
}
