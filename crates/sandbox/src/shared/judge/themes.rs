//! What a text is about: the niches that its words belong to, and its words without stop words.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use crate::shared::profiles::Niche;

/// Words that say nothing about the subject of a text.
static STOP_WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| STOP_TEXT.split_whitespace().collect());
const STOP_TEXT: &str = "a about above accounts activity after again all also always am an and any are around as ask at audience away \
    back based be because become been before being below best better between bio book both brand brands business but buy by \
    call can category client clients com come content could country customer customers day days did different do does doing done \
    down each engagement especially even every everyone few find first followers following for free from full get give go \
    good got great had has have having he help helps her here hers high him his home how i icp ideal if in instagram \
    into is it its just keep know lead leads less let life like likes link little live ll local long look looking love \
    made main make makes making many market may me media min more most much must my name need needs never new next no \
    none not now of off offer offers often old on once one online only open or other our ours out over own owner owners \
    people personal plan post posts product products profile professional real right run s same save say see sell sells \
    selling service services she should show since small so social some something start still such t take target team than \
    thank thanks that the their them then there these they thing things this those three through time to today together \
    too top try two under until up us use used using value very via want was watch way we week well were what when \
    where which while who whose why will with without work works world would year years yes you your yours";
/// A word that is repeated more often does not weigh more, so that stuffing a biography with words gains nothing.
const COUNT_MAX: f64 = 3.0;
/// Shorter words are not looked for within other words: "art" is in "start".
const PART_CHARS_MIN: usize = 6;
/// The endings of plurals, the longest first.
const ENDINGS: [&str; 3] = ["ies", "es", "s"];

/// The words of a text with their weights.
#[derive(Debug, Default, Clone)]
pub(super) struct Words(BTreeMap<String, f64>);

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.add(text, 1.0);
        words
    }

    /// Adds the words of a text; each occurrence adds this weight.
    pub(super) fn add(&mut self, text: &str, weight: f64) {
        for word in words(text) {
            *self.0.entry(word).or_default() += weight;
        }
    }

    fn weighted(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(word, count)| (word.as_str(), count.min(COUNT_MAX)))
    }

    /// The words that both have, the heaviest of `self` first.
    pub(super) fn shared(&self, other: &Self) -> Vec<String> {
        let mut shared: Vec<(&str, f64)> = self.weighted().filter(|(word, _)| other.0.contains_key(*word)).collect();
        shared.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        shared.into_iter().map(|(word, _)| word.to_owned()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    /// How many different words of a niche it has.
    pub(super) fn hits(&self, lexicon: &Lexicon, niche: &str) -> usize {
        self.all().filter(|word| lexicon.speaks_of(niche, word)).count()
    }
}

/// The words of a text: lower-cased, singular, without stop words and numbers.
fn words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let found: Vec<String> = lower
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.len() >= 2 && !STOP_WORDS.contains(word) && !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(singular)
        .collect();
    found.into_iter()
}

fn singular(word: &str) -> String {
    let stem = |ending: &&str| word.strip_suffix(*ending).filter(|stem| stem.len() >= 3 && !stem.ends_with('s'));
    match ENDINGS.iter().find(|ending| stem(ending).is_some()) {
        Some(&"ies") => format!("{}y", stem(&"ies").unwrap_or(word)),
        // "dishes" loses "es", but "shoes" and "homes" only their "s".
        Some(&"es")
            if !["sh", "ch", "x", "z"].iter().any(|end| stem(&"es").is_some_and(|stem| stem.ends_with(end))) =>
        {
            word.strip_suffix('s').unwrap_or(word).to_owned()
        }
        Some(ending) => stem(ending).unwrap_or(word).to_owned(),
        None => word.to_owned(),
    }
}

/// The niches and the words that belong to each.
pub(crate) struct Lexicon(Vec<Entry>);

struct Entry {
    niche: String,
    words: BTreeSet<String>,
    /// Words that are long enough to be found within a hashtag, such as "workout" in "homeworkout".
    parts: Vec<String>,
}

impl Lexicon {
    pub(crate) fn of(niches: &[Niche]) -> Self {
        let entry = |niche: &Niche| {
            let words: BTreeSet<String> = niche.words.iter().chain([&niche.name]).map(|word| singular(word)).collect();
            let parts = words.iter().filter(|word| word.len() >= PART_CHARS_MIN).cloned().collect();
            Entry { niche: niche.name.clone(), words, parts }
        };
        Self(niches.iter().map(entry).collect())
    }
}

impl Lexicon {
    /// Whether a word, as [`Words`] has it, belongs to a niche.
    pub(super) fn speaks_of(&self, niche: &str, word: &str) -> bool {
        self.0.iter().any(|entry| entry.niche == niche && entry.has(word))
    }

    /// The first niche that a word belongs to.
    pub(super) fn niche_of(&self, word: &str) -> Option<&str> {
        self.0.iter().find(|entry| entry.has(word)).map(|entry| entry.niche.as_str())
    }

    /// The niche with this name.
    pub(super) fn named(&self, name: &str) -> Option<&str> {
        self.0.iter().map(|entry| entry.niche.as_str()).find(|niche| niche.eq_ignore_ascii_case(name.trim()))
    }
}

impl Entry {
    fn has(&self, word: &str) -> bool {
        self.words.contains(word) || self.parts.iter().any(|part| word.contains(part.as_str()))
    }
}

/// How much a text is about each niche, in the order of the lexicon.
#[derive(Debug, Clone)]
pub(super) struct Themes(Vec<f64>);

impl Themes {
    pub(super) fn of(words: &Words, lexicon: &Lexicon) -> Self {
        let speaks_of = |entry: &Entry| {
            let hits = words.weighted().filter(|(word, _)| entry.has(word));
            hits.map(|(_, weight)| weight).sum::<f64>()
        };
        Self(lexicon.0.iter().map(speaks_of).collect())
    }

    /// Cosine similarity: 1 for the same mixture of niches, 0 for nothing in common.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let dot: f64 = self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum();
        let length = |themes: &Self| themes.0.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        let lengths = length(self) * length(other);
        if lengths > 0.0 { dot / lengths } else { 0.0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|weight| *weight == 0.0)
    }

    /// The niche that it is most about.
    pub(super) fn main<'a>(&self, lexicon: &'a Lexicon) -> Option<&'a str> {
        let pairs = self.0.iter().zip(&lexicon.0);
        let (weight, entry) = pairs.max_by(|a, b| a.0.total_cmp(b.0))?;
        (*weight > 0.0).then_some(entry.niche.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::profiles::Catalogue;

    #[test]
    fn filler_is_dropped_and_plurals_are_one_word() {
        let mut text = Words::default();
        text.add("We sell the best dishes, recipes and 3 bakeries to cafes", 1.0);
        let found: Vec<&str> = text.weighted().map(|(word, _)| word).collect();
        assert_eq!(found, ["bakery", "cafe", "dish", "recipe"]);
    }

    #[test]
    fn hashtags_and_synonyms_speak_of_their_niche() {
        let lexicon = Lexicon::of(Catalogue::load().unwrap().niches());
        let mut words = Words::default();
        words.add("#homeworkout #barbellclub deadlifts with athletes", 1.0);
        assert_eq!(Themes::of(&words, &lexicon).main(&lexicon), Some("fitness"));
    }

    #[test]
    fn repeating_a_word_does_not_raise_its_weight_for_ever() {
        let mut words = Words::default();
        words.add(&"coffee ".repeat(500), 1.0);
        assert_eq!(words.weighted().next(), Some(("coffee", COUNT_MAX)));
    }
}
