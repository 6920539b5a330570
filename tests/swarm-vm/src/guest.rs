//! What goes into the VM: Debian packages, kernel modules, and our own files
//! from `guest/`, embedded so that they cannot be forgotten in a key.

/// A file of ours: its name and its text.
type Source = (&'static str, &'static str);

/// Scripts and settings, put into `/srv`.
pub const SCRIPTS: &[Source] = &[
    ("init", include_str!("../guest/init")),
    ("node", include_str!("../guest/node")),
    ("containerd.toml", include_str!("../guest/containerd.toml")),
];

/// Started for containerd where a node has programs of its own.
pub const CONTAINERD_OF_NODE: &str = include_str!("../guest/containerd-of-node");

/// The first process, in the initial RAM file system.
pub const INITRAMFS_INIT: &str = include_str!("../guest/initramfs-init");

/// The sources of `vmtool`; the first is its root.
pub const VMTOOL: &[Source] = &[
    ("main.rs", include_str!("../guest/vmtool/main.rs")),
    ("agent.rs", include_str!("../guest/vmtool/agent.rs")),
    ("ask.rs", include_str!("../guest/vmtool/ask.rs")),
    ("client.rs", include_str!("../guest/vmtool/client.rs")),
    ("serve.rs", include_str!("../guest/vmtool/serve.rs")),
    ("wire.rs", include_str!("../guest/vmtool/wire.rs")),
];

/// What the VM is for, by Debian's names.
pub const PACKAGES: &[&str] = &[
    "docker.io",
    "containerd",
    "runc",
    "iproute2",
    "iptables",
    "nftables",
    "ipvsadm",
    "conntrack",
    "tcpdump",
    "curl",
    "ethtool",
    "util-linux",
    "busybox-static",
    "bpftool",
    "kmod",
    "libc-bin",
    "dash",
    "wrk",
];

/// Pulled in by dependencies, of no use without dpkg, perl, PAM and services.
/// A trailing `*` stands for any ending.
pub const UNWANTED: &[&str] = &[
    "gcc-12-base",
    "tar",
    "dpkg",
    "perl*",
    "libperl*",
    "libgdbm*",
    "libdb5.3",
    "usrmerge",
    "init-system-helpers",
    "sysvinit-utils",
    "debconf",
    "libpam*",
    "libaudit*",
    "dmsetup",
    "debianutils",
    "libsemanage*",
    "libsepol2",
    "passwd",
    "adduser",
    "lsb-base",
    "netbase",
    "libtirpc-common",
    "libcap2-bin",
    "procps",
    "util-linux-extra",
];

/// Parts of packages that nothing in the VM reads.
pub const UNPACK_WITHOUT: &[&str] = &[
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/locale",
    "./usr/share/info",
    "./usr/share/lintian",
    "./usr/share/bash-completion",
    "./usr/share/zsh",
    "./usr/share/i18n",
    "./usr/lib/x86_64-linux-gnu/gconv",
    "./usr/bin/containerd-stress",
    "./usr/bin/containerd-shim",
    "./usr/bin/containerd-shim-runc-v1",
    "./usr/bin/perl*",
];

/// The folders of kernel modules that a Swarm, and looking at one, can need.
pub const MODULE_FOLDERS: &[&str] = &[
    "net",
    "drivers/net",
    "drivers/virtio",
    "drivers/block",
    "drivers/char/hw_random",
    "fs/overlayfs",
    "lib",
    "crypto",
    "arch/x86/crypto",
];

/// Of those, the large ones that it cannot.
pub const MODULES_WITHOUT: &[&str] = &[
    "drivers/net/ethernet",
    "drivers/net/wireless",
    "drivers/net/phy",
    "drivers/net/usb",
    "drivers/net/fddi",
    "drivers/net/hamradio",
    "drivers/net/wan",
    "net/wireless",
    "net/mac80211",
    "net/bluetooth",
    "net/sunrpc",
    "net/rds",
    "net/tipc",
    "net/sctp",
    "net/ceph",
    "net/smc",
    "net/batman-adv",
    "net/openvswitch",
];

/// Loaded before the root disk can be read, in this order.
pub const DISK_MODULES: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

/// Small files that a Debian system would have got from its installer.
pub const ETC: &[Source] = &[
    (
        "passwd",
        "root:x:0:0:root:/root:/bin/sh\n_tcpdump:x:100:100::/:/bin/false\ntcpdump:x:101:101::/:/bin/false\n",
    ),
    ("group", "root:x:0:\ndocker:x:102:\ntcpdump:x:101:\n"),
    (
        "os-release",
        "PRETTY_NAME=\"Debian 12, the VM of swarmtrace\"\nID=debian\nVERSION_ID=\"12\"\n",
    ),
    ("hosts", "127.0.0.1 localhost\n"),
    ("nsswitch.conf", "hosts: files dns\n"),
    ("resolv.conf", ""),
    ("protocols", "icmp\t1\tICMP\ntcp\t6\tTCP\nudp\t17\tUDP\n"),
    ("services", "http\t80/tcp\n"),
];

/// Whether a package is one of [`UNWANTED`].
pub fn unwanted(name: &str) -> bool {
    UNWANTED
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
        || (name.starts_with("lib") && name.ends_with("-perl"))
}

/// Everything of the above that shapes the image, for its key.
pub fn shape() -> impl Iterator<Item = &'static str> {
    let sources = [SCRIPTS, VMTOOL, ETC]
        .into_iter()
        .flatten()
        .flat_map(|(name, text)| [*name, *text]);
    let lists = [
        PACKAGES,
        UNWANTED,
        UNPACK_WITHOUT,
        MODULE_FOLDERS,
        MODULES_WITHOUT,
        DISK_MODULES,
    ];
    sources
        .chain(lists.into_iter().flatten().copied())
        .chain([INITRAMFS_INIT])
}
