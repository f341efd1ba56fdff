//! `supabase/legacy/mapping.json`: how the previous product's tables and columns are called in this database.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::spec::{Column, TABLES, Table};

/// Schemas whose tables are not the previous product's.
const OURS: [&str; 8] = ["public", "api", "system", "operator", "private", "session", "auth", "legacy_import"];
/// A mapping is a few kilobytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// What Postgres keeps of a name.
const NAME_BYTES_MAX: usize = 63;

/// A valid name of Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As an identifier in a statement.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut chars = text.chars();
        let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if begins && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$') && text.len() <= NAME_BYTES_MAX {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is no name of a table or column: letters, digits, _ and $, at most {NAME_BYTES_MAX}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Name,
    tables: BTreeMap<String, Option<TableNames>>,
    plans: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableNames {
    table: Name,
    #[serde(default)]
    columns: BTreeMap<String, Option<Name>>,
}

/// Where a table is, if the previous product had it.
#[derive(Debug, Clone)]
pub struct Mapped {
    pub spec: &'static Table,
    pub table: Option<Name>,
    /// In the order of the specification; `None` for a column that the previous product did not have.
    pub columns: Vec<(Column, Option<Name>)>,
}

/// The whole mapping, checked against what is read.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub schema: Name,
    pub tables: Vec<Mapped>,
    /// A plan's old name in small letters, and which of ours it is; `None` needs no subscription.
    pub plans: BTreeMap<String, Option<String>>,
}

impl Mapping {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let problem = || format!("{} cannot be used", path.display());
        let length = std::fs::metadata(path).with_context(problem)?.len();
        if length > FILE_BYTES_MAX {
            bail!("{} is too long: at most {FILE_BYTES_MAX} bytes", path.display());
        }
        Self::parse(&std::fs::read_to_string(path)?).with_context(problem)
    }

    /// Parses the text of a mapping. A key that names nothing is refused; a table or column that is not named keeps its name.
    pub fn parse(text: &str) -> Result<Self> {
        let mut file: File = serde_json::from_str(text)?;
        let schema = file.schema;
        if OURS.contains(&schema.as_str()) || schema.as_str().starts_with("pg_") {
            bail!(
                "the schema {} is not the previous product's: move its tables to one of their own, such as legacy, or make views of them \
                 there (docs/migrating.md)",
                schema.as_str()
            );
        }
        let tables =
            TABLES.iter().map(|spec| mapped(spec, file.tables.remove(spec.name))).collect::<Result<Vec<_>>>()?;
        if let Some(unknown) = file.tables.keys().next() {
            bail!(
                "no table of the previous product is called {unknown:?} here: {}",
                names(&TABLES, |table| table.name)
            );
        }
        let plans = file.plans.into_iter().map(|(old, ours)| (old.trim().to_lowercase(), ours)).collect();
        Ok(Self { schema, tables, plans })
    }
}

fn mapped(spec: &'static Table, named: Option<Option<TableNames>>) -> Result<Mapped> {
    let own = |column: &Column| Name::try_from(column.name.to_owned()).map_err(anyhow::Error::msg);
    let Some(mut named) = named.unwrap_or_else(|| {
        let table = Name::try_from(spec.name.to_owned()).ok()?;
        Some(TableNames { table, columns: BTreeMap::new() })
    }) else {
        if !spec.is_optional {
            bail!("the table {} cannot be null: without it there is nothing to import", spec.name);
        }
        let columns = spec.columns.iter().map(|column| (*column, None)).collect();
        return Ok(Mapped { spec, table: None, columns });
    };
    let mut columns = Vec::new();
    for column in spec.columns {
        let name = match named.columns.remove(column.name) {
            None => Some(own(column)?),
            Some(None) if !column.is_optional => {
                bail!("the column {} of {} cannot be null: the import needs it", column.name, spec.name)
            }
            Some(name) => name,
        };
        columns.push((*column, name));
    }
    if let Some(unknown) = named.columns.keys().next() {
        bail!("{} has no column {unknown:?} here: {}", spec.name, names(spec.columns, |column| column.name));
    }
    Ok(Mapped { spec, table: Some(named.table), columns })
}

fn names<T>(of: &[T], name: impl Fn(&T) -> &'static str) -> String {
    of.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = include_str!("../../../supabase/legacy/mapping.json");

    fn refusal(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut file: serde_json::Value = serde_json::from_str(COMMITTED).unwrap();
        change(&mut file);
        format!("{:#}", Mapping::parse(&file.to_string()).unwrap_err())
    }

    #[test]
    fn the_committed_mapping_names_every_table_and_column() {
        let file: serde_json::Value = serde_json::from_str(COMMITTED).unwrap();
        let mapping = Mapping::parse(COMMITTED).unwrap();
        for table in &mapping.tables {
            for (column, name) in &table.columns {
                assert_eq!(name.as_ref().map(Name::as_str), Some(column.name));
                assert!(file["tables"][table.spec.name]["columns"].get(column.name).is_some(), "{}", column.name);
            }
        }
    }

    #[test]
    fn any_table_and_column_can_have_another_name() {
        let text = r#"{ "schema": "Old", "tables": { "leads": { "table": "Prospects", "columns": { "bio": "About$1", "deleted_at": null } },
            "webhook_events": null }, "plans": { "Pro ": "growth" } }"#;
        let mapping = Mapping::parse(text).unwrap();
        let leads = mapping.tables.iter().find(|table| table.spec.name == "leads").unwrap();
        let column = |name: &str| {
            leads
                .columns
                .iter()
                .find(|(column, _)| column.name == name)
                .map(|(_, name)| name.as_ref().map(Name::quoted))
                .unwrap()
        };
        assert_eq!(leads.table.as_ref().map(Name::quoted).as_deref(), Some("\"Prospects\""));
        assert_eq!(column("bio").as_deref(), Some("\"About$1\""));
        assert_eq!((column("deleted_at"), column("username").as_deref()), (None, Some("\"username\"")));
        assert!(mapping.tables.iter().any(|table| table.spec.name == "webhook_events" && table.table.is_none()));
        assert_eq!(mapping.plans["pro"].as_deref(), Some("growth"));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        assert!(refusal(|file| file["tables"]["customers"] = serde_json::Value::Null).contains("customers"));
        assert!(refusal(|file| file["tables"]["leads"]["columns"]["colour"] = "colour".into()).contains("colour"));
        assert!(refusal(|file| file["schemata"] = "x".into()).contains("schemata"));
        assert!(refusal(|file| file["tables"]["users"] = serde_json::Value::Null).contains("cannot be null"));
        assert!(
            refusal(|file| file["tables"]["leads"]["columns"]["username"] = serde_json::Value::Null)
                .contains("username")
        );
    }

    #[test]
    fn a_name_cannot_hold_a_statement() {
        for name in ["leads\"; drop table accounts; --", "", "1leads", "naïve", &"a".repeat(64)] {
            assert!(refusal(|file| file["tables"]["leads"]["table"] = name.into()).contains("is no name"), "{name}");
        }
    }

    #[test]
    fn the_product_is_not_imported_into_itself() {
        for schema in ["public", "auth", "pg_catalog", "legacy_import"] {
            assert!(refusal(|file| file["schema"] = schema.into()).contains("not the previous product's"), "{schema}");
        }
    }
}
