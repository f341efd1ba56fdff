//! Plain text tables: each column is as wide as its widest cell, numbers are right-aligned.

use comfy_table::{CellAlignment, Table, presets};

/// An indented table with a heading; an empty text if there are no rows.
pub fn table(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let is_numeric = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
    };
    let numeric: Vec<bool> = (0..columns.len()).map(is_numeric).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|name| name.to_uppercase())).add_rows(rows);
    for (column, numeric) in table.column_iter_mut().zip(numeric) {
        column.set_padding((0, 2));
        column.set_cell_alignment(if numeric { CellAlignment::Right } else { CellAlignment::Left });
    }
    table.lines().fold(String::new(), |out, line| out + "    " + line.trim_end() + "\n")
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
    fn letters_that_are_two_columns_wide_line_up_too() {
        let rows = [["料理", "7"], ["cook", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["niche", "n"], rows.to_vec()), "    NICHE   N\n    料理    7\n    cook   12\n");
    }

    #[test]
    fn no_rows_no_table() {
        assert_eq!(table(&["rule"], Vec::new()), "");
    }
}
