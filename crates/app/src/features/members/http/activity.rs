//! Who did what to members, invitations, keys and saved filters.

use axum::http::Method;
use serde_json::json;

use crate::{
    features::{
        auth::{ManageMembers, May, forbidden},
        members::{MemberAction, MemberPorts},
    },
    http::{ApiError, Endpoint, Example, NoBody, Registry, Reply},
    shared::pagination::{Page, PageQuery},
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<ListActivity>();
}

pub struct ListActivity;

impl Endpoint for ListActivity {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/activity";
    const SUMMARY: &'static str =
        "Who did what to the account, its members, invitations, keys and saved filters, newest first.";

    type Ports = MemberPorts;
    type Caller = May<ManageMembers>;
    type Parameters = PageQuery<i64>;
    type Body = NoBody;
    type Answer = Reply<Page<MemberAction>>;

    fn example() -> Example {
        let data = json!({
            "items": [{
                "id": 7, "actor_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "action": "member_changed",
                "subject_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "details": { "role": "admin" },
                "at": "2026-11-25T09:30:00Z",
            }],
            "next_cursor": null,
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageMembers>,
        page: PageQuery<i64>,
        _: NoBody,
    ) -> Result<Reply<Page<MemberAction>>, ApiError> {
        Ok(Reply::new(ports.store.actions(member, page).await?.ok_or_else(forbidden)?))
    }
}
