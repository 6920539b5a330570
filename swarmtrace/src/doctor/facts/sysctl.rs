//! Kernel settings of the calling thread's namespace, which are those that
//! `/proc/sys/net` shows. The procfs crate does not have them.

use std::collections::BTreeMap;
use std::io;

/// The settings that checks read.
const WANTED: [&str; 6] = [
    "net.ipv4.ip_forward",
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.conn_reuse_mode",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.expire_quiescent_template",
    "net.bridge.bridge-nf-call-iptables",
];

/// The settings that this kernel has, and those that could not be read, a line each.
pub(super) fn read(devices: &[&str]) -> (BTreeMap<String, String>, Vec<String>) {
    let mut settings = BTreeMap::new();
    let mut gaps = Vec::new();
    let mut get = |name: String, path: String| match std::fs::read_to_string(path) {
        Ok(value) => {
            settings.insert(name, value.trim().to_owned());
        }
        // The module that has it is not loaded.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => gaps.push(format!("{name}: {error}")),
    };
    for name in WANTED {
        get(
            name.to_owned(),
            format!("/proc/sys/{}", name.replace('.', "/")),
        );
    }
    // A device's name may have dots.
    for device in devices {
        get(
            format!("net.ipv4.conf.{device}.forwarding"),
            format!("/proc/sys/net/ipv4/conf/{device}/forwarding"),
        );
    }
    (settings, gaps)
}
