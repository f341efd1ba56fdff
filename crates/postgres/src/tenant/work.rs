//! What people do with leads, as the calling user: one statement each.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        leads::{LeadAction, Note, NoteDeletion, NoteOutcome, NoteText, WorkChanges, WorkOutcome, WorkRepository},
    },
    shared::{
        ids::{LeadId, NoteId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde::de::DeserializeOwned;

use super::db::TenantDb;
use crate::session::Param;

impl TenantDb {
    /// A page of what belongs to a lead, by descending `key`; `None` if the account has no such lead.
    async fn of_lead<T: DeserializeOwned>(
        &self,
        member: Member,
        id: LeadId,
        table: &'static str,
        key: &'static str,
        page: &PageQuery<i64>,
    ) -> Result<Option<Vec<T>>, StoreError> {
        let sql = format!(
            "select coalesce((\
               select jsonb_agg(to_jsonb(o) - 'account_id' order by o.{key} desc) from (\
                 select * from public.{table} r where r.lead_id = l.id and r.account_id = $1::uuid \
                   and ($3::bigint is null or r.{key} < $3::bigint) order by r.{key} desc limit $4::bigint\
               ) o), '[]') \
             from public.leads l where l.id = $2::uuid and l.account_id = $1::uuid and l.deleted_at is null"
        );
        let after = page.after.as_ref().map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::of(id), Param::maybe(after), Param::of(page.limit + 1)];
        Ok(self.values(member.user(), &sql, &params).await?.into_iter().next())
    }
}

#[async_trait]
impl WorkRepository for TenantDb {
    async fn set_work(&self, member: Member, id: LeadId, changes: &WorkChanges) -> Result<WorkOutcome, StoreError> {
        const SQL: &str = "select api.set_lead_work($1::uuid, $2::uuid, $3::jsonb)";
        let params = [Param::of(member.account()), Param::of(id), Param::json(changes)?];
        self.value(member.user(), SQL, &params).await
    }

    async fn actions(
        &self,
        member: Member,
        id: LeadId,
        page: PageQuery<i64>,
    ) -> Result<Option<Page<LeadAction>>, StoreError> {
        let actions = self.of_lead(member, id, "lead_actions", "id", &page).await?;
        Ok(actions.map(|actions| Page::cut(actions, page.limit, |last: &LeadAction| last.id)))
    }

    async fn notes(&self, member: Member, id: LeadId, page: PageQuery<i64>) -> Result<Option<Page<Note>>, StoreError> {
        let notes = self.of_lead(member, id, "lead_notes", "number", &page).await?;
        Ok(notes.map(|notes| Page::cut(notes, page.limit, |last: &Note| last.number)))
    }

    async fn add_note(&self, member: Member, id: LeadId, text: &NoteText) -> Result<NoteOutcome, StoreError> {
        const SQL: &str = "select api.add_lead_note($1::uuid, $2::uuid, $3)";
        let params = [Param::of(member.account()), Param::of(id), Param::of(text.as_str())];
        self.value(member.user(), SQL, &params).await
    }

    async fn change_note(
        &self,
        member: Member,
        id: LeadId,
        note: NoteId,
        text: &NoteText,
        expected_version: Option<i32>,
    ) -> Result<NoteOutcome, StoreError> {
        const SQL: &str = "select api.change_lead_note($1::uuid, $2::uuid, $3::uuid, $4, $5::integer)";
        let params = [
            Param::of(member.account()),
            Param::of(id),
            Param::of(note),
            Param::of(text.as_str()),
            Param::maybe(expected_version),
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn delete_note(&self, member: Member, id: LeadId, note: NoteId) -> Result<NoteDeletion, StoreError> {
        const SQL: &str = "select api.delete_lead_note($1::uuid, $2::uuid, $3::uuid)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(id), Param::of(note)]).await
    }
}
