//! Sentences in files: sections with a name in brackets, one text a line.
//!
//! The files are compiled in. A line may have slots (`{readers}`), and, in the files of other languages, its English
//! version after `||`.

use std::collections::BTreeMap;

/// The texts of one file by section.
#[derive(Debug)]
pub(crate) struct Texts(BTreeMap<&'static str, Vec<&'static str>>);

impl Texts {
    pub(crate) fn parse(file: &'static str) -> Self {
        let mut sections: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        let mut section = "";
        for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None => sections.entry(section).or_default().push(line),
            }
        }
        Self(sections)
    }

    pub(crate) fn of(&self, section: &str) -> &[&'static str] {
        self.0.get(section).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(crate) fn sections(&self) -> impl Iterator<Item = (&'static str, &[&'static str])> {
        self.0.iter().map(|(name, texts)| (*name, texts.as_slice()))
    }
}

/// What stands in the slots of a text.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slots(Vec<(&'static str, String)>);

impl Slots {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(0, (name, value.into()));
        self
    }

    /// Without a slot, so that no text that needs it can be filled.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The text with its slots filled; none if one is not known.
    pub(crate) fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, slot)) = rest.split_once('{') {
            let (name, after) = slot.split_once('}')?;
            filled.push_str(before);
            filled.push_str(self.get(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Some(capitalised(&filled))
    }
}

/// A text with one of each group of alternatives (`{nine|twelve}`); another number, other alternatives.
pub(crate) fn alternative(text: &str, number: usize) -> String {
    let mut chosen = String::new();
    let mut rest = text;
    while let Some((before, (group, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let options: Vec<&str> = group.split('|').collect();
        chosen.push_str(before);
        chosen.push_str(options.get(number % options.len().max(1)).copied().unwrap_or_default());
        rest = after;
    }
    chosen.push_str(rest);
    chosen
}

/// With a capital at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// How many words a text has.
pub(crate) fn words_of(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_slots_and_capitals() {
        let texts = Texts::parse("// why\n[a/b]\nOne.\n{who} writes.\n\n[c]\nTwo.");
        assert_eq!(texts.of("a/b"), ["One.", "{who} writes."]);
        assert_eq!(texts.of("missing"), [""; 0]);
        let slots = Slots::default().with("who", "ann");
        assert_eq!(slots.fill("{who} writes.").as_deref(), Some("Ann writes."));
        assert_eq!(slots.fill("{what} is missing."), None);
    }

    #[test]
    fn one_of_each_group_of_alternatives_is_chosen() {
        let chosen = (0..3).map(|number| alternative("{One|Two} of {three|four|five}.", number)).collect::<Vec<_>>();
        assert_eq!(chosen, ["One of three.", "Two of four.", "One of five."]);
        assert_eq!(alternative("Whole {open", 5), "Whole {open");
    }
}
