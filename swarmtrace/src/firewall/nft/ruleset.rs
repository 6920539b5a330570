//! nftables' tables as data.

use super::listing::Listing;
use crate::firewall::hook::Hook;
use crate::firewall::quote::Family;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The tables of a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// In the order of nft's list.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Which packets it sees.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Its chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Elements of its sets and maps, by name.
    pub sets: HashMap<String, Vec<Value>>,
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where it is attached; none for a chain that is only jumped to.
    pub base: Option<Base>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// Where a base chain is attached.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// The hook.
    pub hook: Hook,
    /// Chains with a lower one come first.
    pub priority: i32,
    /// Whether it is of type nat: it only sees the first packet of each connection.
    pub nat: bool,
    /// Whether its policy is to drop.
    pub drops: bool,
    /// Its devices, at ingress and egress.
    pub devices: Vec<String>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its handle.
    pub handle: Option<u64>,
    /// As nft lists it, without counters.
    pub text: String,
    /// Its statements, in libnftables' JSON.
    pub statements: Vec<Value>,
    /// Packets that it has counted, if it counts.
    pub packets: Option<u64>,
}

/// The text is not a list of rules.
#[derive(Debug, thiserror::Error)]
#[error("not libnftables' JSON: {0}")]
pub struct NotRules(#[from] serde_json::Error);

#[derive(serde::Deserialize)]
struct Listed {
    nftables: Vec<Value>,
}

impl Ruleset {
    /// Parses what `nft -j list ruleset` prints. The rules' texts are those of
    /// `nft -a -s list ruleset`, where that has them. Chains for which `skip` is true
    /// (by family, table and name) are left out.
    ///
    /// # Errors
    /// If the text is not JSON. Single objects that are not understood are passed over.
    pub fn parse(
        json: &str,
        listing: &str,
        skip: impl Fn(Family, &str, &str) -> bool,
    ) -> Result<Self, NotRules> {
        let listed: Listed = serde_json::from_str(json)?;
        let listing = Listing::parse(listing);
        let mut set = Self::default();
        let mut index = HashMap::new();
        for mut object in listed.nftables {
            let Some((kind, body)) = object.as_object_mut().and_then(|o| o.iter_mut().next())
            else {
                continue;
            };
            let text = |key: &str| body.get(key).and_then(Value::as_str);
            let Some(family) = text("family").and_then(Family::named) else {
                continue;
            };
            let of = if kind == "table" { "name" } else { "table" };
            let Some(name) = text(of).map(str::to_owned) else {
                continue;
            };
            let at = *(index.entry((family, name.clone()))).or_insert_with(|| {
                set.tables.push(Table {
                    family,
                    name: name.clone(),
                    chains: BTreeMap::new(),
                    sets: HashMap::new(),
                });
                set.tables.len() - 1
            });
            let Some(table) = set.tables.get_mut(at) else {
                continue;
            };
            match kind.as_str() {
                "chain" => table.add_chain(body, &listing, &skip),
                "rule" => table.add_rule(body, &listing),
                "set" | "map" => table.add_set(body),
                _ => {}
            }
        }
        Ok(set)
    }
}

impl Table {
    fn add_chain(
        &mut self,
        body: &Value,
        listing: &Listing,
        skip: impl Fn(Family, &str, &str) -> bool,
    ) {
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let Some(name) = text("name") else { return };
        let hook = text("hook").and_then(Hook::named);
        let base = hook
            .filter(|_| !skip(self.family, &self.name, name))
            .map(|hook| Base {
                hook,
                priority: (body.get("prio").and_then(Value::as_i64))
                    .and_then(|priority| i32::try_from(priority).ok())
                    .unwrap_or_default(),
                nat: text("type") == Some("nat"),
                drops: text("policy") == Some("drop"),
                devices: match body.get("dev") {
                    Some(Value::String(device)) => vec![device.clone()],
                    Some(Value::Array(all)) => {
                        let all = all.iter().filter_map(Value::as_str);
                        all.map(str::to_owned).collect()
                    }
                    // nft 1.0 writes them in its other list only.
                    _ => listing.devices(self.family, &self.name, name),
                },
            });
        let chain = self.chains.entry(name.to_owned()).or_default();
        name.clone_into(&mut chain.name);
        chain.base = base;
    }

    fn add_rule(&mut self, body: &mut Value, listing: &Listing) {
        let handle = body.get("handle").and_then(Value::as_u64);
        let statements = match body.get_mut("expr").map(Value::take) {
            Some(Value::Array(statements)) => statements,
            _ => Vec::new(),
        };
        let Some(chain) = body.get("chain").and_then(Value::as_str) else {
            return;
        };
        let counter = |s: &Value| s.get("counter")?.get("packets")?.as_u64();
        let rule = Rule {
            handle,
            text: handle
                .and_then(|handle| listing.text(self.family, &self.name, handle))
                .unwrap_or_else(|| written(&statements)),
            packets: statements.iter().find_map(counter),
            statements,
        };
        let chain = self.chains.entry(chain.to_owned()).or_default();
        chain.rules.push(rule);
    }

    fn add_set(&mut self, body: &mut Value) {
        let elements = match body.get_mut("elem").map(Value::take) {
            Some(Value::Array(elements)) => elements,
            Some(one @ Value::Object(_)) => vec![one],
            _ => Vec::new(),
        };
        if let Some(name) = body.get("name").and_then(Value::as_str) {
            self.sets.insert(name.to_owned(), elements);
        }
    }
}

/// A rule of which nft's list has no text: its statements as they are.
fn written(statements: &[Value]) -> String {
    let all: Vec<String> = statements.iter().map(Value::to_string).collect();
    all.join(" ")
}
