//! QEMU's command line: what a VM is made of, and starting it.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use swarmtrace_programs as programs;

use crate::image::Image;
use crate::process::{Process, escaped};
use crate::role::Role;

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// How the processor is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The hardware's own virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

impl Accelerator {
    /// QEMU's options for it. Without `erms` and with `norandmaps` on the
    /// kernel's command line, emulation takes half the time.
    pub fn options(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => [
                "-accel",
                "tcg,thread=multi,tb-size=512",
                "-cpu",
                "max,erms=off",
            ],
        }
    }

    /// As the step lines name it.
    pub fn remark(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "emulated",
        }
    }
}

/// The kernel's command line, without the role.
pub const KERNEL_LINE: &str = "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nopti \
    tsc=reliable no_timer_check nokaslr norandmaps init_on_alloc=0 cryptomgr.notests nowatchdog";

/// What to start.
pub struct Launch<'a> {
    /// Which VM.
    pub role: Role,
    /// Where its sockets, console and process id go.
    pub folder: &'a Path,
    /// Kernel and initial RAM file system.
    pub image: &'a Image,
    /// The root disk, a qcow2 file.
    pub disk: &'a Path,
    /// The file that is its memory.
    pub memory: &'a Path,
    /// Whether the VM starts from a saved state, with a private copy of the
    /// memory file, instead of booting into it.
    pub saved: bool,
    /// How its processor is provided.
    pub accelerator: Accelerator,
    /// With two VMs, the folder in which the wire's socket is.
    pub wire: &'a Path,
}

impl Launch<'_> {
    /// Starts QEMU in the background.
    ///
    /// # Errors
    /// Errors if it is not installed or refuses; carries what it printed.
    pub fn start(&self) -> Result<Process> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = free_port()?;
            match programs::run(&mut self.command(port)?) {
                Ok(()) => return Process::started(self.role, self.folder, port),
                // Somebody else took the port in between.
                Err(error) if attempts < 5 && format!("{error:#}").contains("host forwarding") => {}
                Err(error) => return Err(error.context("cannot start the VM")),
            }
        }
    }

    fn command(&self, port: u16) -> Result<Command> {
        let mut command = programs::command(PROGRAM)?;
        let memory = self.role.memory();
        let share = if self.saved { "off" } else { "on" };
        command
            .current_dir(self.folder)
            .args([
                "-name",
                &format!("swarmtrace-{}", self.role.name()),
                "-daemonize",
            ])
            .args(self.accelerator.options())
            .args([
                "-M",
                "q35,memory-backend=memory",
                "-m",
                &format!("{memory}M"),
                "-smp",
                "2",
            ])
            .arg("-object")
            .arg(format!(
                "memory-backend-file,id=memory,size={memory}M,share={share},mem-path={}",
                escaped(self.memory)
            ))
            .args([
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
            ])
            .args(["-pidfile", "pid", "-serial", "file:console"])
            .args(["-qmp", "unix:qmp,server=on,wait=off"])
            .arg("-kernel")
            .arg(self.image.kernel())
            .arg("-initrd")
            .arg(self.image.initrd())
            .args([
                "-append",
                &format!("{KERNEL_LINE} vm.role={}", self.role.name()),
            ])
            .arg("-drive")
            .arg(format!(
                "if=none,id=root,format=qcow2,cache=unsafe,file={}",
                escaped(self.disk)
            ))
            .args(["-device", "virtio-blk-pci,drive=root"])
            .args(["-object", "rng-random,id=rng0,filename=/dev/urandom"])
            .args(["-device", "virtio-rng-pci,rng=rng0"])
            .arg("-netdev")
            .arg(format!(
                "user,id=control,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:9000"
            ))
            .args([
                "-device",
                "virtio-net-pci,netdev=control,mac=52:54:00:90:00:0f,romfile=",
            ]);
        self.add_wire(&mut command);
        if self.saved {
            command.args(["-incoming", "defer"]);
        } else {
            command.arg("-S");
        }
        Ok(command)
    }

    /// The second card, and on the first node's VM a third for the client: the
    /// hub joins both to the wire.
    fn add_wire(&self, command: &mut Command) {
        let wire = |end: &str| {
            let path = relative(self.folder, &self.wire.join("wire"));
            format!("stream,id=wire,{end},addr.type=unix,addr.path={path}")
        };
        match self.role {
            Role::Both => {}
            Role::A => {
                command
                    .args(["-netdev", &wire("server=on"), "-netdev"])
                    .args(["hubport,id=hub-wire,hubid=1,netdev=wire"])
                    .args(["-netdev", "hubport,id=hub-node,hubid=1"])
                    .args([
                        "-device",
                        "virtio-net-pci,netdev=hub-node,mac=52:54:00:90:00:01,romfile=",
                    ])
                    .args(["-netdev", "hubport,id=hub-client,hubid=1"])
                    .args([
                        "-device",
                        "virtio-net-pci,netdev=hub-client,mac=52:54:00:90:00:fe,romfile=",
                    ]);
            }
            Role::B => {
                command.args(["-netdev", &wire("server=off")]).args([
                    "-device",
                    "virtio-net-pci,netdev=wire,mac=52:54:00:90:00:02,romfile=",
                ]);
            }
        }
    }
}

/// The first line of `--version`.
///
/// # Errors
/// Errors if QEMU is not installed.
pub fn version() -> Result<String> {
    let text = programs::text(programs::command(PROGRAM)?.arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// A sibling's path, short enough for a socket's address.
fn relative(from: &Path, to: &Path) -> String {
    match from
        .parent()
        .and_then(|parent| to.strip_prefix(parent).ok())
    {
        Some(rest) => format!("../{}", rest.display()),
        None => to.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_path_is_relative_to_the_vm() {
        let run = Path::new("/x/run/default");
        assert_eq!(relative(&run.join("a"), &run.join("wire")), "../wire");
        assert_eq!(escaped(Path::new("/a,b")), "/a,,b");
    }
}
