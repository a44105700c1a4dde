//! Statements that insert many rows at once. One at a time, ten thousand rows would keep whoever else writes waiting for
//! a second.

use crate::database::{Tx, Value};
use crate::error::Result;

/// Rows of one statement. SQLite takes 32,766 values in one, PostgreSQL 65,535.
const MANY: usize = 100;

/// An insert of one row and the same of [`MANY`].
pub(crate) struct Insert {
    one: String,
    many: String,
}

impl Insert {
    /// `head` is the statement up to `VALUES`, `row` one row of it, `tail` what comes after the rows. In a row stand `$1`
    /// and so on for the `shared` values, which are the same in all rows, and `{}` for each value of its own.
    pub(crate) fn new(head: &str, row: &str, tail: &str, shared: usize) -> Self {
        let statement = |rows: usize| {
            let mut next = shared;
            let mut sql = head.to_owned();
            for number in 0..rows {
                sql.push_str(if number == 0 { " " } else { ", " });
                let mut pieces = row.split("{}");
                sql.push_str(pieces.next().unwrap_or_default());
                for piece in pieces {
                    next += 1;
                    sql.push('$');
                    sql.push_str(&next.to_string());
                    sql.push_str(piece);
                }
            }
            sql.push_str(tail);
            sql
        };
        Self { one: statement(1), many: statement(MANY) }
    }
}

impl Tx {
    /// Inserts rows; each is given by its own values.
    pub(crate) async fn insert_rows(
        &mut self,
        insert: &'static Insert,
        shared: &[Value],
        rows: Vec<Vec<Value>>,
    ) -> Result<()> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let (sql, count) = if rows.len() >= MANY { (&insert.many, MANY) } else { (&insert.one, 1) };
            let own = rows.by_ref().take(count).flatten();
            let values = shared.iter().cloned().chain(own).collect();
            self.execute(sql, values).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_values_of_its_own_beside_the_shared_ones() {
        let insert =
            Insert::new("INSERT INTO t (a, b, c) VALUES", "($1, {}, {})", " ON CONFLICT DO NOTHING", 1);
        assert_eq!(insert.one, "INSERT INTO t (a, b, c) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        assert!(insert.many.starts_with("INSERT INTO t (a, b, c) VALUES ($1, $2, $3), ($1, $4, $5), ("));
        assert!(insert.many.ends_with("($1, $200, $201) ON CONFLICT DO NOTHING"), "{}", insert.many);
    }
}
