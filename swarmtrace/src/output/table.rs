//! Aligned columns of styled text.

use super::columns::width;
use super::style;
use anstyle::Style;

/// Rows of cells; columns are as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<(Style, String)>>,
}

impl Table {
    /// Adds a row. Rows may be shorter than others.
    pub fn row<const N: usize>(&mut self, cells: [(Style, String); N]) {
        self.rows.push(cells.into());
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, a line each, indented by `indent` spaces. Empty columns take no
    /// space, and lines have no trailing spaces.
    pub fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(_, text)| width(text)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            // Padding that is only written if something follows it.
            let mut gap = indent;
            for ((style, text), widest) in row.iter().zip(&widths) {
                if !text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', gap));
                    line.push_str(&style::paint(*style, text));
                    gap = 0;
                }
                let padding = widest.saturating_sub(width(text));
                gap += padding + if *widest > 0 { 2 } else { 0 };
            }
            out.push_str(&line);
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::PLAIN;

    #[test]
    fn columns_align_and_lines_have_no_tail() {
        let mut table = Table::default();
        let cell = |text: &str| (PLAIN, text.to_owned());
        table.row([cell("a"), cell(""), cell("→ b"), cell("")]);
        table.row([cell("long"), cell(""), cell(""), cell("c")]);
        assert_eq!(table.render(1), " a     → b\n long       c\n");
    }
}
