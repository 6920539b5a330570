//! Builds the VM's disk: a file system out of Debian packages and our own
//! files, a kernel, and an initial RAM file system. Kept under a key of all
//! that shaped it and built again only when that changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use swarmtrace_programs as programs;

use crate::apt::{Apt, Package};
use crate::folders::{self, Folders};
use crate::lock;
use crate::step::Step;
use crate::{Debian, Kernel, deb, guest, modules};

/// Raised when the steps below change what they make.
const RECIPE: &str = "2";
/// The disk's length; the file is sparse.
const DISK_BYTES: u64 = 4 << 30;

/// A disk, ready to boot.
#[derive(Clone, Debug)]
pub struct Image {
    /// Where its files are.
    pub folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// What went into an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// Which Debian the rest is of: `12`.
    pub debian: String,
    /// The packages, each `name=version`.
    pub packages: Vec<String>,
    /// The length of the disk.
    pub disk_bytes: u64,
}

impl Image {
    /// The root disk.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("root.ext4")
    }

    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The initial RAM file system.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd.cpio")
    }

    /// All that shaped it, in short.
    pub fn key(&self) -> String {
        let packages = self.manifest.packages.join(" ");
        let folder = self.folder.to_string_lossy();
        folders::key([&*folder, &*self.manifest.kernel, &*packages])
    }

    /// The image for a kernel: the one there is, or a new one.
    ///
    /// # Errors
    /// Errors if it has to be built and cannot be.
    pub fn get(folders: &Folders, kernel: Kernel, debian: Debian, anew: bool) -> Result<Self> {
        let parts = [RECIPE, kernel.name(), debian.name()].into_iter();
        let parts = parts.chain(debian.of_node_b().map(|_| guest::CONTAINERD_OF_NODE));
        let key = folders::key(parts.chain(guest::shape()));
        let name = format!("{}-debian{}-{key}", kernel.name(), debian.name());
        let folder = folders.folder("images")?.join(name);
        let _lock = lock::take(&folders.path("image.lock"), "building the VM's disk")?;
        if !anew && let Some(image) = Self::read(&folder) {
            return Ok(image);
        }
        let result = match Apt::of_host(kernel, debian) {
            Some(apt) => build(folders, &apt, kernel, debian).or_else(|error| {
                eprintln!("  not with {}: {error:#}", apt.whose);
                build(
                    folders,
                    &Apt::of_our_own(folders, kernel, debian)?,
                    kernel,
                    debian,
                )
            }),
            None => build(
                folders,
                &Apt::of_our_own(folders, kernel, debian)?,
                kernel,
                debian,
            ),
        };
        let made = result.context("cannot build the VM's disk")?;
        folders::remove(&folder)?;
        fs::rename(&made, &folder)?;
        remove_older(&folder)?;
        Self::read(&folder).context("the VM's disk is not there after it was built")
    }

    fn read(folder: &Path) -> Option<Self> {
        let manifest = fs::read(folder.join("manifest.json")).ok()?;
        let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
        let image = Self {
            folder: folder.to_owned(),
            manifest,
        };
        let whole = fs::metadata(image.disk()).ok()?.len() == image.manifest.disk_bytes
            && image.kernel().exists()
            && image.initrd().exists();
        whole.then_some(image)
    }
}

/// Removes other images of the same kernel and Debian.
fn remove_older(folder: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    let kind = name.rsplit_once('-').map_or("", |(kind, _)| kind);
    for entry in fs::read_dir(parent)?.flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name && other.starts_with(&format!("{kind}-")) {
            folders::remove(&entry.path())?;
        }
    }
    Ok(())
}

