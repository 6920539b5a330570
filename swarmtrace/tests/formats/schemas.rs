//! A schema changes only with its version.

use crate::{is_writing, repository, write};
use serde_json::{Map, Value};
use std::path::PathBuf;
use swarmtrace::recording::{FORMATS, Format};

fn committed(format: Format) -> PathBuf {
    let (name, version) = (format.short_name(), format.version());
    repository(&format!("docs/schema/{name}.v{version}.json"))
}

/// The shape that a schema describes: without names of types, titles and
/// descriptions, which may be reworded.
fn shape(schema: &Value, root: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let target = root.pointer(reference.trim_start_matches('#'));
                return shape(target.expect("a definition"), root);
            }
            let mut all = Map::new();
            for (key, value) in object {
                let value = match (key.as_str(), value) {
                    ("$schema" | "$defs" | "title" | "description", _) => continue,
                    // Its keys are names of fields.
                    ("properties", Value::Object(fields)) => {
                        let fields = fields.iter();
                        Value::Object(fields.map(|(k, v)| (k.clone(), shape(v, root))).collect())
                    }
                    (_, value) => shape(value, root),
                };
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        Value::Array(all) => all.iter().map(|v| shape(v, root)).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_schema_changes_only_with_its_version() {
    for entry in FORMATS {
        let (name, path) = (entry.format.name, committed(entry.format));
        let schema = (entry.schema)();
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let known: Value = serde_json::from_str(&before).unwrap_or_default();
        let is_same = shape(&known, &known) == shape(&schema, &schema);
        if is_writing() && (is_same || before.is_empty()) {
            write(&path, &text);
            continue;
        }
        assert!(
            is_same,
            "{name} is not what {} says.\n\
             If a field went, or changed its type or meaning: add an entry to `changes` in the \
             format's file in swarmtrace/src/recording/, which raises the version, run \
             `cargo xtask docs`, and keep a recording of the new version in \
             tests/fixtures/recordings/.\n\
             If a field was only added: delete that schema, then run `cargo xtask docs`.",
            path.display()
        );
        assert!(
            before == text,
            "the descriptions in {} are not those of the code: write them anew with `cargo \
             xtask docs`",
            path.display()
        );
    }
}
