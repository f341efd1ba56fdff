//! Random requests of an account: the same in every run.

use anyhow::{Context, Result};
use oslira_app::features::analysis::AnalysisRequest;
use oslira_app::features::auth::Member;
use oslira_app::features::leads::{LeadCursor, LeadFilter, LeadKey, LeadQuery, LeadSort, SearchText};
use oslira_app::features::profiles::InstagramHandle;
use oslira_app::shared::analysis_type::AnalysisType;
use oslira_app::shared::ids::BusinessProfileId;
use oslira_app::shared::pagination::{Cursor, PageQuery};
use tokio_postgres::Client;

use crate::stamp::Hash;

/// Leads of the account from which places in the list and texts to look for are taken.
const KNOWN_LEADS: i64 = 1_000;
const SORTS: [LeadSort; 3] = [LeadSort::Newest, LeadSort::Score, LeadSort::Updated];

/// Numbers that look random (SplitMix64), from a seed by name.
pub struct Random(u64);

impl Random {
    pub fn new(name: &str) -> Self {
        Self(Hash::new().add(name.as_bytes()).value())
    }

    /// From 0 to `below` - 1.
    pub fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below.max(1) as u64).unwrap_or_default()
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        let index = self.below(choices.len());
        choices.get(index).cloned()
    }
}

/// A lead's places in the three orders, and its texts.
struct Known {
    places: [LeadCursor; 3],
    text: Vec<char>,
}

/// An account and some of its leads.
pub struct Account {
    pub member: Member,
    profiles: Vec<BusinessProfileId>,
    leads: Vec<Known>,
}

impl Account {
    /// The account of that number; `superuser` sees everything.
    pub async fn read(superuser: &Client, number: i32) -> Result<Self> {
        let name = format!("Scale {number}");
        let sql = "select a.id::text, m.user_id::text from accounts a join account_members m on m.account_id = a.id where a.name = $1";
        let row = superuser.query_one(sql, &[&name]).await?;
        let (account, user): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let sql = "select id::text from business_profiles where account_id = $1::text::uuid order by 1";
        let mut profiles = Vec::new();
        for row in superuser.query(sql, &[&account]).await? {
            profiles.push(row.try_get::<_, String>(0)?.parse()?);
        }
        let sql = "select id::text, to_json(created_at) #>> '{}', score, to_json(updated_at) #>> '{}', search_text
            from leads where account_id = $1::text::uuid order by md5(id::text) limit $2";
        let mut leads = Vec::new();
        for row in superuser.query(sql, &[&account, &KNOWN_LEADS]).await? {
            let id = row.try_get::<_, String>(0)?.parse()?;
            let newest = LeadKey::Newest(row.try_get::<_, String>(1)?.parse()?);
            let score = LeadKey::Score(u8::try_from(row.try_get::<_, i32>(2)?)?);
            let updated = LeadKey::Updated(row.try_get::<_, String>(3)?.parse()?);
            let text: String = row.try_get(4)?;
            let places = [newest, score, updated].map(|key| LeadCursor { key, id });
            leads.push(Known { places, text: text.chars().collect() });
        }
        Ok(Self { member: Member::new(user.parse()?, account.parse()?), profiles, leads })
    }

    /// A username that about fifty accounts know.
    pub fn popular_username(&self, random: &mut Random) -> Result<InstagramHandle> {
        format!("popular.{}", random.below(300)).parse().context("a username of the generator")
    }

    fn lead(&self, random: &mut Random) -> Option<&Known> {
        self.leads.get(random.below(self.leads.len()))
    }

    /// A part of some lead's texts, between `min` and `max` characters long and within one line.
    fn text(&self, random: &mut Random, min: usize, max: usize) -> Option<SearchText> {
        (0..100).find_map(|_| {
            let text = &self.lead(random)?.text;
            let from = random.below(text.len());
            let length = min + random.below(max - min + 1);
            let part: String = text.get(from..from + length)?.iter().collect();
            // Trimming may leave less than was asked for.
            SearchText::parse(&part).filter(|text| text.as_str().chars().count() >= min)
        })
    }