fn build(folders: &Folders, apt: &Apt, kernel: Kernel, debian: Debian) -> Result<PathBuf> {
    let step = Step::start(format!("choosing packages by {}", apt.whose));
    let (release, of_kernel) = apt.newest_kernel(kernel)?;
    let mut packages = userland(apt, debian)?;
    let others = packages.len();
    packages.extend(of_kernel);
    step.done_with(format_args!(
        "{} packages, kernel {release}",
        packages.len()
    ));

    let step = Step::start("downloading packages");
    let debs = apt.download(&folders.folder("debs")?, &packages)?;
    let bytes: u64 = debs
        .iter()
        .filter_map(|deb| deb.metadata().ok())
        .map(|meta| meta.len())
        .sum();
    step.done_with(format_args!("{} MB", bytes >> 20));

    let work = folders.fresh_folder("image.work")?;
    let made = folders.fresh_folder("image.made")?;
    let root = work.join("root");
    let (debs, kernel_debs) = debs.split_at_checked(others).context("no packages")?;

    let step = Step::start("unpacking them");
    make_skeleton(&root)?;
    unpack_all(debs, &root)?;
    step.done();

    let step = Step::start(format!("kernel {release} and its modules"));
    modules::install(kernel_debs, &release, &work, &root, &made)?;
    step.done();

    if let Some(other) = debian.of_node_b() {
        packages.extend(second_userland(folders, kernel, other, &root)?);
    }

    let step = Step::start("our own programs and settings");
    configure(&work, &root)?;
    fs::write(made.join("initrd.cpio"), modules::initrd(&root, &release)?)?;
    step.done();

    let step = Step::start("making the disk");
    let disk = made.join("root.ext4");
    fs::File::create(&disk)?.set_len(DISK_BYTES)?;
    programs::run(
        as_root("mke2fs")?
            .args([
                "-q",
                "-F",
                "-t",
                "ext4",
                "-O",
                "^has_journal,^metadata_csum",
            ])
            .args(["-E", "lazy_itable_init=1,root_owner=0:0", "-d"])
            .args([&root, &disk]),
    )?;
    let manifest = Manifest {
        kernel: release,
        debian: debian.name().to_owned(),
        packages: packages
            .iter()
            .map(|Package { name, version }| format!("{name}={version}"))
            .collect(),
        disk_bytes: DISK_BYTES,
    };
    fs::write(
        made.join("manifest.json"),
        serde_json::to_vec_pretty(&manifest)?,
    )?;
    folders::remove(&work)?;
    step.done();
    Ok(made)
}

/// The packages of a node.
fn userland(apt: &Apt, debian: Debian) -> Result<Vec<Package>> {
    let wanted = [guest::PACKAGES, debian.packages()].concat();
    let mut packages = apt.closure(&wanted)?;
    packages.retain(|package| !guest::unwanted(&package.name));
    Ok(packages)
}

/// Node b's own: another Debian's programs in a folder of the disk, which
/// `guest/containerd-of-node` makes its `/usr`. Returns the packages.
fn second_userland(
    folders: &Folders,
    kernel: Kernel,
    debian: Debian,
    root: &Path,
) -> Result<Vec<Package>> {
    let apt = match Apt::of_host(kernel, debian) {
        Some(apt) => apt,
        None => Apt::of_our_own(folders, kernel, debian)?,
    };
    let step = Step::start(format!("Debian {}'s programs for node-b", debian.name()));
    let packages = userland(&apt, debian)?;
    let debs = apt.download(&folders.folder("debs")?, &packages)?;
    let other = root.join("opt/node-b");
    make_skeleton(&other)?;
    unpack_all(&debs, &other)?;
    step.done_with(format_args!("{} packages", packages.len()));
    Ok(packages)
}

/// A program that has to see the files as root's, even when we are not root.
fn as_root(program: &str) -> Result<Command> {
    if nix::unistd::geteuid().is_root() {
        return programs::command(program);
    }
    let mut command = programs::command("unshare")?;
    command.args(["--user", "--map-root-user", "--", program]);
    Ok(command)
}

/// The folders of a system whose `/bin`, `/sbin` and `/lib` live in `/usr`.
fn make_skeleton(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name))?;
        symlink(format!("usr/{name}"), root.join(name))?;
    }
    for name in [
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "etc/docker",
        "root",
        "mnt",
        "var/lib",
        "var/log",
        "var/tmp",
        "srv",
        "opt",
    ] {
        fs::create_dir_all(root.join(name))?;
    }
    symlink("../run", root.join("var/run"))?;
    Ok(())
}

