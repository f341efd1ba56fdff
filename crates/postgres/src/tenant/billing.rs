//! Subscriptions, what is sold, and what an owner buys.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        billing::{
            Billing, BillingCustomer, Catalogue, CreditAlerts, CreditAlertsOutcome, LinkOutcome, PurchaseOutcome,
            Subscription,
        },
    },
    shared::{idempotency::IdempotencyKey, store::StoreError},
};
use uuid::Uuid;

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl Billing for TenantDb {
    async fn subscriptions(&self, member: Member) -> Result<Vec<Subscription>, StoreError> {
        const SQL: &str = "select jsonb_build_object('plan', s.plan_id, 'plan_name', p.name, 'status', s.status, \
              'interval', s.billing_interval, 'monthly_credits', p.monthly_credits, \
              'current_period_starts_at', s.current_period_starts_at, 'current_period_ends_at', s.current_period_ends_at, \
              'cancel_at', s.cancel_at, 'ended_at', s.ended_at, \
              'is_managed_by_stripe', s.stripe_subscription_id is not null) \
            from public.subscriptions s join public.plans p on p.id = s.plan_id \
            where s.account_id = $1::uuid order by s.created_at desc, s.id limit 20";
        self.values(member.user(), SQL, &[Param::of(member.account())]).await
    }

    async fn catalogue(&self, member: Member) -> Result<Catalogue, StoreError> {
        const SQL: &str = "select jsonb_build_object( \
              'plans', (select coalesce(jsonb_agg(to_jsonb(p) order by p.month_price_cents), '[]') \
                from public.plans p where p.month_price_cents is not null), \
              'packs', (select coalesce(jsonb_agg(to_jsonb(c) order by c.price_cents), '[]') from public.credit_packs c))";
        self.value(member.user(), SQL, &[]).await
    }

    async fn customer(&self, member: Member) -> Result<BillingCustomer, StoreError> {
        self.value(member.user(), "select api.billing_customer($1::uuid)", &[Param::of(member.account())]).await
    }

    async fn link_customer(&self, member: Member, customer_id: &str) -> Result<LinkOutcome, StoreError> {
        let params = [Param::of(member.account()), Param::of(customer_id)];
        self.value(member.user(), "select api.link_customer($1::uuid, $2)", &params).await
    }

    async fn begin_purchase(
        &self,
        member: Member,
        id: Uuid,
        pack: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError> {
        let key = key.map(IdempotencyKey::as_str);
        let params = [Param::of(member.account()), Param::of(id), Param::of(pack), Param::maybe(key)];
        self.value(member.user(), "select api.begin_purchase($1::uuid, $2::uuid, $3, $4)", &params).await
    }

    async fn alerts(&self, member: Member) -> Result<Option<CreditAlerts>, StoreError> {
        let sql = "select coalesce(api.credit_alerts($1::uuid), 'null')";
        self.value(member.user(), sql, &[Param::of(member.account())]).await
    }

    async fn set_alerts(&self, member: Member, alerts: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError> {
        let top_up = alerts.auto_top_up.as_ref().map(Param::json).transpose()?;
        let params = [
            Param::of(member.account()),
            Param::maybe(alerts.low_balance_at),
            top_up.unwrap_or_else(|| Param::maybe(None::<String>)),
        ];
        self.value(member.user(), "select api.set_credit_alerts($1::uuid, $2::integer, $3::jsonb)", &params).await
    }
}
