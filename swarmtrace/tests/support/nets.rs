//! Network namespaces for tests, made with `ip` and gone with the value.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use swarmtrace::topology::taps::TapSite;
use swarmtrace_programs as programs;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A namespace.
pub struct Net {
    pub name: String,
}

impl Net {
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("swt{}-{number}", std::process::id());
        run(&["ip", "netns", "add", &name]);
        let net = Self { name };
        net.ip(&["link", "set", "lo", "up"]);
        net
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    pub fn inode(&self) -> u32 {
        u32::try_from(fs::metadata(self.path()).unwrap().ino()).unwrap()
    }

    /// `ip -n NAME …`
    pub fn ip(&self, arguments: &[&str]) -> String {
        run(&[&["ip", "-n", &self.name], arguments].concat())
    }

    /// `tc -n NAME …`
    pub fn tc(&self, arguments: &[&str]) -> String {
        run(&[&["tc", "-n", &self.name], arguments].concat())
    }

    /// A command inside.
    pub fn exec(&self, arguments: &[&str]) -> String {
        run(&[&["ip", "netns", "exec", &self.name], arguments].concat())
    }

    /// A device as a tap site.
    pub fn site(&self, device: &str) -> TapSite {
        let line = self.ip(&["-o", "link", "show", "dev", device]);
        let ifindex = line.split(':').next().unwrap().trim().parse().unwrap();
        TapSite {
            at: swarmtrace::topology::DeviceRef {
                namespace: self.inode(),
                ifindex,
            },
            netns_path: self.path(),
            device: device.to_owned(),
            has_ethernet: line.contains("link/ether") || line.contains("link/loopback"),
        }
    }

    /// Runs something on a thread inside.
    pub fn inside<T: Send>(&self, task: impl FnOnce() -> T + Send) -> T {
        let file = fs::File::open(self.path()).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                task()
            });
            thread.join().unwrap()
        })
    }

    /// Names and priorities of the BPF filters on a device.
    pub fn filters(&self, device: &str) -> String {
        let side = |side| {
            let output = programs::required("tc")
                .args(["-n", &self.name, "filter", "show", "dev", device, side])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        side("ingress") + &side("egress")
    }

    pub fn has_clsact(&self, device: &str) -> bool {
        self.tc(&["qdisc", "show", "dev", device])
            .contains("clsact")
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = programs::required("ip")
            .args(["netns", "del", &self.name])
            .output();
    }
}

/// Two namespaces joined by a veth pair `left0` – `right0` with the addresses
/// 10.99.0.1 and .2, and `fd99::1` and `::2`.
pub struct Pair {
    pub left: Net,
    pub right: Net,
}

impl Pair {
    pub fn new() -> Self {
        let (left, right) = (Net::new(), Net::new());
        left.ip(&[
            "link",
            "add",
            "left0",
            "type",
            "veth",
            "peer",
            "name",
            "right0",
            "netns",
            &right.name,
        ]);
        for (net, device, last) in [(&left, "left0", 1), (&right, "right0", 2)] {
            let (v4, v6) = (format!("10.99.0.{last}/24"), format!("fd99::{last}/64"));
            net.ip(&["addr", "add", &v4, "dev", device]);
            net.ip(&["addr", "add", &v6, "dev", device, "nodad"]);
            net.ip(&["link", "set", device, "up"]);
        }
        let pair = Self { left, right };
        pair.wait_for_carrier();
        pair
    }

    /// On a busy machine the kernel takes up to a second to let packets through a
    /// new device (`net/core/link_watch.c`).
    fn wait_for_carrier(&self) {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        for (net, device) in [(&self.left, "left0"), (&self.right, "right0")] {
            while !net.ip(&["link", "show", device]).contains("state UP") {
                assert!(std::time::Instant::now() < until, "{device} stays down");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }

    pub fn sites(&self) -> Vec<TapSite> {
        vec![self.left.site("left0"), self.right.site("right0")]
    }

    /// One TCP connection from left to right, with `bytes` each way.
    pub fn exchange(&self, address: &str, port: u16, bytes: usize) {
        use std::io::{Read as _, Write as _};
        use std::net::{TcpListener, TcpStream};
        let address: IpAddr = address.parse().unwrap();
        let to = SocketAddr::new(address, port);
        let listener = self.right.inside(|| TcpListener::bind(to).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut data = vec![0; bytes];
                stream.read_exact(&mut data).unwrap();
                stream.write_all(&data).unwrap();
            });
            let mut stream = self.left.inside(|| TcpStream::connect(to).unwrap());
            stream.write_all(&vec![7; bytes]).unwrap();
            let mut data = Vec::new();
            stream.read_to_end(&mut data).unwrap();
            assert_eq!(data.len(), bytes);
        });
    }
}

pub fn run(command: &[&str]) -> String {
    let output = programs::required(command[0])
        .args(&command[1..])
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} (kernel tests need root): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
