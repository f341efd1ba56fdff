//! When the models in use will be shut down: read from the providers' own lists once a day, so that the operator is
//! warned long before the day comes.
//!
//! Models are shut down with some months' notice (OpenAI has given three). A model that has ended is an outage of that
//! model, which runs notice by themselves; this job is there so that nobody is surprised by one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{Unit, civil::Date};
use serde::{Deserialize, Serialize};

use super::{CallKind, ModelChoice, ModelName};
use crate::shared::store::StoreError;

/// How long before the end of a model readiness begins to warn, in days.
pub const WARNING_DAYS: i32 = 60;

/// Where a model stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStatus {
    /// Offered; the date of its end may be known.
    Active,
    /// Offered, but its provider has said that it will end.
    Deprecated,
    /// Not offered any more.
    Retired,
    /// Not in the list that our key may read: it has ended, never existed, or is not open to us.
    Unlisted,
    /// The list could not be read.
    Unknown,
}

/// A model's entry in its provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// As the provider writes it.
    pub name: String,
    /// The name without the snapshot's date, if it can be asked for by that as well.
    pub alias: Option<String>,
    /// Never `Unlisted` or `Unknown`.
    pub status: LifecycleStatus,
    /// The announced day of its end.
    pub retires_on: Option<Date>,
}

/// What is known of a model in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLifecycle {
    pub model: ModelName,
    pub status: LifecycleStatus,
    /// The announced day of its end.
    pub retires_on: Option<Date>,
}

/// The providers' own lists of models.
#[async_trait]
pub trait ModelLists: Send + Sync {
    /// Everything that a provider (`openai`, `anthropic`) offers us.
    ///
    /// # Errors
    /// Why it could not be read, as a sentence for the operator, without keys.
    async fn list(&self, provider: &str) -> Result<Vec<ListedModel>, String>;
}

/// Stores what the daily job has read.
#[async_trait]
pub trait LifecycleStore: Send + Sync {
    /// Replaces everything. A model whose list could not be read keeps what was known of it. For one that was gone and
    /// is offered again, the circuit breaker is closed.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn record(&self, models: &[ModelLifecycle]) -> Result<(), StoreError>;
}

/// Looks every model in use up in its provider's list.
pub async fn look_up_models(choice: &ModelChoice, lists: &dyn ModelLists) -> Vec<ModelLifecycle> {
    let mut read: BTreeMap<String, Option<Vec<ListedModel>>> = BTreeMap::new();
    let mut found = Vec::new();
    for model in choice.in_use().into_keys() {
        if !read.contains_key(model.provider()) {
            let listed = lists.list(model.provider()).await;
            if let Err(cause) = &listed {
                tracing::error!(provider = model.provider(), cause, "the provider's list of models could not be read");
            }
            // A list that failed is remembered too: one request per provider.
            read.insert(model.provider().to_owned(), listed.ok());
        }
        let listed = read.get(model.provider()).and_then(Option::as_ref);
        found.push(lifecycle(model, listed));
    }
    found
}

fn lifecycle(model: ModelName, listed: Option<&Vec<ListedModel>>) -> ModelLifecycle {
    let Some(listed) = listed else {
        return ModelLifecycle { model, status: LifecycleStatus::Unknown, retires_on: None };
    };
    let exact = listed.iter().find(|entry| entry.name == model.model());
    // An alias lives as long as the newest snapshot behind it: the last name, because snapshots end in ISO dates.
    let is_snapshot = |entry: &&ListedModel| entry.alias.as_deref() == Some(model.model());
    let snapshot = listed.iter().filter(is_snapshot).max_by_key(|entry| &entry.name);
    let (status, retires_on) =
        exact.or(snapshot).map_or((LifecycleStatus::Unlisted, None), |entry| (entry.status, entry.retires_on));
    ModelLifecycle { model, status, retires_on }
}

/// What the daily job has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WatchReport {
    /// Models in use.
    pub models: usize,
    /// What the operator should know, a sentence for each model that needs care.
    pub warnings: Vec<String>,
}

