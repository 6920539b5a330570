//! The formats as a table: name, version, who writes and who reads them.

use crate::output::style::{FAINT, NAME, PLAIN};
use crate::output::table::Table;
use crate::recording::FORMATS;

/// The text.
pub fn render() -> String {
    let mut table = Table::default();
    let head = ["FORMAT", "VERSION", "WRITTEN BY", "READ BY"];
    table.row(head.map(|h| (FAINT, h.to_owned())));
    for entry in FORMATS {
        let format = entry.format;
        table.row([
            (NAME, format.name.to_owned()),
            (PLAIN, format.version().to_string()),
            (PLAIN, format.written_by.to_owned()),
            (PLAIN, format.read_by.to_owned()),
        ]);
    }
    table.render(0)
}
