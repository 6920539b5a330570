//! Types of JSON schemas, as a reader of the page sees them.

use serde_json::Value;

/// A field of an object.
pub struct Field {
    pub name: String,
    pub of: Value,
    /// Whether it is in every object.
    pub always: bool,
}

/// The fields of an object: those that are always there in the order of the
/// type's declaration, then the others.
pub fn fields(schema: &Value) -> Vec<Field> {
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let required: Vec<&str> = (schema["required"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let mut all: Vec<Field> = (properties.iter())
        .map(|(name, of)| Field {
            name: name.clone(),
            of: of.clone(),
            always: required.contains(&name.as_str()),
        })
        .collect();
    let place = |f: &Field| required.iter().position(|r| *r == f.name);
    all.sort_by_key(|f| (place(f).unwrap_or(usize::MAX), f.name.clone()));
    all
}

/// The alternatives of an enum that are not its absence.
pub fn variants(schema: &Value) -> Vec<&Value> {
    let all = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    let all = all.into_iter().flatten();
    all.filter(|v| v["type"] != "null").collect()
}

/// What a value is, in a few words; `link` names a definition.
pub fn kind(schema: &Value, link: &dyn Fn(&str) -> String) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference.rsplit('/').next().unwrap_or(reference));
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|v| format!("`{v}`")).collect();
        return values.join(" or ");
    }
    if let Some(all) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let all: Vec<String> = all.iter().map(|v| kind(v, link)).collect();
        return all.join(" or ");
    }
    match &schema["type"] {
        Value::String(one) => simple(one, schema, link),
        Value::Array(all) => {
            let all = all.iter().filter_map(Value::as_str);
            let all: Vec<String> = all.map(|one| simple(one, schema, link)).collect();
            all.join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn simple(name: &str, schema: &Value, link: &dyn Fn(&str) -> String) -> String {
    match (name, schema["format"].as_str()) {
        ("string", Some("ip")) => "IP address".to_owned(),
        ("array", _) => match schema["prefixItems"].as_array() {
            Some(items) => {
                let items: Vec<String> = items.iter().map(|v| kind(v, link)).collect();
                format!("list: {}", items.join(", "))
            }
            None => format!("list of {}", kind(&schema["items"], link)),
        },
        ("object", _) if schema.get("additionalProperties").is_some() => {
            let of = kind(&schema["additionalProperties"], link);
            format!("object with values of {of}")
        }
        (name, _) => name.to_owned(),
    }
}

/// A description in one line, without what only rustdoc understands.
pub fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.replace("[`", "`").replace("`]", "`");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
