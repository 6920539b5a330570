//! Many taps at once. On its own, because the kernel lets one at a time change
//! network configuration and other tests' waiting would be measured. Needs root.

mod support;

use needs::needs;
use std::time::{Duration, Instant};
use support::everything;
use support::nets::Net;
use swarmtrace::capture::{AttachMode, Capture, LoadOptions};
use swarmtrace::topology::taps::TapSite;

#[test]
fn two_hundred_devices_in_a_second() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let nets: Vec<Net> = (0..100).map(|_| Net::new()).collect();
    for net in &nets {
        net.ip(&[
            "link", "add", "port0", "type", "veth", "peer", "name", "port1",
        ]);
    }
    let sites: Vec<TapSite> = (nets.iter())
        .flat_map(|net| [net.site("port0"), net.site("port1")])
        .collect();
    let mut capture = Capture::load(&LoadOptions {
        settings: everything(),
        attach: AttachMode::Auto,
        run_dir: folder.path().to_owned(),
        ..LoadOptions::default()
    })
    .unwrap_or_else(|error| panic!("kernel tests need root and BTF: {error}"));
    let begin = Instant::now();
    let changes = capture.reconcile(&sites).unwrap();
    let took = begin.elapsed();
    assert_eq!((changes.attached.len(), changes.failed), (200, vec![]));
    capture.detach_all().unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(nets.iter().all(|net| !net.has_clsact("port0")));
}