/// Two at a time: unpacking is mostly decompression.
fn unpack_all(debs: &[PathBuf], root: &Path) -> Result<()> {
    thread::scope(|scope| {
        let (left, right) = debs.split_at(debs.len() / 2);
        let other = scope.spawn(|| {
            right
                .iter()
                .try_for_each(|package| deb::unpack(package, root, guest::UNPACK_WITHOUT))
        });
        left.iter()
            .try_for_each(|package| deb::unpack(package, root, guest::UNPACK_WITHOUT))?;
        other
            .join()
            .map_err(|_| anyhow::anyhow!("unpacking panicked"))?
    })
}

fn configure(work: &Path, root: &Path) -> Result<()> {
    choose_programs(root)?;
    for (name, text) in guest::ETC {
        fs::write(root.join("etc").join(name), text)?;
    }
    for (name, text) in guest::SCRIPTS {
        write_program(&root.join("srv").join(name), text.as_bytes())?;
    }
    let vmtool = root.join("usr/bin/vmtool");
    compile_vmtool(&work.join("vmtool"), &vmtool)?;
    let other = root.join("opt/node-b");
    if other.exists() {
        choose_programs(&other)?;
        fs::copy(vmtool, other.join("usr/bin/vmtool"))?;
        let before = root.join("usr/local/sbin");
        fs::create_dir_all(&before)?;
        write_program(
            &before.join("containerd"),
            guest::CONTAINERD_OF_NODE.as_bytes(),
        )?;
    }
    container_image(work, root)
}

/// What packages leave to their installation: which of several programs has the usual
/// name, and where the libraries are.
fn choose_programs(root: &Path) -> Result<()> {
    let bin = root.join("usr/bin");
    let replace = |link: PathBuf, target: &str| -> Result<()> {
        folders::remove(&link)?;
        symlink(target, &link).with_context(|| format!("cannot link {}", link.display()))
    };
    replace(bin.join("sh"), "dash")?;
    let applets = programs::text(programs::built(bin.join("busybox")).arg("--list"))?;
    for applet in applets.lines() {
        let there = |folder: &str| root.join(folder).join(applet).symlink_metadata().is_ok();
        if !there("usr/bin") && !there("usr/sbin") {
            symlink("busybox", bin.join(applet))?;
        }
    }
    // update-alternatives did not run; Debian's choice is the nft flavour.
    for family in ["iptables", "ip6tables"] {
        for action in ["", "-save", "-restore"] {
            replace(
                root.join(format!("usr/sbin/{family}{action}")),
                "xtables-nft-multi",
            )?;
        }
    }
    programs::run(programs::command("ldconfig")?.arg("-r").arg(root))
}

fn write_program(path: &Path, contents: &[u8]) -> Result<()> {
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn compile_vmtool(sources: &Path, program: &Path) -> Result<()> {
    fs::create_dir_all(sources)?;
    for (name, text) in guest::VMTOOL {
        fs::write(sources.join(name), text)?;
    }
    programs::run(
        programs::command("rustc")?
            .args([
                "--edition",
                "2024",
                "-O",
                "-C",
                "target-feature=+crt-static",
            ])
            .args([
                "-C",
                "relocation-model=static",
                "-C",
                "panic=abort",
                "-C",
                "strip=symbols",
            ])
            .arg("-o")
            .args([program, &sources.join("main.rs")]),
    )
    .context("cannot compile the VM's own program (is gcc or libc6-dev missing? cargo xtask setup)")
}

/// The one container image of all services: busybox and our own program.
fn container_image(work: &Path, root: &Path) -> Result<()> {
    let folder = work.join("container");
    for name in ["bin", "tmp", "proc", "sys", "dev", "etc"] {
        fs::create_dir_all(folder.join(name))?;
    }
    for name in ["busybox", "vmtool"] {
        fs::copy(
            root.join("usr/bin").join(name),
            folder.join("bin").join(name),
        )?;
    }
    for applet in [
        "sh", "sleep", "wget", "nc", "ip", "ls", "cat", "ping", "hostname", "nslookup", "ps",
        "kill",
    ] {
        symlink("busybox", folder.join("bin").join(applet))?;
    }
    programs::run(
        programs::command("tar")?
            .args([
                "--create",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "--file",
            ])
            .arg(root.join("srv/image.tar"))
            .arg("--directory")
            .args([&folder, Path::new(".")]),
    )
}
