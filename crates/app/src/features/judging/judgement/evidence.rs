//! Checks what an answer says that the profile says.
//!
//! Promises: an entry that rests on a quote is kept only if the quote stands in a post that it names (or in another one, which is
//! then named instead); one that rests on a count only if the count is that of the posts that it names and all of them exist; one
//! that rests on neither goes. In every other text, a sentence with a quotation that stands nowhere goes. So no customer reads a
//! quotation that nobody wrote.

use super::{
    super::shown::{BIO, Shown, Speaker},
    answers::{BuyingStage, Insight, Theme, Trait},
    quotations,
};

/// An entry with what shows it.
pub(super) trait Claim {
    fn posts(&mut self) -> &mut Vec<String>;
    fn quote(&mut self) -> &mut Option<String>;
    fn count(&mut self) -> &mut Option<u32>;
    /// What it says.
    fn statement(&self) -> &str;
}

macro_rules! claim {
    ($type:ty, $statement:ident) => {
        impl Claim for $type {
            fn posts(&mut self) -> &mut Vec<String> {
                &mut self.posts
            }
            fn quote(&mut self) -> &mut Option<String> {
                &mut self.quote
            }
            fn count(&mut self) -> &mut Option<u32> {
                &mut self.count
            }
            fn statement(&self) -> &str {
                &self.$statement
            }
        }
    };
}

claim!(Insight, insight);
claim!(Theme, theme);
claim!(Trait, name);

/// Checks an answer's entries and texts against what its model was shown, and takes out what does not hold.
pub(super) struct Examiner<'a> {
    shown: &'a Shown,
    pub(super) kept: u32,
    pub(super) dropped: u32,
}

impl<'a> Examiner<'a> {
    pub(super) const fn new(shown: &'a Shown) -> Self {
        Self { shown, kept: 0, dropped: 0 }
    }

    /// Keeps the entries that hold by the profile's own words.
    pub(super) fn claims<C: Claim>(&mut self, claims: &mut Vec<C>) {
        self.claims_by(Speaker::Owner, claims);
    }

    /// Keeps the entries that hold, also by what others wrote under the posts.
    pub(super) fn claims_of_anybody<C: Claim>(&mut self, claims: &mut Vec<C>) {
        self.claims_by(Speaker::Anybody, claims);
    }

    fn claims_by<C: Claim>(&mut self, by: Speaker, claims: &mut Vec<C>) {
        let before = claims.len();
        claims.retain_mut(|claim| self.holds(claim, by));
        self.kept += claims.len() as u32;
        self.dropped += (before - claims.len()) as u32;
    }

    /// Keeps the entries that rest on a post, of those that hold.
    pub(super) fn claims_of_posts<C: Claim>(&mut self, claims: &mut Vec<C>) {
        let before = claims.len();
        claims.retain_mut(|claim| claim.posts().iter().any(|id| id != BIO));
        let dropped = (before - claims.len()) as u32;
        self.kept -= dropped;
        self.dropped += dropped;
    }

    /// The buying stage, as far as signs show it: who looks for solutions says so in posts, and a bio alone can be bait.
    pub(super) fn shown_stage(stage: BuyingStage, signs: &[Insight]) -> BuyingStage {
        let is_shown = signs.iter().any(|sign| sign.posts.iter().any(|id| id != BIO));
        match stage {
            BuyingStage::LookingForSolutions | BuyingStage::ReadyToBuy if !is_shown => BuyingStage::AwareOfTheProblem,
            stage => stage,
        }
    }

    /// Keeps the texts whose quotations hold.
    pub(super) fn texts(&mut self, texts: &mut Vec<String>) {
        let before = texts.len();
        texts.retain(|text| quotations::all_stand(text, self.shown));
        self.kept += texts.len() as u32;
        self.dropped += (before - texts.len()) as u32;
    }

    /// Keeps the sentences whose quotations hold.
    pub(super) fn text(&mut self, text: &mut String) {
        if let Some(rest) = quotations::without_false_ones(text, self.shown) {
            *text = rest;
            self.dropped += 1;
        }
    }

    fn holds(&self, claim: &mut impl Claim, by: Speaker) -> bool {
        if claim.statement().trim().is_empty() || !quotations::all_stand(claim.statement(), self.shown) {
            return false;
        }
        let named = self.named(claim.posts());
        // An empty quote is how some models say that there is none.
        let quote = claim.quote().take().filter(|quote| !quote.trim().is_empty());
        let (shows, holds) = match (quote.as_deref(), *claim.count()) {
            (Some(quote), Some(count)) => {
                let stands = self.shown.where_stands(quote, by);
                let holds = named.as_ref().is_some_and(|named| {
                    is_count_of(named, count) && named.iter().all(|id| stands.contains(&id.as_str()))
                });
                (named.unwrap_or_default(), holds)
            }
            (Some(quote), None) => {
                let stands = self.shown.where_stands(quote, by);
                let mut shows: Vec<String> = named.unwrap_or_default();
                shows.retain(|id| stands.contains(&id.as_str()));
                if shows.is_empty() {
                    shows.extend(stands.first().map(|id| (*id).to_owned()));
                }
                let holds = !shows.is_empty();
                (shows, holds)
            }
            (None, Some(count)) => {
                let holds = named.as_ref().is_some_and(|named| is_count_of(named, count));
                (named.unwrap_or_default(), holds)
            }
            (None, None) => (vec![], false),
        };
        *claim.quote() = quote;
        *claim.posts() = shows;
        holds
    }

    /// The ids, each once; none if one of them does not exist.
    fn named(&self, ids: &[String]) -> Option<Vec<String>> {
        let mut named: Vec<String> = vec![];
        for id in ids {
            let id = id.trim().to_lowercase();
            self.shown.source(&id)?;
            if !named.contains(&id) {
                named.push(id);
            }
        }
        Some(named)
    }
}

/// Whether a count is that of the posts named: two or more, for one post needs no count but a quote.
fn is_count_of(named: &[String], count: u32) -> bool {
    let posts = named.iter().filter(|id| *id != BIO).count();
    posts == named.len() && posts >= 2 && u32::try_from(posts) == Ok(count)
}
