//! The data of a made-up previous product, the same for the same seed, with everything awkward that was ever heard of.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

/// Somebody who wants us to have nothing of them.
const ERASED: &str = "erased.person";
/// The tables, in the order in which they are filled.
const TABLES: [&str; 9] = [
    "users",
    "user_credits",
    "credit_ledger",
    "subscriptions",
    "business_profiles",
    "leads",
    "analyses",
    "ai_usage_logs",
    "webhook_events",
];
/// Every so many users have each awkward thing, so that a small rehearsal has all of them.
const CYCLE: usize = 12;
/// Larger than a result of the product may be.
const HUGE_RESULT_BYTES: usize = 300_000;

/// Where a user stands at Supabase Auth before the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignIn {
    /// Was there before our migrations: nobody has an account yet.
    Before,
    /// Signed up since: the trigger has made an account with starting credits.
    Since,
    Missing,
    Deleted,
}

struct Old {
    rng: ChaCha8Rng,
    now: Timestamp,
    rows: [Vec<Value>; TABLES.len()],
    sign_ins: Vec<(Uuid, Option<String>, SignIn)>,
    customer: Option<String>,
    business_of_others: Option<Uuid>,
}

/// Fills `legacy` and Supabase Auth with so many users and everything that is theirs. The client is a superuser.
pub async fn generate(client: &Client, seed: u64, users: usize) -> Result<()> {
    let mut old = Old {
        rng: ChaCha8Rng::seed_from_u64(seed),
        now: Timestamp::now(),
        rows: Default::default(),
        sign_ins: Vec::new(),
        customer: None,
        business_of_others: None,
    };
    for number in 0..users {
        old.user(number);
    }
    old.orphans();
    client.batch_execute(include_str!("old_product.sql")).await?;
    for (table, rows) in TABLES.iter().zip(&old.rows) {
        let sql =
            format!("insert into legacy.{table} select * from jsonb_populate_recordset(null::legacy.{table}, $1)");
        for some in rows.chunks(500) {
            client.execute(&sql, &[&Value::Array(some.to_vec())]).await?;
        }
    }
    sign_in(client, &old.sign_ins).await?;
    erase(client).await
}

async fn sign_in(client: &Client, users: &[(Uuid, Option<String>, SignIn)]) -> Result<()> {
    let insert = "insert into auth.users (id, aud, role, email, email_confirmed_at, deleted_at)
         values ($1, 'authenticated', 'authenticated', $2, now(), case when $3 then now() end)";
    for (id, email, sign_in) in users {
        match sign_in {
            SignIn::Missing => {}
            SignIn::Since => {
                client.execute(insert, &[id, email, &false]).await?;
            }
            SignIn::Before | SignIn::Deleted => {
                // Without triggers, as if our migrations had come later.
                client.batch_execute("set session_replication_role = replica").await?;
                client.execute(insert, &[id, email, &(*sign_in == SignIn::Deleted)]).await?;
                client.batch_execute("set session_replication_role = origin").await?;
            }
        }
    }
    Ok(())
}

async fn erase(client: &Client) -> Result<()> {
    let sql = "with e as (
           insert into public.erasures (id, requested_by, usernames, instagram_ids, done_at)
             values (gen_random_uuid(), gen_random_uuid(), '{}', '{}', now()) returning id
         ) insert into public.erased_subjects (hash, kind, erasure_id)
             select private.subject_hash('username', $1), 'username', e.id from e";
    client.execute(sql, &[&ERASED]).await?;
    Ok(())
}

impl Old {
    fn id(&mut self) -> Uuid {
        Uuid::from_bytes(self.rng.random())
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, first: T, others: &[T]) -> T {
        let at = self.rng.random_range(0..=others.len());
        others.get(at).cloned().unwrap_or(first)
    }

    /// Up to so many days ago.
    fn ago(&mut self, days: i64) -> Timestamp {
        self.now - SignedDuration::from_secs(self.rng.random_range(60..days * 86_400))
    }

    fn add(&mut self, table: &str, row: Value) {
        if let Some(rows) = TABLES.iter().position(|name| *name == table).and_then(|at| self.rows.get_mut(at)) {
            rows.push(row);
        }
    }

