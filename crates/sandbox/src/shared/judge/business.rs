//! The business of a prompt: what it offers, and what must not be told to the people it writes to.

mod offer;

use serde_json::{Map, Value};

/// What the judge knows of a business. A business that is described in prose has only its offer.
#[derive(Debug, Default)]
pub(super) struct Business {
    pub(super) name: Option<String>,
    /// Its first sentence about what it does.
    pub(super) offering: String,
    /// What it offers, as a phrase that fits into a sentence; none where its words make no such phrase.
    pub(super) offer: Option<String>,
    pub(super) audience: String,
    pub(super) themes: Vec<String>,
    pub(super) geographies: Vec<String>,
    pub(super) competitors: Vec<String>,
    pub(super) proof_points: Vec<String>,
    pub(super) do_not_say: Vec<String>,
    /// Everything that it tells everybody: name, offering and proof points.
    pub(super) public: String,
}

impl Business {
    pub(super) fn read(text: &str) -> Self {
        let json: Option<Value> = serde_json::from_str(text).ok();
        let Some(fields) = json.as_ref().and_then(Value::as_object) else {
            let offering = offer::stated(text);
            let offer = offer::phrase(offering, None);
            return Self { offering: offer::sentence(offering), offer, public: text.to_owned(), ..Self::default() };
        };
        let ideal = fields.get("ideal_customer").and_then(Value::as_object);
        let of_both = |name: &str| ideal.map(|ideal| list(ideal, name)).filter(|found| !found.is_empty());
        let name = string(fields, "name");
        let offering = offer::of_json(fields).unwrap_or_default();
        let proof_points = list(fields, "proof_points");
        Self {
            offer: offer::phrase(offering, name.as_deref()),
            offering: offer::sentence(offering),
            audience: string(fields, "target_audience").unwrap_or_default(),
            themes: of_both("content_themes").unwrap_or_else(|| list(fields, "content_themes")),
            geographies: of_both("geographies").unwrap_or_else(|| list(fields, "geographies")),
            competitors: list(fields, "competitors"),
            do_not_say: list(fields, "do_not_say"),
            public: format!("{}\n{offering}\n{}", name.as_deref().unwrap_or_default(), proof_points.join("\n")),
            proof_points,
            name,
        }
    }
}

fn string(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn list(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let entries = fields.get(name).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Value::as_str).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_offer_is_found_in_prose_in_lines_and_in_json() {
        let offering = |text: &str| Business::read(text).offering;
        assert_eq!(offering("Roastware makes grinders. Since 2019."), "Roastware makes grinders");
        assert_eq!(offering("Name: Roastware\nOffering: Grinders for cafes."), "Grinders for cafes");
        assert_eq!(offering(r#"{"name":"Roastware","offering":"Grinders"}"#), "Grinders");
        assert_eq!(offering("{}"), "no offer stated");
    }

    #[test]
    fn a_business_is_read_with_its_ideal_customer() {
        let business = json!({"name": "Fuel", "offering": "Meals.", "proof_points": ["Made in Graz"], "voice": null,
            "do_not_say": ["superfood"], "competitors": ["Feed"], "ideal_customer": {"content_themes": ["running"]}});
        let business = Business::read(&business.to_string());
        assert_eq!((business.themes, business.geographies), (vec!["running".to_owned()], vec![]));
        assert_eq!(
            (business.do_not_say, business.competitors),
            (vec!["superfood".to_owned()], vec!["Feed".to_owned()])
        );
        assert!(business.public.contains("Graz"));
    }
}
