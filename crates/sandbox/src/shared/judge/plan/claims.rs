//! Entries with evidence: for each list, the phrases whose sign suits it, and a conclusion from each.

use std::collections::{BTreeMap, BTreeSet};

use super::{role::Role, writer::Writer};
use crate::shared::judge::{
    evidence::{Candidate, Recurrence, Sign, are_alike},
    judgement::Judgement,
    messages::Hook,
    profile::BIO,
    themes::Words,
};

const STRONG: u8 = 70;
const WEAK: u8 = 40;
/// The sections for a middling and a poor fit.
const INSIGHTS_OF_BAND: [&str; 7] =
    ["reason.mid", "reason.low", "need.low", "avoid.low", "objection.low", "trigger.low", "risk.low"];
/// The sentences about a word that returns speak of several posts.
const RECURRING_POSTS_MIN: usize = 3;
const TRAITS: usize = 3;
const THEMES: usize = 2;

/// An entry and what shows it.
#[derive(Debug, Clone, Default)]
pub(in crate::shared::judge) struct Claim {
    pub(in crate::shared::judge) posts: Vec<String>,
    pub(in crate::shared::judge) quote: Option<String>,
    pub(in crate::shared::judge) count: Option<usize>,
    /// What it says: a conclusion, a theme, the name of a trait.
    pub(in crate::shared::judge) statement: String,
    /// How strongly a trait shows.
    pub(in crate::shared::judge) strength: &'static str,
}

/// A list of claims: its name in an answer and in the file of texts, how many entries it has for a strong, a middling
/// and a weak fit, the signs that suit it best, and whether a word that returns in many posts may show it.
struct List {
    name: &'static str,
    matter: &'static str,
    entries: [usize; 3],
    signs: &'static [Sign],
    /// Nothing but these signs will do.
    is_strict: bool,
    /// Without one entry the answer would be worthless: rather a phrase that another section quotes too.
    is_needed: bool,
    counts: bool,
    /// A post must show it: anybody can write into a bio that they are about to buy.
    is_of_posts: bool,
}

const fn list(name: &'static str, matter: &'static str, entries: [usize; 3], signs: &'static [Sign]) -> List {
    List { name, matter, entries, signs, is_strict: false, is_needed: false, counts: false, is_of_posts: false }
}

use Sign::{People, Plain, Progress, Question, Selling, Struggle, Teaching, Work};

/// In the order in which they choose.
const LISTS: [List; 13] = [
    List { is_needed: true, counts: true, ..list("reasons", "reason", [3, 2, 2], &[]) },
    List { is_needed: true, ..list("needs", "need", [3, 2, 1], &[Struggle, Work, Question, Progress]) },
    List {
        is_strict: true,
        is_of_posts: true,
        ..list("buying_signals", "signal", [2, 1, 0], &[Question, Struggle, Progress, Selling])
    },
    List { is_strict: true, ..list("monetisation", "income", [2, 2, 2], &[Selling, People, Teaching]) },
    List { is_needed: true, counts: true, ..list("values", "value", [2, 2, 2], &[People, Work, Struggle, Teaching]) },
    list("motivations", "motive", [2, 2, 2], &[Progress, Teaching, Selling]),
    list("objections", "objection", [2, 2, 2], &[Selling, Struggle, Work]),
    list("triggers", "trigger", [2, 2, 1], &[Question, Progress, Struggle]),
    list("avoid", "avoid", [2, 2, 1], &[Teaching, People, Plain]),
    list("risks", "risk", [1, 2, 2], &[Work, People, Plain]),
    List {
        is_strict: true,
        is_of_posts: true,
        ..list("signs", "sign", [2, 1, 0], &[Selling, Question, Progress, People, Work])
    },
    // What else may be asked for.
    list("other", "other", [3, 3, 3], &[]),
    list("evidence", "other", [0, 0, 0], &[]),
];

pub(super) fn all(judgement: &Judgement, hooks: &[Hook], writer: &mut Writer) -> BTreeMap<&'static str, Vec<Claim>> {
    let mut chooser = Chooser::new(judgement);
    let mut claims = BTreeMap::from([("hooks", chooser.hooks(hooks, writer))]);
    claims.insert("themes", chooser.themes());
    for list in LISTS.iter().filter(|list| list.entries != [0, 0, 0]) {
        claims.insert(list.name, chooser.entries(list, writer));
        // Before the rest has taken what they rest on.
        if list.name == "needs" {
            claims.insert("traits", chooser.traits(writer));
        }
    }
    claims
}

struct Chooser<'a> {
    judgement: &'a Judgement,
    band: usize,
    /// The phrases that are quoted, and those that say nearly the same.
    quoted: BTreeSet<&'a str>,
    counted: BTreeSet<String>,
}