    fn user(&mut self, number: usize) {
        let user = self.id();
        let cycle = number % CYCLE;
        let email = (cycle != 3).then(|| format!("person-{number}+müller@old.test"));
        // Of two who share a customer only one can have it.
        let customer = match cycle {
            4 => self.customer.clone(),
            5 => None,
            _ => Some(format!("cus_{number}")),
        };
        self.customer.clone_from(&customer);
        let created_at = self.ago(600);
        self.add(
            "users",
            json!({ "id": user, "email": email, "created_at": created_at, "stripe_customer_id": customer }),
        );
        let sign_in = match cycle {
            1 => SignIn::Missing,
            2 => SignIn::Deleted,
            _ if number.is_multiple_of(2) => SignIn::Before,
            _ => SignIn::Since,
        };
        self.sign_ins.push((user, email, sign_in));
        self.credits(user, cycle);
        self.subscription(user, number, cycle);
        self.events(number);
        let first = self.business(user, cycle);
        let mut others = Vec::new();
        for nth in 1..=number % 3 {
            others.push(self.business(user, nth + cycle));
        }
        let foreign = self.business_of_others;
        for nth in 0..16 {
            let business = match nth {
                // Of nobody, and of somebody else.
                14 => self.id(),
                15 => foreign.unwrap_or(user),
                _ => self.pick(first, &others),
            };
            self.lead(user, business, nth);
        }
        self.business_of_others = Some(first);
    }

    fn credits(&mut self, user: Uuid, cycle: usize) {
        let balance: i64 = match cycle {
            5 | 6 => -self.rng.random_range(1..20),
            7 => 0,
            _ => self.rng.random_range(1..300),
        };
        if cycle != 8 {
            let balance = (cycle != 9).then_some(balance);
            self.add("user_credits", json!({ "user_id": user, "balance": balance }));
        }
        // The ledger of some says something else.
        let said = if cycle == 10 { balance + 7 } else { balance };
        for delta in [said + 30, -30] {
            let (id, at) = (self.id(), self.ago(500));
            self.add(
                "credit_ledger",
                json!({ "id": id, "user_id": user, "delta": delta, "reason": "résumé of 2024 ✅", "created_at": at }),
            );
        }
    }

    fn subscription(&mut self, user: Uuid, number: usize, cycle: usize) {
        let plan = self.pick("starter", &["Growth", "agency"]);
        let plan = match cycle {
            6 => "free",
            7 => "platinum",
            _ => plan,
        };
        let id = match cycle {
            8 => Value::Null,
            // Everybody's of this kind is the same.
            9 => json!("sub_shared"),
            _ => json!(format!("sub_{number}")),
        };
        let status = self.pick("active", &["active", "trialing", "past_due", "cancelled", "canceled"]);
        let status = match cycle {
            10 => "cancelled",
            11 => "lapsed",
            _ => status,
        };
        let starts_at = self.ago(28);
        let days = if self.chance(30) || cycle == 10 { 365 } else { 30 };
        let ends_at = starts_at + SignedDuration::from_hours(24 * days);
        let row = self.id();
        self.add(
            "subscriptions",
            json!({ "id": row, "user_id": user, "stripe_subscription_id": id, "plan": plan, "status": status,
                    "current_period_start": starts_at, "current_period_end": ends_at }),
        );
    }

    fn events(&mut self, number: usize) {
        let name = format!("evt_{number}");
        for nth in 0..3 {
            let (id, at) = (self.id(), self.ago(40));
            // The second tells of the same event again, and the third is of nothing.
            let event = (nth < 2).then_some(&name);
            let row = json!({ "id": id, "stripe_event_id": event, "event_type": "invoice.paid", "received_at": at });
            self.add("webhook_events", row);
        }
    }

    fn business(&mut self, user: Uuid, kind: usize) -> Uuid {
        let id = self.id();
        let deleted_at = (kind % 5 == 4).then(|| self.ago(200));
        let description = match kind % 4 {
            0 => json!("Meals for people who run. 🍞 Für alle."),
            1 => json!("long ".repeat(2_000)),
            2 => json!("  \n "),
            _ => Value::Null,
        };
        let icp = match kind % 4 {
            0 => json!({ "industry": "fitness", "min_followers": 5000, "locations": ["Köln", "東京"], "notes": null }),
            1 => json!("Trainers"),
            2 => json!(["coaches", "dietitians"]),
            _ => Value::Null,
        };
        let name = if kind % 7 == 6 { Value::Null } else { json!(format!("Marke {kind} ✨")) };
        self.add(
            "business_profiles",
            json!({ "id": id, "user_id": user, "name": name, "description": description, "icp": icp, "deleted_at": deleted_at }),
        );
        id
    }

