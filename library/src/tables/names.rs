//! Names that SQL can say without quotes, for tables and columns.

use std::collections::BTreeSet;

/// The longest name, in characters.
const MOST: usize = 60;

/// Words that stand for something else where a name could: the keywords of SQLite (`lang_keywords.html`) that its grammar does not
/// take back as names, and the names of what is read like a table.
const TAKEN: &[&str] = &[
    "add",
    "all",
    "alter",
    "and",
    "as",
    "autoincrement",
    "between",
    "case",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "default",
    "deferrable",
    "delete",
    "distinct",
    "drop",
    "else",
    "escape",
    "except",
    "exists",
    "false",
    "foreign",
    "from",
    "full",
    "glob",
    "group",
    "having",
    "if",
    "in",
    "index",
    "indexed",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "json_each",
    "json_tree",
    "left",
    "like",
    "limit",
    "match",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "primary",
    "raise",
    "references",
    "regexp",
    "returning",
    "right",
    "rowid",
    "select",
    "set",
    "table",
    "then",
    "to",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// Names that were given, so that none is given twice. SQL does not tell `A` from `a`.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A table's name by the name of its file, in lower case.
    pub(super) fn table(&mut self, file: &str) -> String {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let name = safe(&stem.to_lowercase(), "data");
        self.unique(if name.starts_with("sqlite_") || name.starts_with("pragma_") { format!("t_{name}") } else { name })
    }

    /// A column's name by what stands over it; `number` counts from 1.
    pub(super) fn column(&mut self, header: &str, number: usize) -> String {
        self.unique(safe(header, &format!("column_{number}")))
    }

    fn unique(&mut self, name: String) -> String {
        if self.0.insert(name.to_lowercase()) {
            return name;
        }
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = numbered.into_iter().find(|name| self.0.insert(name.to_lowercase()));
        free.unwrap_or(name)
    }
}

/// Letters and digits, with one `_` for whatever stands between them.
fn safe(text: &str, nameless: &str) -> String {
    let mut name = String::new();
    for character in text.chars().take(4 * MOST) {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name: String = name.trim_end_matches('_').chars().take(MOST).collect();
    match name.chars().next() {
        None => nameless.to_owned(),
        Some(first) if first.is_numeric() => format!("n_{name}"),
        _ if TAKEN.contains(&&*name.to_ascii_lowercase()) => format!("{name}_"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_different() {
        let check = |files: &[&str], expect: &[&str]| {
            let mut names = Names::default();
            let given: Vec<String> = files.iter().map(|file| names.table(file)).collect();
            assert_eq!(given, expect, "{files:?}");
        };
        check(
            &["Sales 2024.csv", "sales-2024.json", "SALES_2024.tsv"],
            &["sales_2024", "sales_2024_2", "sales_2024_3"],
        );
        check(
            &["2024.csv", "order.csv", "sqlite_master.csv", "json_each.csv"],
            &["n_2024", "order_", "t_sqlite_master", "json_each_"],
        );
        check(
            &["\"; drop table x; --.csv", "'.csv", "Größe.csv", "売上.csv"],
            &["drop_table_x", "data", "größe", "売上"],
        );
        check(&["a.b.csv", "csv"], &["a_b", "csv"]);
        check(&["a_2.csv", "a.csv", "a.tsv"], &["a_2", "a", "a_3"]);
    }

    #[test]
    fn columns_keep_their_case_and_get_a_number_where_they_have_no_name() {
        let mut names = Names::default();
        let given: Vec<String> = (1..)
            .zip(["Name", "name", "", "First Name", "%", "select", "a\"b"])
            .map(|(n, h)| names.column(h, n))
            .collect();
        assert_eq!(given, ["Name", "name_2", "column_3", "First_Name", "column_5", "select_", "a_b"]);
        assert_eq!(safe(&"x".repeat(1000), "").len(), MOST);
    }
}