    /// A page of the query: in one of five cases the first, else one somewhere in the list; mostly of twenty leads.
    fn page(&self, random: &mut Random, filter: LeadFilter, sort: LeadSort) -> Request {
        let place = self.lead(random).and_then(|lead| lead.places.into_iter().find(|place| place.sort() == sort));
        let after = if random.below(5) == 0 { None } else { place.map(Cursor) };
        let limit = if random.below(5) == 0 { 100 } else { 20 };
        (LeadQuery { filter, sort }, PageQuery { limit, after })
    }
}

type Request = (LeadQuery, PageQuery<LeadCursor>);

/// A kind of request, by its metric.
type Kind = (&'static str, fn(&Account, &mut Random) -> Request);

pub const KINDS: [Kind; 6] = [
    ("leads_default", |account, random| account.page(random, LeadFilter::default(), LeadSort::Newest)),
    ("leads_profile", |account, random| {
        let filter = LeadFilter { business_profile_id: random.of(&account.profiles), ..LeadFilter::default() };
        let sort = any_sort(random);
        account.page(random, filter, sort)
    }),
    ("leads_score", |account, random| {
        let filter = scored(random, LeadFilter::default());
        account.page(random, filter, LeadSort::Score)
    }),
    // With the other filters too, in half of the cases each, so that they meet in every combination.
    ("leads_type", |account, random| {
        let mut filter = LeadFilter { analysis_type: random.of(&AnalysisType::ALL), ..LeadFilter::default() };
        filter.stale = random.of(&[None, None, Some(true), Some(false)]).flatten();
        if random.below(2) == 0 {
            filter = scored(random, filter);
        }
        if random.below(2) == 0 {
            filter.business_profile_id = random.of(&account.profiles);
        }
        let sort = any_sort(random);
        account.page(random, filter, sort)
    }),
    // In every fourth case with another filter.
    ("leads_search", |account, random| {
        let mut filter = LeadFilter { text: account.text(random, 3, 15), ..LeadFilter::default() };
        if random.below(4) == 0 {
            filter.stale = Some(random.below(2) == 0);
            filter.analysis_type = random.of(&AnalysisType::ALL);
        }
        let sort = any_sort(random);
        account.page(random, filter, sort)
    }),
    // Too short for the trigram index.
    ("leads_search_short", |account, random| {
        let filter = LeadFilter { text: account.text(random, 1, 2), ..LeadFilter::default() };
        let sort = any_sort(random);
        account.page(random, filter, sort)
    }),
];

fn any_sort(random: &mut Random) -> LeadSort {
    random.of(&SORTS).unwrap_or_default()
}

fn scored(random: &mut Random, filter: LeadFilter) -> LeadFilter {
    let (one, other) = (random.below(101), random.below(101));
    let score = |score: usize| u8::try_from(score).ok();
    LeadFilter { score_min: score(one.min(other)), score_max: score(one.max(other)), ..filter }
}

/// What is exported: in half of the cases everything, else what one filter lets pass.
pub fn export(account: &Account, random: &mut Random) -> LeadQuery {
    let none = LeadFilter::default;
    let filter = match random.below(6) {
        0 => LeadFilter { analysis_type: random.of(&AnalysisType::ALL), ..none() },
        1 => LeadFilter { business_profile_id: random.of(&account.profiles), ..none() },
        2 => LeadFilter { stale: Some(true), ..none() },
        _ => none(),
    };
    LeadQuery { filter, sort: any_sort(random) }
}

/// An analysis that nobody has begun.
pub fn analysis(account: &Account, random: &mut Random) -> Result<AnalysisRequest> {
    let profile = random.of(&account.profiles).context("an account without a business profile")?;
    let username = format!("new.{:x}", random.below(usize::MAX)).parse().context("a username")?;
    Ok(AnalysisRequest { username, business_profile_id: profile, analysis_type: AnalysisType::Light })
}
