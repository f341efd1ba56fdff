//! The users of the project: in the database if there is one, else among the sandbox's own state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Supabase,
    database::DatabaseDown,
    state::{Account, Entry},
};
use crate::shared::clock::{iso, now_ms};

/// A user, as far as `auth.users` knows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: Uuid,
    /// In lower case.
    pub(super) email: String,
    pub(super) email_confirmed_at_ms: Option<u64>,
    pub(super) last_sign_in_at_ms: Option<u64>,
    pub(super) app_metadata: Map<String, Value>,
    pub(super) user_metadata: Map<String, Value>,
    pub(super) created_at_ms: u64,
    pub(super) updated_at_ms: u64,
}

/// What can happen to a user.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Their address is theirs.
    Confirm,
    SignIn,
    /// These fields are changed; null takes one away.
    Metadata(Map<String, Value>),
}

impl User {
    /// Somebody who signs up now.
    pub(super) fn new(email: &str, data: Map<String, Value>) -> Self {
        let now = now_ms();
        let app = json!({"provider": "email", "providers": ["email"]});
        let id = Uuid::new_v4();
        let mut user_metadata = data;
        let known = [
            ("email", json!(email)),
            ("email_verified", json!(false)),
            ("phone_verified", json!(false)),
            ("sub", json!(id)),
        ];
        user_metadata.extend(known.map(|(name, value)| (name.to_owned(), value)));
        Self {
            id,
            email: email.to_owned(),
            email_confirmed_at_ms: None,
            last_sign_in_at_ms: None,
            app_metadata: if let Value::Object(app) = app { app } else { Map::new() },
            user_metadata,
            created_at_ms: now,
            updated_at_ms: now,
        }
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.email_confirmed_at_ms.is_some()
    }

    fn change(&mut self, change: Change) {
        self.updated_at_ms = now_ms();
        match change {
            Change::Confirm => {
                self.email_confirmed_at_ms = Some(now_ms());
                self.user_metadata.insert("email_verified".to_owned(), json!(true));
            }
            Change::SignIn => self.last_sign_in_at_ms = Some(now_ms()),
            Change::Metadata(data) => {
                self.user_metadata.extend(data);
                self.user_metadata.retain(|_, value| !value.is_null());
            }
        }
    }

    /// The user as Auth shows them. Times that never were are left out.
    pub(super) fn shown(&self, account: &Account) -> Value {
        let time = |ms: Option<u64>| ms.map(iso);
        let mut shown = json!({
            "id": self.id, "aud": "authenticated", "role": "authenticated", "email": self.email,
            "email_confirmed_at": time(self.email_confirmed_at_ms), "phone": "",
            "confirmation_sent_at": time(account.confirmation.sent_at_ms),
            "confirmed_at": time(self.email_confirmed_at_ms), "recovery_sent_at": time(account.recovery.sent_at_ms),
            "last_sign_in_at": time(self.last_sign_in_at_ms), "app_metadata": self.app_metadata,
            "user_metadata": self.user_metadata, "identities": [self.identity()],
            "created_at": iso(self.created_at_ms), "updated_at": iso(self.updated_at_ms), "is_anonymous": false,
        });
        if let Some(fields) = shown.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        shown
    }

    /// What is answered to who signs up with an address that is somebody's already: nothing that tells them so but the empty list
    /// of identities.
    pub(super) fn obfuscated(email: &str, data: Map<String, Value>) -> Value {
        let nobody = Self::new(email, data.clone());
        let mut account = Account::of(nobody.id);
        account.confirmation.sent_at_ms = Some(nobody.created_at_ms);
        let mut shown = nobody.shown(&account);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("role".to_owned(), json!(""));
            fields.insert("user_metadata".to_owned(), data.into());
            fields.insert("identities".to_owned(), json!([]));
        }
        shown
    }

    fn identity(&self) -> Value {
        // An identifier of its own, the same for the same user.
        let hash = Sha256::digest(format!("identity {}", self.id));
        let id = hash.first_chunk().map(|bytes| uuid::Builder::from_random_bytes(*bytes).into_uuid());
        let at = iso(self.created_at_ms);
        let data = json!({
            "email": self.email, "email_verified": self.is_confirmed(), "phone_verified": false, "sub": self.id,
        });
        json!({
            "identity_id": id, "id": self.id, "user_id": self.id, "identity_data": data, "provider": "email",
            "last_sign_in_at": at, "created_at": at, "updated_at": at, "email": self.email,
        })
    }
}

impl Supabase {
    pub(super) async fn user(&self, id: Uuid) -> Result<Option<User>, DatabaseDown> {
        match &self.database {
            Some(database) => database.user(id).await,
            None => Ok(self.own.read(|book| book.users.get(id).cloned())),
        }
    }

    pub(super) async fn user_by_email(&self, email: &str) -> Result<Option<User>, DatabaseDown> {
        match &self.database {
            Some(database) => database.user_by_email(email).await,
            None => Ok(self.own.read(|book| book.users.find(|user| user.email == email).cloned())),
        }
    }

    /// Adds a user; false if somebody has the address.
    pub(super) async fn add_user(&self, user: &User) -> Result<bool, DatabaseDown> {
        match &self.database {
            Some(database) => database.add_user(user).await,
            None => Ok(self.own.transact(|book| {
                let is_free = book.users.find(|known| known.email == user.email).is_none();
                if is_free {
                    book.put(Entry::User(user.clone()));
                }
                is_free
            })),
        }
    }

    /// Changes a user and returns them as they are then; none if they have left meanwhile.
    pub(super) async fn change_user(&self, id: Uuid, change: Change) -> Result<Option<User>, DatabaseDown> {
        match &self.database {
            Some(database) => database.change_user(id, &change).await,
            None => Ok(self.own.transact(|book| {
                let mut user = book.users.get(id)?.clone();
                user.change(change);
                book.put(Entry::User(user.clone()));
                Some(user)
            })),
        }
    }
}
