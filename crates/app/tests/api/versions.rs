//! `If-Match` on a business profile: every form in which a client, or a proxy on the way, says an ETag.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        business::{
            BusinessPorts, BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, BusinessProfileRepository,
            CreateOutcome, IdealCustomer, NewBusinessProfile, UpdateOutcome,
        },
        judging::ModelChoice,
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{AccountId, BusinessProfileId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, answer, ports, send_to, unasked::Unasked};

/// One profile, whose version is 3.
#[derive(Default)]
struct Profiles {
    asked: Mutex<Vec<Option<i32>>>,
}

const VERSION: i32 = 3;

#[async_trait]
impl BusinessProfileRepository for Profiles {
    async fn create(
        &self,
        member: Member,
        profile: &NewBusinessProfile,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<CreateOutcome, StoreError> {
        Unasked.create(member, profile, key, body_hash).await
    }

    async fn list(
        &self,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
    ) -> Result<Page<BusinessProfile>, StoreError> {
        BusinessProfileRepository::list(&Unasked, member, page).await
    }

    async fn get(&self, member: Member, id: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError> {
        BusinessProfileRepository::get(&Unasked, member, id).await
    }

    async fn update(
        &self,
        member: Member,
        id: BusinessProfileId,
        _: &BusinessProfileChanges,
        expected: Option<i32>,
    ) -> Result<UpdateOutcome, StoreError> {
        self.asked.lock().unwrap().push(expected);
        if expected.is_some_and(|expected| expected != VERSION) {
            return Ok(UpdateOutcome::OtherVersion { context_version: VERSION });
        }
        let text = || "text".to_owned();
        let profile = BusinessProfile {
            id,
            account_id: AccountId::new(member.account().uuid()),
            name: text(),
            offering: text(),
            target_audience: text(),
            voice: None,
            do_not_say: vec![],
            competitors: vec![],
            proof_points: vec![],
            ideal_customer: IdealCustomer::default(),
            context_version: VERSION + 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        Ok(UpdateOutcome::Updated { profile: Box::new(profile) })
    }

    async fn delete(&self, member: Member, id: BusinessProfileId) -> Result<Option<Timestamp>, StoreError> {
        BusinessProfileRepository::delete(&Unasked, member, id).await
    }
}

/// The status and code of a change under these `If-Match` headers, and the versions that the database was asked for.
async fn change(if_match: &[&str]) -> (u16, Value, Vec<Option<i32>>) {
    let (double, profiles) = (Arc::new(Double::new()), Arc::new(Profiles::default()));
    let mut ports = ports(&double, ModelChoice::default());
    ports.business = BusinessPorts { profiles: profiles.clone() };
    let mut request = Request::patch(format!("/business-profiles/{}", Uuid::nil()))
        .header(header::AUTHORIZATION, "Bearer token")
        .header(header::CONTENT_TYPE, "application/json");
    for value in if_match {
        request = request.header(header::IF_MATCH, *value);
    }
    let request = request.body(Body::from(json!({ "name": "New" }).to_string())).unwrap();
    let (status, _, body) = answer(send_to(ports, request).await).await;
    let asked = profiles.asked.lock().unwrap().clone();
    (status.as_u16(), body["code"].clone(), asked)
}

#[tokio::test]
async fn every_form_of_an_etag_is_understood() {
    let three = Some(VERSION);
    for (if_match, asked) in [
        (&[][..], vec![None]),
        (&["*"], vec![None]),
        (&[" * "], vec![None]),
        (&["\"3\""], vec![three]),
        (&["3"], vec![three]),
        (&["W/\"3\""], vec![three]),
        (&["\"3\", \"7\""], vec![three]),
        (&["\"1\",W/\"3\""], vec![Some(1), three]),
        (&["\"1\", , \"2\",\"3\","], vec![Some(1), three]),
        (&["\"1\"", "\"3\""], vec![Some(1), three]),
    ] {
        assert_eq!(change(if_match).await, (200, Value::Null, asked), "{if_match:?}");
    }
    for (if_match, asked) in
        [(&["\"2\""][..], vec![Some(2)]), (&["W/\"4\""], vec![Some(4)]), (&["\"1\", \"2\""], vec![Some(1)])]
    {
        assert_eq!(change(if_match).await, (412, json!("business_profile_changed"), asked), "{if_match:?}");
    }
}

#[tokio::test]
async fn what_is_no_etag_of_ours_is_refused() {
    let many = "\"1\",".repeat(200);
    let cases =
        ["", ",", "\"", "\"\"", "\"x\"", "\"3", "w/\"3\"", "W/3", "W/*", "\"1\", *", "\"99999999999\"", many.as_str()];
    for if_match in cases {
        assert_eq!(change(&[if_match]).await, (400, json!("invalid_if_match"), vec![]), "{if_match:?}");
    }
}
