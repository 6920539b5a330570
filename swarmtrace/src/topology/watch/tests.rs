//! What counts as a change, and a namespace coming and going for real.

use super::multicast::{Change, NUD_PERMANENT, judge};
use super::*;
use needs::needs;
use netlink_packet_core::NetlinkBuffer;
use proptest::prelude::*;
use tokio::time::Instant;

fn message(kind: u16, state: u16) -> Vec<u8> {
    let mut bytes = vec![0; 28];
    let mut buffer = NetlinkBuffer::new(&mut bytes);
    buffer.set_length(28);
    buffer.set_message_type(kind);
    buffer.payload_mut()[8..10].copy_from_slice(&state.to_ne_bytes());
    bytes
}

#[test]
fn what_counts_as_a_change() {
    assert_eq!(judge(&message(libc::RTM_NEWLINK, 0)), Some(Change::Device));
    let permanent = message(libc::RTM_DELNEIGH, NUD_PERMANENT);
    assert_eq!(judge(&permanent), Some(Change::Neighbour));
    let stale = message(libc::RTM_NEWNEIGH, 4);
    assert_eq!(judge(&stale), None);
    let miss = message(libc::RTM_GETNEIGH, NUD_PERMANENT);
    assert_eq!(judge(&miss), None);
    assert_eq!(judge(&[stale, permanent].concat()), Some(Change::Neighbour));
}

fn ip(arguments: &str) {
    let output = swarmtrace_programs::required("ip")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

/// A namespace that `ip` makes as Docker does: the file, then the mount.
struct Sandbox(String);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let mut command = swarmtrace_programs::required("ip");
        let _ = command.args(["netns", "del", &self.0]).output();
    }
}

#[tokio::test]
async fn a_new_namespace_and_its_device_are_noticed_and_let_go() {
    needs!(Root);
    let directory = PathBuf::from("/run/netns");
    std::fs::create_dir_all(&directory).unwrap();
    let mut watch = Watch::start(vec![directory.clone()], None).unwrap();
    // The first look around.
    let all = Changes {
        kernel: true,
        docker: true,
    };
    assert_eq!(watch.next().await, all);

    let sandbox = Sandbox(format!("stw{}", std::process::id()));
    let name = &sandbox.0;
    let known = async |watch: &mut Watch, device: &str| {
        let started = Instant::now();
        loop {
            watch.next().await;
            let directory = directory.clone();
            let read = move || crate::topology::kernel::read(&[directory], &[]);
            let kernel = tokio::task::spawn_blocking(read).await.unwrap().unwrap();
            let found = kernel.namespaces.iter().find(|n| &n.name == name);
            if found.is_some_and(|n| n.devices.iter().any(|d| d.name == device)) {
                return started.elapsed();
            }
            assert!(started.elapsed() < Duration::from_secs(5), "{kernel:?}");
        }
    };
    ip(&format!("netns add {name}"));
    known(&mut watch, "lo").await;
    // Within the namespace alone: only its own socket hears of it.
    ip(&format!("-n {name} link add quiet type bridge"));
    let took = known(&mut watch, "quiet").await;
    assert!(took < Duration::from_secs(1), "{took:?}");

    // A pair whose outer end goes when the namespace does: were it kept
    // alive by a socket, the outer end would stay.
    let outer = format!("w{}", std::process::id());
    ip(&format!(
        "link add {outer} type veth peer name inner netns {name}"
    ));
    known(&mut watch, "inner").await;
    drop(sandbox);
    let gone = Instant::now();
    while Path::new("/sys/class/net").join(&outer).exists() {
        assert!(
            gone.elapsed() < Duration::from_secs(3),
            "{outer} is still there"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

proptest! {
    #[test]
    fn any_datagram_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        judge(&bytes);
    }
}