impl<'a> Chooser<'a> {
    fn new(judgement: &'a Judgement) -> Self {
        let band = match judgement.relevance {
            STRONG.. => 0,
            WEAK.. => 1,
            _ => 2,
        };
        Self { judgement, band, quoted: BTreeSet::new(), counted: BTreeSet::new() }
    }

    fn hooks(&mut self, hooks: &[Hook], writer: &mut Writer) -> Vec<Claim> {
        let mut claims = vec![];
        for hook in hooks.iter().filter(|hook| !hook.quote.is_empty()) {
            let sections = [format!("hook/{}", hook.sign.name()), "hook".to_owned()];
            let slots = writer.slots.clone();
            let Some(statement) = writer.insight(&sections, &slots, true) else { continue };
            self.quote(&hook.quote);
            claims.push(Claim {
                posts: vec![hook.post.clone()],
                quote: Some(hook.quote.clone()),
                statement,
                ..Claim::default()
            });
        }
        claims
    }

    fn entries(&mut self, list: &List, writer: &mut Writer) -> Vec<Claim> {
        let wanted = list.entries.get(self.band).copied().unwrap_or(0);
        let mut claims: Vec<Claim> = vec![];
        while claims.len() < wanted {
            // The second entry, where there is one, is what returns in many posts.
            let recurrence = (list.counts && claims.len() == 1).then(|| self.recurrence()).flatten();
            let claim = match recurrence {
                Some(recurrence) => self.by_recurrence(list, recurrence, writer),
                None => self.by_phrase(list, &claims, writer),
            };
            let Some(claim) = claim else { break };
            claims.push(claim);
        }
        claims
    }

    fn by_phrase(&mut self, list: &List, known: &[Claim], writer: &mut Writer) -> Option<Claim> {
        let candidate = self.candidate(list, known)?;
        let slots = writer.slots.clone();
        let statement = writer.insight(&self.sections(list, candidate.phrase.sign.name(), known), &slots, false)?;
        self.quote(&candidate.phrase.text);
        Some(Claim {
            posts: vec![candidate.post.clone()],
            quote: Some(candidate.phrase.text.clone()),
            statement,
            ..Claim::default()
        })
    }

    fn by_recurrence(&mut self, list: &List, found: &Recurrence, writer: &mut Writer) -> Option<Claim> {
        let slots = writer.slots.clone().with("word", found.word.as_str());
        let statement = writer.insight(&self.sections(list, "often", &[]), &slots, false)?;
        self.counted.insert(found.word.clone());
        Some(Claim { posts: found.posts.clone(), count: Some(found.posts.len()), statement, ..Claim::default() })
    }

    /// Where to look for a conclusion: for a poor fit plain ones, for a middling fit a good one and then doubts.
    fn sections(&self, list: &List, sign: &str, known: &[Claim]) -> Vec<String> {
        let matter = list.matter;
        let by_sign = [format!("{matter}/{sign}"), matter.to_owned()];
        let of_band = match self.band {
            2 => Some(format!("{matter}.low")),
            1 if !known.is_empty() => Some(format!("{matter}.mid")),
            _ => None,
        };
        match of_band {
            Some(section) if !INSIGHTS_OF_BAND.contains(&section.as_str()) => by_sign.into(),
            // A doubt or a no is not to be mixed with what would be said of a good fit.
            Some(section) => vec![section],
            None => by_sign.into(),
        }
    }

