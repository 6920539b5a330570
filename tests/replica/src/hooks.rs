//! What hangs on the devices' tc hooks: qdiscs, filters and tcx programs, as `tc`
//! and the kernel's own query list them, and which programs a process holds.
//!
//! Taken before a trace and after it, this says whether anything was left behind
//! or, as bad, taken away.

use aya::programs::tc::{SchedClassifier, TcAttachType};
use bed::namespace::Namespace;
use std::collections::{BTreeMap, BTreeSet};

/// Every hook of some namespaces: a line for each thing that hangs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// `node-a eth0` and what is on it.
    devices: BTreeMap<String, Vec<String>>,
}

impl Hooks {
    /// The hooks of `namespaces` now.
    #[track_caller]
    pub fn of<'a>(namespaces: impl IntoIterator<Item = &'a Namespace>) -> Self {
        let mut devices = BTreeMap::new();
        for namespace in namespaces {
            for (device, lines) in on_devices(namespace) {
                // Overlay namespaces have the same name on both nodes, but not the same inode.
                let name = format!("{} ({}) {device}", namespace.name(), namespace.inode());
                devices.insert(name, lines);
            }
        }
        Self { devices }
    }

    /// Devices on which no program named `swarmtrace…` hangs in both directions.
    pub fn untapped(&self) -> Vec<String> {
        let tapped = |lines: &Vec<String>| {
            ["ingress", "egress"].iter().all(|way| {
                lines
                    .iter()
                    .any(|l| l.starts_with(way) && l.contains("swarmtrace"))
            })
        };
        let untapped = self.devices.iter().filter(|(_, lines)| !tapped(lines));
        untapped.map(|(name, _)| name.clone()).collect()
    }

    /// Devices with something of swarmtrace's on them.
    pub fn with_ours(&self) -> Vec<String> {
        let ours = |lines: &Vec<String>| lines.iter().any(|l| l.contains("swarmtrace"));
        let with = self.devices.iter().filter(|(_, lines)| ours(lines));
        with.map(|(name, _)| name.clone()).collect()
    }

    /// Panics unless these are the same hooks as `before`.
    #[track_caller]
    pub fn assert_same_as(&self, before: &Self) {
        let mut difference = String::new();
        let names: BTreeSet<&String> = self.devices.keys().chain(before.devices.keys()).collect();
        for name in names {
            let (was, is) = (before.devices.get(name), self.devices.get(name));
            if was != is {
                difference.push_str(&format!("{name}:\n  before {was:#?}\n  after  {is:#?}\n"));
            }
        }
        assert!(difference.is_empty(), "the hooks differ:\n{difference}");
    }
}

fn on_devices(namespace: &Namespace) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, device) in namespace.devices() {
        found.insert(device, Vec::new());
    }
    let qdiscs = namespace.output("tc", &["qdisc", "show"], "");
    for line in qdiscs.lines() {
        let device = line
            .split(" dev ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let Some(lines) = device.and_then(|device| found.get_mut(device)) else {
            continue;
        };
        lines.push(line.trim().to_owned());
    }
    for (device, lines) in &mut found {
        if lines
            .iter()
            .any(|l| l.starts_with("qdisc clsact") || l.starts_with("qdisc ingress"))
        {
            for way in ["ingress", "egress"] {
                let filters = namespace.output("tc", &["filter", "show", "dev", device, way], "");
                lines.extend(filters.lines().map(|l| format!("{way} {}", l.trim())));
            }
        }
    }
    let tcx = namespace.run(|| {
        let ways = [
            ("ingress", TcAttachType::Ingress),
            ("egress", TcAttachType::Egress),
        ];
        let mut programs = Vec::new();
        for device in found.keys() {
            for (name, way) in ways {
                // Kernels before 6.6 have no tcx: nothing hangs there.
                let Ok((_, attached)) = SchedClassifier::query_tcx(device, way) else {
                    continue;
                };
                for program in attached {
                    let program = program.name_as_str().unwrap_or("?").to_owned();
                    programs.push((device.clone(), format!("{name} tcx {program}")));
                }
            }
        }
        programs
    });
    for (device, line) in tcx {
        found.entry(device).or_default().push(line);
    }
    found
}

/// Whether the kernel has tcx (6.6 and later).
pub fn has_tcx(namespace: &Namespace) -> bool {
    namespace.run(|| SchedClassifier::query_tcx("lo", TcAttachType::Ingress).is_ok())
}

/// Ids of the BPF programs, maps and links that a process holds open.
pub fn held_by(pid: u32) -> BTreeSet<(&'static str, u32)> {
    let mut held = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else {
        return held;
    };
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for line in text.lines() {
            for key in ["prog_id", "map_id", "link_id"] {
                let id = line
                    .strip_prefix(key)
                    .and_then(|rest| rest.strip_prefix(':'));
                held.extend(id.and_then(|id| id.trim().parse().ok()).map(|id| (key, id)));
            }
        }
    }
    held
}

/// Which of those programs, maps and links still exist.
pub fn still_there(held: &BTreeSet<(&'static str, u32)>) -> BTreeSet<(&'static str, u32)> {
    let programs = aya::programs::loaded_programs()
        .flatten()
        .map(|p| ("prog_id", p.id()));
    let maps = aya::maps::loaded_maps()
        .flatten()
        .map(|m| ("map_id", m.id()));
    let links = aya::programs::loaded_links()
        .flatten()
        .map(|l| ("link_id", l.id()));
    let there: BTreeSet<_> = programs.chain(maps).chain(links).collect();
    held.intersection(&there).copied().collect()
}