/// The daily job: looks the models up, warns the operator of those that end soon, and stores what was found.
///
/// # Errors
/// [`StoreError`] when the database does not answer; the next day's job goes on.
pub async fn watch_models(
    choice: &ModelChoice,
    lists: &dyn ModelLists,
    announced: &[ModelLifecycle],
    store: &dyn LifecycleStore,
    today: Date,
) -> Result<WatchReport, StoreError> {
    let found = look_up_models(choice, lists).await;
    let warnings = warnings(choice, &found, announced, today);
    for warning in &warnings {
        tracing::warn!(warning, "a model in use needs care");
    }
    store.record(&found).await?;
    Ok(WatchReport { models: found.len(), warnings })
}

/// What the operator should know of the models in use, a sentence for each. `announced` is what was known when this
/// version was built; what the provider's list says (`found`) is newer and wins.
#[must_use]
pub fn warnings(
    choice: &ModelChoice,
    found: &[ModelLifecycle],
    announced: &[ModelLifecycle],
    today: Date,
) -> Vec<String> {
    choice.in_use().into_iter().filter_map(|(model, calls)| warning(&model, &calls, found, announced, today)).collect()
}

fn warning(
    model: &ModelName,
    calls: &[CallKind],
    found: &[ModelLifecycle],
    announced: &[ModelLifecycle],
    today: Date,
) -> Option<String> {
    let of = |known: &[ModelLifecycle]| known.iter().find(|known| known.model == *model).cloned();
    let (found, announced) = (of(found), of(announced));
    let status = found.as_ref().map_or(LifecycleStatus::Unknown, |found| found.status);
    let retires_on = found.and_then(|found| found.retires_on).or(announced.and_then(|announced| announced.retires_on));
    let state = match (status, retires_on) {
        (LifecycleStatus::Retired, _) => "is not offered any more".to_owned(),
        (LifecycleStatus::Unlisted, _) => "is not in its provider's list, or not open to our key".to_owned(),
        (_, Some(day)) => match days_between(today, day) {
            days if days > WARNING_DAYS => return None,
            days if days < 0 => format!("was to end on {day}"),
            days => format!("ends on {day}, in {days} days"),
        },
        (LifecycleStatus::Deprecated, None) => "is deprecated by its provider, without a date yet".to_owned(),
        (LifecycleStatus::Active | LifecycleStatus::Unknown, None) => return None,
    };
    let settings: Vec<String> = calls.iter().map(|call| call.models_setting()).collect();
    Some(format!("{model} {state}: name another model in {}, or deploy a version that does", settings.join(", ")))
}

