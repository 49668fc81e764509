//! Which tables a tenant has, under which names, and which of them a question is about.

use crate::{
    FileId,
    shelf::{Held, Shelf},
};

use super::names::Names;

/// A file that is a table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) held: Held,
}

/// A tenant's tables, the oldest first.
#[derive(Clone, Debug)]
pub(super) struct Catalog(pub(super) Vec<Table>);

impl Catalog {
    pub(super) fn read(shelf: &Shelf, tenant: &str) -> Result<Self, crate::ShelfError> {
        let mut held = shelf.all(tenant)?;
        held.retain(|held| held.info.kind.is_table());
        held.sort_by(|one, other| (one.info.created, &one.info.id).cmp(&(other.info.created, &other.info.id)));
        let mut names = Names::default();
        Ok(Self(held.into_iter().map(|held| Table { name: names.table(&held.info.name), held }).collect()))
    }

    /// The name under which a file is a table now.
    pub(super) fn name(&self, id: &FileId) -> Option<&str> {
        self.0.iter().find(|table| table.held.info.id == *id).map(|table| table.name.as_str())
    }

    /// Only the tables that are meant by these names of tables, names of files or ids; all where there are none of them.
    pub(super) fn only(&mut self, files: &[String]) -> Result<(), String> {
        if files.is_empty() {
            return Ok(());
        }
        let means = |table: &Table, file: &String| {
            table.name.eq_ignore_ascii_case(file)
                || table.held.info.name == *file
                || table.held.info.id.as_str() == file
        };
        if let Some(file) = files.iter().find(|file| !self.0.iter().any(|table| means(table, file))) {
            return Err(format!("there is no table `{}`", file.chars().take(100).collect::<String>()));
        }
        self.0.retain(|table| files.iter().any(|file| means(table, file)));
        Ok(())
    }

    /// The tables whose names stand in the SQL. Whatever it reads is among them, since no name has characters that SQL would
    /// write otherwise.
    pub(super) fn mentioned(&self, sql: &str) -> impl Iterator<Item = &Table> {
        let sql = sql.to_ascii_lowercase();
        self.0.iter().filter(move |table| mentions(&sql, &table.name))
    }
}

/// Whether a name stands in a text as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let part =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !part(before) && !part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_mentioned_by_its_whole_name() {
        let check = |sql: &str, name: &str, expect: bool| assert_eq!(mentions(sql, name), expect, "{sql} {name}");
        check("select * from sales", "sales", true);
        check("select * from \"sales\"", "sales", true);
        check("select * from[sales]where 1", "sales", true);
        check("select sales.x from main.sales", "sales", true);
        check("select * from sales_2", "sales", false);
        check("select * from resales, sales_2", "sales", false);
        check("select * from sales_2,sales", "sales", true);
        check("select * from größe", "größe", true);
        check("select * from xgröße", "größe", false);
    }
}
