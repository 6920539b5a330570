//! Commands for a person to paste into a shell.

use super::{Namespace, NamespaceKind};

/// `command` in that namespace: entered by the file that opens it, except for the
/// node's own.
pub fn inside(namespace: &Namespace, command: &str) -> String {
    if namespace.kind == NamespaceKind::Host {
        return command.to_owned();
    }
    let path = namespace.path.to_string_lossy();
    format!("nsenter --net={} {command}", quoted(&path))
}

/// `word` as one word of a shell command.
pub fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+=".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