/// From the first day to the second. The default is never taken: the days between any two dates fit.
fn days_between(from: Date, to: Date) -> i32 {
    from.until((Unit::Day, to)).map_or(i32::MAX, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use jiff::civil::date;

    use super::*;

    const LUNA: &str = "openai/gpt-6-luna";

    /// OpenAI's list, and an Anthropic that does not answer.
    struct Lists(Vec<ListedModel>);

    #[async_trait]
    impl ModelLists for Lists {
        async fn list(&self, provider: &str) -> Result<Vec<ListedModel>, String> {
            if provider == "openai" { Ok(self.0.clone()) } else { Err("timed out".to_owned()) }
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<ModelLifecycle>>);

    #[async_trait]
    impl LifecycleStore for Kept {
        async fn record(&self, models: &[ModelLifecycle]) -> Result<(), StoreError> {
            *self.0.lock().unwrap() = models.to_vec();
            Ok(())
        }
    }

    fn listed(name: &str, status: LifecycleStatus, retires_on: Option<Date>) -> ListedModel {
        let alias = name.split_once("-20").map(|(alias, _)| alias.to_owned());
        ListedModel { name: name.to_owned(), alias, status, retires_on }
    }

    fn known(model: &'static str, status: LifecycleStatus, retires_on: Option<Date>) -> ModelLifecycle {
        ModelLifecycle { model: ModelName::fixed(model), status, retires_on }
    }

    fn luna(status: LifecycleStatus, retires_on: Option<Date>) -> Vec<String> {
        warnings(&ModelChoice::default(), &[known(LUNA, status, retires_on)], &[], date(2026, 11, 25))
    }

    #[test]
    fn the_job_keeps_where_every_model_in_use_stands() {
        let lists = Lists(vec![
            listed("gpt-6-luna", LifecycleStatus::Active, Some(date(2027, 9, 1))),
            listed("gpt-6.1-terra-2026-10-26", LifecycleStatus::Deprecated, None),
            listed("gpt-5", LifecycleStatus::Active, None),
        ]);
        let kept = Kept::default();
        let choice = ModelChoice::default();
        let watched = watch_models(&choice, &lists, &[], &kept, date(2026, 11, 25)).now_or_never().unwrap().unwrap();
        assert_eq!(watched.models, 4);
        assert!(watched.warnings[0].starts_with("openai/gpt-6.1-terra is deprecated"), "{watched:?}");
        let expected = [
            known("anthropic/claude-haiku-5-5", LifecycleStatus::Unknown, None),
            known("anthropic/claude-sonnet-5-5", LifecycleStatus::Unknown, None),
            known(LUNA, LifecycleStatus::Active, Some(date(2027, 9, 1))),
            known("openai/gpt-6.1-terra", LifecycleStatus::Deprecated, None),
        ];
        assert_eq!(*kept.0.lock().unwrap(), expected);
        let none = look_up_models(&choice, &Lists(vec![])).now_or_never().unwrap();
        assert_eq!(none.last(), Some(&known("openai/gpt-6.1-terra", LifecycleStatus::Unlisted, None)));
    }

    #[test]
    fn an_end_is_told_from_60_days_before_with_the_settings_that_name_the_model() {
        assert_eq!(luna(LifecycleStatus::Active, Some(date(2027, 1, 25))), [""; 0]);
        assert_eq!(
            luna(LifecycleStatus::Active, Some(date(2027, 1, 24))),
            ["openai/gpt-6-luna ends on 2027-01-24, in 60 days: name another model in MODELS_LIGHT, \
              MODELS_VERDICT, MODELS_NEEDS, MODELS_APPROACH, MODELS_OUTREACH, MODELS_PERSONALITY, MODELS_MOTIVES, MODELS_MONEY, \
              MODELS_DEAL, or deploy a version that does"]
        );
    }

    #[test]
    fn a_model_that_ended_is_told_whatever_its_date() {
        for (status, said) in [
            (LifecycleStatus::Retired, "is not offered any more"),
            (LifecycleStatus::Unlisted, "is not in its provider's list"),
        ] {
            let told = luna(status, Some(date(2030, 1, 1)));
            assert!(told.len() == 1 && told[0].contains(said), "{told:?}");
        }
        assert!(luna(LifecycleStatus::Active, Some(date(2026, 11, 24)))[0].contains("was to end on 2026-11-24"));
        assert!(luna(LifecycleStatus::Deprecated, None)[0].contains("without a date"));
        assert_eq!(luna(LifecycleStatus::Active, None), [""; 0]);
    }

    #[test]
    fn what_was_known_at_the_build_counts_until_the_list_says_more() {
        let announced = [known(LUNA, LifecycleStatus::Unknown, Some(date(2026, 12, 11)))];
        let told = |found: &[ModelLifecycle]| warnings(&ModelChoice::default(), found, &announced, date(2026, 11, 25));
        assert!(told(&[])[0].contains("in 16 days"));
        assert_eq!(told(&[known(LUNA, LifecycleStatus::Active, Some(date(2028, 1, 1)))]), [""; 0]);
        assert!(told(&[known(LUNA, LifecycleStatus::Unknown, None)])[0].contains("in 16 days"));
    }
}
