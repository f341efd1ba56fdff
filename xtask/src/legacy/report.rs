//! What came of every row of the previous product, and the sums before and after.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio_postgres::Client;

use crate::table::table;

/// How many of an old table's rows had which end.
#[derive(Debug)]
pub struct Ends {
    pub table: String,
    pub total: i64,
    pub carried: i64,
    pub left_out: i64,
    /// Rows that came after their user was imported, or were forgotten.
    pub missing: i64,
    /// Rows that are both carried over and left out.
    pub twice: i64,
}

/// A sum, as the old tables and as the product say it.
#[derive(Debug)]
pub struct Sum {
    pub name: String,
    pub before: i64,
    pub after: i64,
    /// Rows that have become part of another one.
    pub merged: i64,
    pub left_out: i64,
    /// Credits of analyses that were charged and never ended.
    pub returned: i64,
}

impl Sum {
    pub fn is_equal(&self) -> bool {
        self.before == self.after + self.merged + self.left_out - self.returned
    }
}

/// Why rows were left out, or changed, and how many.
#[derive(Debug)]
pub struct Reason {
    pub table: String,
    pub reason: String,
    pub rows: i64,
}

/// Whether an import has begun here.
pub async fn has_begun(client: &Client) -> Result<bool> {
    let sql = "select to_regprocedure('legacy_import.sums_now()') is not null";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Whether an import was finished here for good.
pub async fn is_finished(client: &Client) -> Result<bool> {
    let sql = "select to_regclass('legacy_import.finished') is not null";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Whether the import was complete once.
pub async fn is_complete(client: &Client) -> Result<bool> {
    Ok(client.query_one("select exists (select from legacy_import.sums)", &[]).await?.try_get(0)?)
}

pub async fn ends(client: &Client) -> Result<Vec<Ends>> {
    let rows = client.query("select * from legacy_import.ends()", &[]).await?;
    let ends = |row: &tokio_postgres::Row| {
        Ok(Ends {
            table: row.try_get(0)?,
            total: row.try_get(1)?,
            carried: row.try_get(2)?,
            left_out: row.try_get(3)?,
            missing: row.try_get(4)?,
            twice: row.try_get(5)?,
        })
    };
    rows.iter().map(ends).collect()
}

/// The sums of the complete import, else those of what is there by now.
pub async fn sums(client: &Client) -> Result<Vec<Sum>> {
    let from = if is_complete(client).await? { "legacy_import.sums" } else { "legacy_import.sums_now()" };
    sums_from(client, from).await
}

/// The sums as the tables say them at this moment.
pub async fn sums_now(client: &Client) -> Result<Vec<Sum>> {
    sums_from(client, "legacy_import.sums_now()").await
}

async fn sums_from(client: &Client, from: &str) -> Result<Vec<Sum>> {
    let sql = format!("select name, before, after, merged, left_out, returned from {from} order by name desc");
    let sum = |row: &tokio_postgres::Row| {
        Ok(Sum {
            name: row.try_get(0)?,
            before: row.try_get(1)?,
            after: row.try_get(2)?,
            merged: row.try_get(3)?,
            left_out: row.try_get(4)?,
            returned: row.try_get(5)?,
        })
    };
    client.query(&sql, &[]).await?.iter().map(sum).collect()
}

/// Why rows were left out.
pub async fn left_out(client: &Client) -> Result<Vec<Reason>> {
    reasons(client, "left_out").await
}

/// What became different of rows that were carried over.
pub async fn notes(client: &Client) -> Result<Vec<Reason>> {
    reasons(client, "notes").await
}

async fn reasons(client: &Client, of: &str) -> Result<Vec<Reason>> {
    let sql =
        format!("select legacy_table, reason, count(*) from legacy_import.{of} group by 1, 2 order by 1, 3 desc, 2");
    let reason = |row: &tokio_postgres::Row| {
        Ok(Reason { table: row.try_get(0)?, reason: row.try_get(1)?, rows: row.try_get(2)? })
    };
    client.query(&sql, &[]).await?.iter().map(reason).collect()
}

/// Fails unless every old row has exactly one end, and, before anybody has used what was imported, all sums are equal.
pub async fn require_whole(client: &Client) -> Result<()> {
    for ends in ends(client).await? {
        if ends.missing > 0 {
            bail!(
                "{} rows of {} came after their user was imported: stop the previous product, `cargo xtask legacy undo`, and import again",
                ends.missing,
                ends.table
            );
        }
        if ends.twice > 0 {
            bail!(
                "{} rows of {} are both carried over and left out: `cargo xtask legacy undo`, and report this",
                ends.twice,
                ends.table
            );
        }
    }
    let sums = sums(client).await?;
    match sums.iter().find(|sum| !sum.is_equal()) {
        Some(sum) => bail!("the sums of {} differ: `cargo xtask legacy undo`, and report this: {sum:?}", sum.name),
        None => Ok(()),
    }
}

/// Prints the sums, the ends of all rows, and the reasons.
pub async fn print(client: &Client) -> Result<()> {
    let sums = sums(client).await?;
    let numbers = |sum: &Sum| [sum.before, sum.after, sum.merged, sum.left_out, sum.returned].map(|n| n.to_string());
    let rows = sums.iter().map(|sum| {
        let equal = if sum.is_equal() { "equal" } else { "NOT EQUAL" };
        [vec![sum.name.clone()], numbers(sum).to_vec(), vec![equal.to_owned()]].concat()
    });
    println!("Sums: before = after + merged + left out - returned");
    print!("{}", table(&["of", "before", "after", "merged", "left out", "returned", ""], rows.collect()));
    let rows = ends(client).await?.into_iter().map(|ends| {
        let numbers = [ends.total, ends.carried, ends.left_out, ends.missing].map(|n| n.to_string());
        [vec![ends.table], numbers.to_vec()].concat()
    });
    println!("Rows");
    print!("{}", table(&["table", "rows", "carried over", "left out", "missing"], rows.collect()));
    for (title, reasons) in
        [("Left out, because", left_out(client).await?), ("Carried over, but", notes(client).await?)]
    {
        println!("{title}");
        let rows = reasons.into_iter().map(|reason| vec![reason.table, reason.reason, reason.rows.to_string()]);
        print!("{}", table(&["table", "reason", "rows"], rows.collect()));
    }
    Ok(())
}

/// Writes one line for each row that was left out or changed: its table and id, and why. It holds nothing of the row itself.
pub async fn write_csv(client: &Client, path: &Path) -> Result<u64> {
    let sql = "select 'left_out', legacy_table, legacy_id, reason from legacy_import.left_out
         union all select 'changed', legacy_table, legacy_id, reason from legacy_import.notes order by 2, 3, 1, 4";
    let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = std::io::BufWriter::new(file);
    writeln!(out, "end,table,id,reason")?;
    let mut lines = 0;
    for row in client.query(sql, &[]).await? {
        let fields: [String; 4] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
        writeln!(out, "{}", fields.map(|field| quoted(&field)).join(","))?;
        lines += 1;
    }
    out.flush()?;
    Ok(lines)
}

/// A field of a CSV file. Ids of the previous product may be any text.
fn quoted(field: &str) -> String {
    if field.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') && !field.starts_with('-') {
        return field.to_owned();
    }
    // A quote in front keeps a spreadsheet from taking it for a formula.
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn an_id_of_any_text_is_one_field_and_no_formula() {
        assert_eq!(quoted("0b9c-1"), "0b9c-1");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
    }
}
