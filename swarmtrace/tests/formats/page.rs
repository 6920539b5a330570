//! docs/json.md: every format and every type in it.

use crate::fields::{description, fields, kind, variants};
use crate::{is_writing, repository, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use swarmtrace::recording::{Entry, FORMATS};

const HEAD: &str = "\
# JSON formats

<!-- Written by `cargo xtask docs` from the types in swarmtrace/src/recording/. -->

Every JSON object that swarmtrace writes has a `format` and a `version`. Under one version fields \
may be added, and swarmtrace itself ignores fields that it does not know: so should your script. A \
field that goes, or changes its type or meaning, raises the version. swarmtrace reads every version \
up to its own; a newer one is an error that names the file, the line and both versions.

`follow`, `join` and `rst` write JSON lines: one object a line, so that a file can be followed, cut \
and concatenated. `topology`, `doctor`, `probe`, `features` and `check` write one object. \
`swarmtrace schema NAME` prints a format's JSON schema; those of every version are in \
[schema/](schema/).

A field is in every object unless it is marked *optional*. Times are nanoseconds where their name \
ends in `_ns`; addresses with a port are `192.0.2.1:80` or `[2001:db8::1]:80`.

";

/// The types of all formats: by name, and where formats differ by format.
struct Types {
    /// Each with the formats that it is in.
    all: BTreeMap<String, Vec<(Value, Vec<&'static str>)>>,
}

impl Types {
    fn of(schemas: &[(&'static str, Value)]) -> Self {
        let mut all: BTreeMap<String, Vec<(Value, Vec<&'static str>)>> = BTreeMap::new();
        for (format, schema) in schemas {
            for (name, of) in schema["$defs"].as_object().into_iter().flatten() {
                let known = all.entry(name.clone()).or_default();
                match known.iter_mut().find(|(other, _)| other == of) {
                    Some((_, formats)) => formats.push(format),
                    None => known.push((of.clone(), vec![format])),
                }
            }
        }
        Self { all }
    }

    /// The type's title in a format.
    fn title(&self, name: &str, format: &str) -> String {
        let Some(known) = self.all.get(name) else {
            return name.to_owned();
        };
        let own = known.iter().find(|(_, formats)| formats.contains(&format));
        match (known.len(), own) {
            (1, _) | (_, None) => name.to_owned(),
            (_, Some((_, formats))) => format!("{name} of {}", formats.join(", ")),
        }
    }
}

fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn table(out: &mut String, schema: &Value, link: &dyn Fn(&str) -> String) {
    let fields = fields(schema);
    if fields.is_empty() {
        return;
    }
    out.push_str("| field | type | meaning |\n| --- | --- | --- |\n");
    for field in fields {
        let optional = if field.always { "" } else { "*optional* " };
        let _ = writeln!(
            out,
            "| `{}` | {optional}{} | {} |",
            field.name,
            cell(&kind(&field.of, link)),
            cell(&description(&field.of))
        );
    }
    out.push('\n');
}

/// What there is below a title: text, fields, alternatives.
fn body(out: &mut String, schema: &Value, link: &dyn Fn(&str) -> String) {
    let text = description(schema);
    if !text.is_empty() {
        let _ = writeln!(out, "{text}\n");
    }
    table(out, schema, link);
    let variants = variants(schema);
    if variants.is_empty() {
        if schema["type"] != "object" {
            let _ = writeln!(out, "{}\n", kind(schema, link));
        }
        return;
    }
    let lead = if schema["properties"].is_object() {
        "And one of:"
    } else {
        "One of:"
    };
    let _ = writeln!(out, "{lead}\n");
    for variant in variants {
        let names: Vec<String> = fields(variant)
            .into_iter()
            .filter_map(|f| Some(format!("`\"{}\": {}`", f.name, f.of.get("const")?)))
            .collect();
        let name = match names.as_slice() {
            [] => kind(variant, link),
            names => names.join(", "),
        };
        let _ = write!(out, "- {name}");
        let text = description(variant);
        if !text.is_empty() {
            let _ = write!(out, ": {text}");
        }
        out.push('\n');
        for field in fields(variant)
            .iter()
            .filter(|f| f.of.get("const").is_none())
        {
            let text = description(&field.of);
            let text = if text.is_empty() {
                text
            } else {
                format!(": {text}")
            };
            let _ = writeln!(out, "  - `{}`, {}{text}", field.name, kind(&field.of, link));
        }
    }
    out.push('\n');
}

fn page() -> String {
    let schemas: Vec<(&'static str, Value)> = (FORMATS.iter())
        .map(|Entry { format, schema, .. }| (format.short_name(), schema()))
        .collect();
    let types = Types::of(&schemas);
    let link = |format: &'static str| {
        let types = &types;
        move |name: &str| {
            let title = types.title(name, format);
            format!("[{title}](#{})", anchor(&title))
        }
    };
    let mut out = HEAD.to_owned();
    out.push_str("| format | version | written by | read by |\n| --- | --- | --- | --- |\n");
    for Entry { format, .. } in FORMATS {
        let name = format.name;
        let _ = writeln!(
            out,
            "| [`{name}`](#{name}) | {} | {} | {} |",
            format.version(),
            format.written_by,
            format.read_by
        );
    }
    out.push('\n');
    for (Entry { format, .. }, (short, schema)) in FORMATS.iter().zip(&schemas) {
        let _ = writeln!(out, "## {}\n", format.name);
        body(&mut out, schema, &link(short));
        out.push_str("Versions:\n\n");
        for (version, change) in (1..).zip(format.changes) {
            let _ = writeln!(out, "- {version}: {change}");
        }
        out.push('\n');
    }
    out.push_str("## Types\n\n");
    for (name, known) in &types.all {
        for (schema, formats) in known {
            let format = formats.first().copied().unwrap_or_default();
            let _ = writeln!(out, "### {}\n", types.title(name, format));
            body(&mut out, schema, &link(format));
        }
    }
    out.trim_end().to_owned() + "\n"
}

#[test]
fn the_page_describes_what_is_written() {
    let path = repository("docs/json.md");
    let page = page();
    if is_writing() {
        write(&path, &page);
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/json.md is not what the code says; write it anew with `cargo xtask docs`"
    );
}