    fn lead(&mut self, user: Uuid, business: Uuid, nth: usize) {
        let id = self.id();
        // Few names, so that the same stands several times.
        let name = format!("person.{}", self.rng.random_range(0..4));
        let username = match nth {
            0 => format!("@{}", name.to_uppercase()),
            1 => format!("https://www.Instagram.com/{name}/?igsh=x"),
            2 => format!("  {name}\n"),
            3 => "not a username!".to_owned(),
            4 => "ｆｕｌｌwidth".to_owned(),
            5 => ERASED.to_owned(),
            6 => "never.analysed".to_owned(),
            7 => "x".repeat(5_000),
            _ => name,
        };
        let bio = match nth % 4 {
            0 => json!("Läuferin 🏃 in Köln\n\u{202e}right to left"),
            1 => json!("long bio ".repeat(1_000)),
            2 => Value::Null,
            _ => json!("coach"),
        };
        let picture = match nth % 5 {
            0 => json!(format!("https://cdn.test/{}", "p".repeat(3_000))),
            1 => Value::Null,
            _ => json!("https://cdn.test/p.jpg"),
        };
        let created_at = self.ago(400);
        let deleted_at = (nth == 8).then(|| self.ago(100));
        let followers = if nth == 9 { -1 } else { self.rng.random_range(0..900_000) };
        self.add(
            "leads",
            json!({ "id": id, "user_id": user, "business_id": business, "username": username, "follower_count": followers, "bio": bio,
                    "profile_pic_url": picture, "created_at": created_at, "deleted_at": deleted_at }),
        );
        let analyses = if nth == 6 { 0 } else { self.rng.random_range(1..4) };
        for _ in 0..analyses {
            self.analysis(user, id);
        }
    }

    fn analysis(&mut self, user: Uuid, lead: Uuid) {
        let id = self.id();
        let kind = self.pick("light", &["light", "deep", "xray", "LIGHT"]);
        let kind = if self.chance(2) { "ultra" } else { kind };
        let status =
            self.pick("complete", &["complete", "complete", "complete", "failed", "pending", "processing", "Complete"]);
        let status = if self.chance(2) { "paused" } else { status };
        let score = match self.rng.random_range(0..20) {
            0 => Value::Null,
            1 => json!(140),
            2 => json!(-1),
            _ => json!(self.rng.random_range(0..=100)),
        };
        let result = match self.rng.random_range(0..100) {
            0..10 => Value::Null,
            10..15 => json!([1, "two"]),
            15 => json!({ "summary": "Passt 👍", "notes": "é".repeat(HUGE_RESULT_BYTES / 2) }),
            _ => json!({ "summary": "Passt gut zur Marke 👍", "reasons": ["fitness", "東京"] }),
        };
        let credits = self.pick(Value::Null, &[json!(1), json!(5), json!(6), json!(0)]);
        let created_at = self.ago(300);
        if matches!(status, "pending" | "processing") && self.chance(60) {
            let charge = self.rng.random_range(1..7);
            let ledger = self.id();
            let row = json!({ "id": ledger, "user_id": user, "delta": -charge, "reason": "analysis", "run_id": id, "created_at": created_at });
            self.add("credit_ledger", row);
            if self.chance(30) {
                // The previous product has given it back itself.
                let ledger = self.id();
                let row = json!({ "id": ledger, "user_id": user, "delta": charge, "reason": "refund", "run_id": id, "created_at": created_at });
                self.add("credit_ledger", row);
            }
        }
        self.add(
            "analyses",
            json!({ "id": id, "lead_id": lead, "user_id": user, "type": kind, "status": status, "score": score, "result": result,
                    "credits_used": credits, "created_at": created_at }),
        );
        for _ in 0..self.rng.random_range(0..3) {
            self.usage(id);
        }
    }

    fn usage(&mut self, analysis: Uuid) {
        let id = self.id();
        let model = self.pick(Value::Null, &[json!("gpt-4o-mini"), json!("claude-3-5-haiku"), json!("mistral")]);
        let tokens = if self.chance(3) { -5 } else { self.rng.random_range(0..9_000) };
        let cost = match self.rng.random_range(0..40) {
            0 => json!("NaN"),
            1 => json!("-0.5"),
            2 => Value::Null,
            _ => json!("0.001234"),
        };
        let created_at = self.ago(180);
        self.add(
            "ai_usage_logs",
            json!({ "id": id, "analysis_id": analysis, "model": model, "tokens_in": tokens, "tokens_out": 10, "cost_usd": cost,
                    "created_at": created_at }),
        );
    }

    /// Rows of users, leads and analyses that are not there.
    fn orphans(&mut self) {
        let (nobody, business) = (self.id(), self.id());
        self.lead(nobody, business, 10);
        let lead = self.id();
        self.analysis(nobody, lead);
        if let Some((somebody, ..)) = self.sign_ins.first().cloned() {
            self.analysis(somebody, lead);
        }
        let analysis = self.id();
        self.usage(analysis);
        let row = self.id();
        self.add("user_credits", json!({ "user_id": nobody, "balance": 12 }));
        self.add("credit_ledger", json!({ "id": row, "user_id": nobody, "delta": 12, "created_at": self.now }));
    }
}
