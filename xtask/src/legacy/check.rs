//! What must be right before anything is written. All that is wrong is told at once, each with what to do.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use tokio_postgres::Client;

use super::mapping::{Mapped, Mapping, Name};
use super::spec::{Column, Kind};

/// What a column of the old tables is.
type Types = BTreeMap<String, (String, String)>;

/// The statements that make the views through which our SQL reads the old tables.
pub async fn views(client: &Client, mapping: &Mapping) -> Result<Vec<String>> {
    owns(client).await?;
    let mut problems = Vec::new();
    let mut views = Vec::new();
    for mapped in &mapping.tables {
        let Some(table) = &mapped.table else {
            views.push(empty_view(mapped));
            continue;
        };
        let types = types(client, &mapping.schema, table).await?;
        if types.is_empty() {
            let optional =
                if mapped.spec.is_optional { ", or write null if the previous product had none" } else { "" };
            problems.push(format!(
                "there is no table {}.{}: name {} as it is called in the mapping{optional}",
                mapping.schema.as_str(),
                table.as_str(),
                mapped.spec.name
            ));
            continue;
        }
        let before = problems.len();
        views.push(view(mapping, mapped, table, &types, &mut problems));
        if problems.len() == before {
            problems.extend(rows(client, mapping, mapped, table).await?);
        }
    }
    problems.extend(plans(client, mapping).await?);
    if !problems.is_empty() {
        bail!("nothing was imported, because:\n  - {}", problems.join("\n  - "));
    }
    Ok(views)
}

/// Fails unless the client is the database's owner, and sees all rows of a database with our schema.
async fn owns(client: &Client) -> Result<()> {
    let sql = "select r.rolsuper or d.datdba = r.oid, r.rolsuper or r.rolbypassrls, to_regclass('public.credit_grants') is not null
         from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()";
    let row = client.query_one(sql, &[]).await.context("cannot ask who owns the database")?;
    let (is_owner, sees_all, is_migrated): (bool, bool, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if !is_owner || !sees_all {
        bail!(
            "only the database's owner imports: use its login (on Supabase: postgres), whose row security is bypassed"
        );
    }
    if !is_migrated {
        bail!("the product's schema is not there: apply the migrations first (docs/deploying.md)");
    }
    Ok(())
}

/// The columns of a table, view or foreign table, with type and category. A domain is what it is made of.
async fn types(client: &Client, schema: &Name, table: &Name) -> Result<Types> {
    let sql = "select a.attname::text, coalesce(b.typname, t.typname)::text, t.typcategory::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = nullif(t.typbasetype, 0)
        where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')";
    let rows = client.query(sql, &[&schema.as_str(), &table.as_str()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

fn view(mapping: &Mapping, mapped: &Mapped, table: &Name, types: &Types, problems: &mut Vec<String>) -> String {
    let place = format!("{}.{}", mapping.schema.as_str(), table.as_str());
    let mut columns = Vec::new();
    for (column, name) in &mapped.columns {
        let Some(name) = name else {
            columns.push(format!("null::{} as \"{}\"", column.kind.seen(), column.name));
            continue;
        };
        match types.get(name.as_str()) {
            None => {
                let optional = if column.is_optional { ", or write null if there was none" } else { "" };
                problems.push(format!(
                    "{place} has no column {}: name {}.{} as it is called in the mapping{optional}",
                    name.as_str(),
                    mapped.spec.name,
                    column.name
                ));
            }
            Some((type_name, category)) if !column.kind.fits(type_name, category) => problems.push(format!(
                "{place}.{} is {type_name}, and must be {}: make a view with that type in the schema {}, and name it in the mapping",
                name.as_str(),
                column.kind.wanted(),
                mapping.schema.as_str()
            )),
            Some((type_name, _)) => columns.push(selected(column, name, type_name)),
        }
    }
    format!(
        "create view legacy_import.\"old_{}\" as select {} from {}.{}",
        mapped.spec.name,
        columns.join(", "),
        mapping.schema.quoted(),
        table.quoted()
    )
}

/// A column as our SQL sees it. A time without a zone is UTC's, whatever the session's zone is.
fn selected(column: &Column, name: &Name, type_name: &str) -> String {
    let value = match (column.kind, type_name) {
        (Kind::Time, "timestamp") => format!("({} at time zone 'UTC')", name.quoted()),
        (Kind::Time, "date") => format!("({}::timestamp at time zone 'UTC')", name.quoted()),
        _ => format!("{}::{}", name.quoted(), column.kind.seen()),
    };
    format!("{value} as \"{}\"", column.name)
}

fn empty_view(mapped: &Mapped) -> String {
    let columns =
        mapped.columns.iter().map(|(column, _)| format!("null::{} as \"{}\"", column.kind.seen(), column.name));
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("create view legacy_import.\"old_{}\" as select {columns} where false", mapped.spec.name)
}

/// Whether each row has a key of its own: without one it could be carried over twice, or be lost.
async fn rows(client: &Client, mapping: &Mapping, mapped: &Mapped, table: &Name) -> Result<Option<String>> {
    let key = mapped.columns.iter().find(|(column, _)| column.name == mapped.spec.key);
    let Some((_, Some(key))) = key else { return Ok(None) };
    let place = format!("{}.{}", mapping.schema.quoted(), table.quoted());
    let key = key.quoted();
    let sql =
        format!("select count(*) filter (where {key} is null), count({key}) - count(distinct {key}) from {place}");
    let row = client.query_one(&sql, &[]).await?;
    let (without, repeated): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok((without > 0 || repeated > 0).then(|| {
        format!(
            "{place} has {without} rows without {key} and {repeated} whose {key} stands in another row too: decide which rows are right and \
             delete the others"
        )
    }))
}

async fn plans(client: &Client, mapping: &Mapping) -> Result<Vec<String>> {
    let known = client.query("select id from public.plans", &[]).await?;
    let known = known.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>>>()?;
    let wrong = mapping.plans.iter().filter_map(|(old, ours)| {
        let ours = ours.as_ref().filter(|ours| !known.contains(ours))?;
        Some(format!("the plan {old:?} is to be {ours:?}, which is none: {} or null", known.join(", ")))
    });
    Ok(wrong.collect())
}
