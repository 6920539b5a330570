//! JSON schemas of the formats.

use super::record::Record;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The JSON schema (draft 2020-12) of what is written in a format. It allows
/// fields that it does not name: some may be added under one version.
pub fn of<R: Record>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<R>();
    let mut schema = schema.to_value();
    let format = R::FORMAT;
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(format.name));
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(stamp(format.name, format.version()));
        }
        let required = object.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.splice(0..0, [json!("format"), json!("version")]);
        }
    }
    schema
}

fn stamp(name: &str, version: u32) -> Map<String, Value> {
    let fields = [
        (
            "format".to_owned(),
            json!({"const": name, "description": "Which format this is."}),
        ),
        (
            "version".to_owned(),
            json!({"const": version, "description": "Which version of the format this is."}),
        ),
    ];
    fields.into_iter().collect()
}
