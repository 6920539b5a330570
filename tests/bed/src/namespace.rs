//! A network namespace that lives exactly as long as the value that stands for it.
//!
//! It is held by file descriptors alone, never by a mount or a name: whatever
//! way the test ends, SIGKILL included, the kernel takes the namespace down with
//! the process. Other programs open it as `/proc/<pid>/fd/<n>`, which `ip … netns`,
//! `mount --bind` and `nsenter` all take for a namespace file.
//!
//! A namespace that stands for a whole machine (see [`Namespace::machine`]) also
//! has its own mounts and host name.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use swarmtrace_programs as programs;

/// A network namespace, with its own mounts and host name if it is a machine.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    net: File,
    machine: Option<Machine>,
}

#[derive(Debug)]
struct Machine {
    mounts: File,
    hostname: File,
}

impl Namespace {
    /// A new, empty network namespace; its loopback device is up.
    pub fn new(name: &str) -> Self {
        let net = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap_or_else(|e| denied(e));
            File::open("/proc/thread-self/ns/net").expect("open the new namespace")
        });
        let namespace = Self {
            name: name.to_owned(),
            net,
            machine: None,
        };
        namespace.ip(["link set lo up"]);
        namespace
    }

    /// A new machine: a network namespace with an empty `/run`, so that no
    /// Docker of this host shows through, and `name` as its host name.
    pub fn machine(name: &str) -> Self {
        let (net, machine) = on_a_thread(|| {
            let all = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
            unshare(all).unwrap_or_else(|e| denied(e));
            nix::unistd::sethostname(name).expect("set the host name");
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
                .expect("make the mounts private");
            mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none)
                .expect("mount an empty /run");
            let open = |kind: &str| {
                File::open(format!("/proc/thread-self/ns/{kind}")).expect("open the new namespace")
            };
            (
                open("net"),
                Machine {
                    mounts: open("mnt"),
                    hostname: open("uts"),
                },
            )
        });
        let namespace = Self {
            name: name.to_owned(),
            net,
            machine: Some(machine),
        };
        namespace.ip(["link set lo up"]);
        namespace
    }

    /// Its name in the bed: `node-a`, `ingress_sbox`, `vote.1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A path that opens it for as long as it lives.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.net.as_raw_fd()
        ))
    }

    /// The inode number that is its identity for the kernel.
    pub fn inode(&self) -> u32 {
        let inode = self.net.metadata().expect("stat the namespace").ino();
        u32::try_from(inode).expect("namespace inodes have 32 bits")
    }

    /// Runs `job` on a thread inside. Sockets made there stay there.
    pub fn run<T: Send>(&self, job: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.net, CloneFlags::CLONE_NEWNET).expect("enter the network namespace");
            if let Some(machine) = &self.machine {
                // A thread may leave the process's mounts only on its own root.
                unshare(CloneFlags::CLONE_FS).expect("unshare the file system state");
                setns(&machine.mounts, CloneFlags::CLONE_NEWNS).expect("enter the mounts");
                setns(&machine.hostname, CloneFlags::CLONE_NEWUTS).expect("enter the host name");
            }
            job()
        })
    }

    /// A command that will run inside, and die with the thread that started it: a
    /// program of the table by its name, or one that was built here by its path.
    #[track_caller]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let mut command = match program.to_str() {
            Some(name) if !name.contains('/') => programs::required(name),
            _ => programs::built(program),
        };
        let mut entrances = vec![(self.net.as_raw_fd(), libc::CLONE_NEWNET)];
        if let Some(machine) = &self.machine {
            entrances.push((machine.hostname.as_raw_fd(), libc::CLONE_NEWUTS));
            entrances.push((machine.mounts.as_raw_fd(), libc::CLONE_NEWNS));
        }
        // SAFETY: only setns(2) and prctl(2) run between fork and exec, both are
        // async-signal-safe; the descriptors are open as long as `self`, which
        // outlives every process of the bed.
        unsafe {
            command.pre_exec(move || {
                for (namespace, kind) in &entrances {
                    if libc::setns(*namespace, *kind) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        command
    }

    /// Runs a program inside with `input` on its standard input and returns what
    /// it printed.
    #[track_caller]
    pub fn output(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(input.as_bytes())
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        drop(stdin);
        let output = child.wait_with_output().expect("wait for a program");
        self.checked(&output, program, arguments, input)
    }

    #[track_caller]
    fn checked(&self, output: &Output, program: &str, arguments: &[&str], input: &str) -> String {
        assert!(
            output.status.success(),
            "in {}: {program} {} ended with {}: {}\n{input}",
            self.name,
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `ip` commands inside, one a line, all in one process.
    #[track_caller]
    pub fn ip<L: AsRef<str>>(&self, lines: impl IntoIterator<Item = L>) {
        self.batch("ip", lines);
    }

    /// Runs `bridge` commands inside, one a line, all in one process.
    #[track_caller]
    pub fn bridge<L: AsRef<str>>(&self, lines: impl IntoIterator<Item = L>) {
        self.batch("bridge", lines);
    }

    #[track_caller]
    fn batch<L: AsRef<str>>(&self, program: &str, lines: impl IntoIterator<Item = L>) {
        let script: String = lines
            .into_iter()
            .flat_map(|line| [line.as_ref().to_owned(), "\n".to_owned()])
            .collect();
        self.output(program, &["-batch", "-"], &script);
    }

    /// Sets kernel settings inside: `("net.ipv4.ip_forward", "1")`.
    pub fn settings(&self, settings: &[(&str, &str)]) {
        self.run(|| {
            for (name, value) in settings {
                let path = format!("/proc/sys/{}", name.replace('.', "/"));
                std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path} = {value}: {e}"));
            }
        });
    }

    /// Index of one of its devices.
    #[track_caller]
    pub fn ifindex(&self, device: &str) -> u32 {
        self.run(|| nix::net::if_::if_nametoindex(device))
            .unwrap_or_else(|e| panic!("no device {device} in {}: {e}", self.name))
    }

    /// Its devices, loopback left out: index and name.
    pub fn devices(&self) -> Vec<(u32, String)> {
        self.run(|| {
            let listed = nix::net::if_::if_nameindex().expect("list devices");
            let named =
                |d: &nix::net::if_::Interface| (d.index(), d.name().to_string_lossy().into_owned());
            listed
                .iter()
                .map(named)
                .filter(|(_, name)| name != "lo")
                .collect()
        })
    }
}

/// Runs `job` on a thread of its own, whose namespaces nobody else shares, and
/// passes its panic on.
fn on_a_thread<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(job).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn denied(error: nix::errno::Errno) -> ! {
    panic!(
        "cannot make a network namespace ({error}): these tests need root, \
         run them with `cargo xtask test` or `sudo -E cargo test -p swarmtrace-tests`"
    )
}
