//! Plain tables: columns as wide as their widest cell, numbers to the right.

/// The table, indented, with a heading; empty without rows.
pub fn table(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heading = columns.iter().map(|name| name.to_uppercase()).collect();
    let is_numeric = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
    };
    let numeric: Vec<bool> = (0..columns.len()).map(is_numeric).collect();
    let lines: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    lines.iter().fold(String::new(), |out, line| {
        let cells = line.iter().zip(&widths).zip(&numeric).map(|((cell, width), numeric)| match numeric {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let text = cells.collect::<Vec<_>>().join("  ");
        out + "    " + text.trim_end() + "\n"
    })
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [["bio", "7"], ["followers", "-12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&["rule", "points"], rows.to_vec()),
            "    RULE       POINTS\n    bio             7\n    followers     -12\n"
        );
    }

    #[test]
    fn no_rows_no_table() {
        assert_eq!(table(&["rule"], Vec::new()), "");
    }
}
