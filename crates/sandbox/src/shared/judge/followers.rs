//! The number of followers that a business asks for, read from prose or from JSON.

/// A number counts as a limit only this near to the word "follower".
const REACH_BYTES: usize = 45;
/// What may stand between the two ends of a range.
const CONNECTORS: [&str; 7] = ["to", "-", "–", "—", "and", "up to", ".."];
/// Words before a number that make it the upper limit.
const MOST: [&str; 8] = ["max", "maximum", "most", "up", "under", "below", "fewer", "less"];
/// Words before a number that make it the lower limit.
const LEAST: [&str; 7] = ["min", "minimum", "least", "over", "above", "more", "from"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FollowerRange {
    min: f64,
    max: f64,
}

/// A number in a text, and its place in bytes.
#[derive(Debug, Clone, Copy)]
struct Number {
    value: f64,
    start: usize,
    end: usize,
}

impl FollowerRange {
    /// Reads "1,000 to 50k followers", "at least 5000 followers", `"follower_max": 20000` and the like.
    pub(super) fn stated(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let mut range = Self { min: 0.0, max: f64::INFINITY };
        // A full stop ends a sentence only before a space, because numbers contain dots. A number beyond the end of the
        // sentence, or of the JSON object, does not belong to the word.
        for sentence in lower.split(['\n', ';', '}']).flat_map(|line| line.split(". ")) {
            for (word, _) in sentence.match_indices("follower") {
                if !range.read_field(sentence, word) {
                    range.read_prose(sentence, word);
                }
            }
        }
        (range.min > 0.0 || range.max.is_finite()).then_some(range)
    }

    /// Reads `"follower_min": 1000` and `max_followers=5000`, where the identifier says which limit it is. True if the
    /// word is part of such an identifier.
    fn read_field(&mut self, sentence: &str, word: usize) -> bool {
        let in_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let before = sentence.get(..word).unwrap_or_default();
        let start = before.rfind(|character| !in_name(character)).map_or(0, |place| place + 1);
        let from = sentence.get(start..).unwrap_or_default();
        let length = from.find(|character| !in_name(character)).unwrap_or(from.len());
        let name = from.get(..length).unwrap_or_default();
        let rest = from.get(length..).unwrap_or_default();
        let value = rest.trim_start_matches(['"', ':', '=', ' ']);
        let is_min = name.contains("min");
        if !is_min && !name.contains("max") {
            return false;
        }
        let number = numbers(value).first().copied().filter(|number| number.start == 0);
        if let Some(number) = number {
            let end = if is_min { &mut self.min } else { &mut self.max };
            *end = number.value;
        }
        // Also without a number (`null`): prose must not take another number of the sentence for the limit.
        true
    }

    /// Reads the number nearest to the word, and the other end of its range if there is one.
    fn read_prose(&mut self, sentence: &str, word: usize) {
        let all = numbers(sentence);
        let distance = |number: &Number| {
            if number.end <= word { word - number.end } else { number.start.saturating_sub(word + "followers".len()) }
        };
        let near = all.iter().enumerate().filter(|(_, number)| distance(number) <= REACH_BYTES);
        let Some((place, nearest)) = near.min_by_key(|(_, number)| distance(number)) else {
            return;
        };
        let joined = |first: &Number, second: &Number| {
            let between = sentence.get(first.end..second.start).unwrap_or_default().trim();
            CONNECTORS.contains(&between)
        };
        let neighbour = if nearest.end <= word { place.checked_sub(1) } else { Some(place + 1) };
        let neighbour = neighbour.and_then(|place| all.get(place));
        let partner = neighbour
            .filter(|other| if other.start < nearest.start { joined(other, nearest) } else { joined(nearest, other) });
        if let Some(other) = partner {
            *self = Self { min: nearest.value.min(other.value), max: nearest.value.max(other.value) };
            return;
        }
        let before = sentence.get(..nearest.start).unwrap_or_default();
        let mut words = before.split_whitespace().rev().take(3);
        let side = words.find_map(|word| {
            let word = word.trim_matches(|character: char| !character.is_alphanumeric());
            if MOST.contains(&word) { Some(true) } else { LEAST.contains(&word).then_some(false) }
        });
        // A bare number is a lower limit: more followers are rarely a reason against somebody.
        let end = if side.unwrap_or(false) { &mut self.max } else { &mut self.min };
        *end = nearest.value;
    }

    /// Whether there are more than wanted.
    pub(super) fn is_exceeded_by(self, followers: f64) -> bool {
        followers > self.max
    }

    /// 1 inside the range, falling to 0 at ten times too many or too few.
    pub(super) fn closeness(self, followers: f64) -> f64 {
        let followers = followers.max(1.0);
        let off = if followers < self.min {
            (self.min / followers).log10()
        } else if followers > self.max {
            (followers / self.max.max(1.0)).log10()
        } else {
            0.0
        };
        (1.0 - off).max(0.0)
    }
}

/// The numbers of a text; `10k`, `1.5m` and `1,000` are understood.
fn numbers(text: &str) -> Vec<Number> {
    let mut found = vec![];
    let mut from = 0;
    let digit = |character: char| character.is_ascii_digit();
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(digit)).map(|offset| from + offset) {
        let tail = text.get(start..).unwrap_or_default();
        let in_number = |character: char| character.is_ascii_digit() || matches!(character, ',' | '.' | '_');
        let length = tail.find(|character| !in_number(character)).unwrap_or(tail.len());
        let digits = tail.get(..length).unwrap_or_default().trim_end_matches([',', '.']);
        let mut end = start + digits.len();
        let scale = match text.get(end..).and_then(|after| after.chars().next()) {
            Some('k') => 1_000.0,
            Some('m') => 1_000_000.0,
            _ => 1.0,
        };
        if scale > 1.0 {
            end += 1;
        }
        if let Ok(value) = digits.replace([',', '_'], "").parse::<f64>() {
            found.push(Number { value: value * scale, start, end });
        }
        from = (start + length).max(end);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_from_prose_and_json() {
        let open = f64::INFINITY;
        for (text, range) in [
            ("1,000 to 50k followers", Some((1_000.0, 50_000.0))),
            ("Followers: 5_000–1.5m", Some((5_000.0, 1_500_000.0))),
            (
                "We have 24 staff and want followers between 1,000 and 5,000, engagement 2 percent",
                Some((1_000.0, 5_000.0)),
            ),
            ("at least 5000 followers and an engagement rate of 2 percent. Since 2019.", Some((5_000.0, open))),
            ("more than 5000 followers", Some((5_000.0, open))),
            ("fewer than 5000 followers", Some((0.0, 5_000.0))),
            ("up to 20k followers", Some((0.0, 20_000.0))),
            ("Founded 2019, 5k followers", Some((5_000.0, open))),
            (
                r#"{"name":"24/7","follower_min":1000,"follower_max":2000,"engagement_rate_min_percent":1.5}"#,
                Some((1_000.0, 2_000.0)),
            ),
            (r#"{"follower_min":null,"follower_max":900,"x":5}"#, Some((0.0, 900.0))),
            ("max_followers=700", Some((0.0, 700.0))),
            (r#"{"follower_min": null}"#, None),
            ("Founded in 2019", None),
            ("People with followers who care", None),
        ] {
            let found = FollowerRange::stated(text).map(|range| (range.min, range.max));
            assert_eq!(found, range, "{text}");
        }
    }
}