    /// The best phrase that is not quoted yet, from another post than the list's other entries where there is one.
    fn candidate(&self, list: &List, known: &[Claim]) -> Option<&'a Candidate> {
        let rank = |candidate: &Candidate| {
            let place = list.signs.iter().position(|sign| *sign == candidate.phrase.sign);
            let is_known = known.iter().any(|claim| claim.posts.contains(&candidate.post));
            (is_known, !candidate.is_about, place.unwrap_or(list.signs.len()))
        };
        let all = self.judgement.evidence.candidates.iter();
        let free = all.filter(|candidate| !self.is_quoted(candidate));
        let suits = |candidate: &&Candidate| {
            let by_sign = !list.is_strict || list.signs.contains(&candidate.phrase.sign);
            // A bare name shows hardly anything, and a list may be shorter.
            let by_place = !list.is_of_posts || candidate.post != BIO;
            by_sign && by_place && (candidate.score > -5.0 || (known.is_empty() && !list.is_strict))
        };
        // The first of the best rank: candidates come with the best first.
        let best = free.filter(suits).min_by_key(|candidate| rank(candidate));
        best.or_else(|| self.judgement.evidence.candidates.first().filter(|_| list.is_needed && known.is_empty()))
    }

    /// Quotes a phrase. Compared with the others once, here, and not whenever one of them is looked at.
    fn quote(&mut self, quote: &str) {
        let texts = self.judgement.evidence.candidates.iter().map(|candidate| candidate.phrase.text.as_str());
        self.quoted.extend(texts.filter(|text| are_alike(quote, text)));
    }

    /// Whether it, or nearly it, is quoted already.
    fn is_quoted(&self, candidate: &Candidate) -> bool {
        self.quoted.contains(candidate.phrase.text.as_str())
    }

    fn recurrence(&self) -> Option<&'a Recurrence> {
        let is_theme = |found: &Recurrence| {
            let mut themes = self.judgement.evidence.themes.iter();
            themes.any(|(theme, posts)| theme.to_lowercase().contains(&found.word) || *posts == found.posts)
        };
        let is_free = |found: &&Recurrence| {
            found.posts.len() >= RECURRING_POSTS_MIN && !self.counted.contains(&found.word) && !is_theme(found)
        };
        self.judgement.evidence.recurrences.iter().find(is_free)
    }

    fn themes(&mut self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = vec![];
        for (theme, posts) in &self.judgement.evidence.themes {
            if claims.len() == THEMES {
                break;
            }
            // Two themes that the same posts are about need different evidence.
            let is_same = claims.iter().any(|claim| claim.posts == *posts);
            let (posts, quote, count) = if posts.len() >= 2 && !is_same {
                (posts.clone(), None, Some(posts.len()))
            } else {
                let Some(found) = self.phrase_about(theme, posts) else { continue };
                (vec![found.post.clone()], Some(found.phrase.text.clone()), None)
            };
            if let Some(quote) = &quote {
                self.quote(quote);
            }
            claims.push(Claim { posts, quote, count, statement: theme.clone(), ..Claim::default() });
        }
        claims
    }

    /// A phrase of these posts that names the theme, or has a word of the niche that the theme is called by.
    fn phrase_about(&self, theme: &str, posts: &[String]) -> Option<&'a Candidate> {
        let wanted = Words::of(theme);
        let is_niche = self.judgement.niche.as_deref() == Some(theme.to_lowercase().as_str());
        let shows = |candidate: &&Candidate| {
            let words = Words::of(&candidate.phrase.text);
            wanted.all().all(|word| words.has(word)) || (is_niche && candidate.is_about)
        };
        let own = self.judgement.evidence.candidates.iter().filter(|candidate| posts.contains(&candidate.post));
        own.filter(|candidate| !self.is_quoted(candidate)).find(shows)
    }

    /// How the person comes across: the signs that most captions show.
    fn traits(&mut self, writer: &mut Writer) -> Vec<Claim> {
        let captions = self.judgement.profile.entries.iter().filter(|post| !post.caption.is_empty()).count();
        let mut signs: Vec<(&Sign, &Vec<String>)> = self.judgement.evidence.signs.iter().collect();
        signs.sort_by_key(|(sign, posts)| (std::cmp::Reverse(posts.len()), **sign));
        let mut claims = vec![];
        for (sign, posts) in signs.into_iter().take(TRAITS) {
            let own = |candidate: &&Candidate| {
                let is_own = candidate.phrase.sign == *sign && candidate.post != BIO;
                is_own && !self.is_quoted(candidate)
            };
            let found = self.judgement.evidence.candidates.iter().find(own);
            let Some(statement) = writer.field(&format!("trait.{}", sign.name())) else { continue };
            let strength = match posts.len() {
                0..=2 => "weak",
                shown if shown * 2 >= captions => "strong",
                _ => "moderate",
            };
            let Some(found) = found else { continue };
            self.quote(&found.phrase.text);
            let (posts, quote) = (vec![found.post.clone()], Some(found.phrase.text.clone()));
            claims.push(Claim { posts, quote, statement, strength, ..Claim::default() });
        }
        if claims.is_empty() {
            claims.extend(self.trait_of_the_name(writer));
        }
        claims
    }

    /// Where there are no captions, the lines above them have to do.
    fn trait_of_the_name(&mut self, writer: &mut Writer) -> Option<Claim> {
        let mut candidates = self.judgement.evidence.candidates.iter();
        let free = candidates.find(|candidate| !self.is_quoted(candidate));
        let found = free.or_else(|| self.judgement.evidence.candidates.last())?;
        let statement = writer.field(&format!("trait.{}", found.phrase.sign.name()))?;
        self.quote(&found.phrase.text);
        let quote = Some(found.phrase.text.clone());
        Some(Claim { posts: vec![found.post.clone()], quote, statement, strength: "weak", ..Claim::default() })
    }
}

/// Whether nothing of it is to be sold to.
pub(super) fn is_poor(judgement: &Judgement) -> bool {
    judgement.relevance < WEAK || matches!(judgement.role, Role::Nobody | Role::Competitor)
}
