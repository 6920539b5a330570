//! The VM's kernel: its modules in the root, decompressed and listed, and the
//! initial RAM file system that loads the disk's.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use swarmtrace_programs as programs;

use crate::folders;
use crate::{cpio, deb, guest};

/// Unpacks the kernel, and into the root those of its modules that matter.
///
/// # Errors
/// Errors if the packages are not as Debian's kernels are.
pub fn install(
    debs: &[PathBuf],
    release: &str,
    work: &Path,
    root: &Path,
    made: &Path,
) -> Result<()> {
    let all = work.join("kernel");
    fs::create_dir_all(&all)?;
    for deb in debs {
        deb::unpack(deb, &all, &["./usr/share/doc"])?;
    }
    let image = [
        format!("boot/vmlinuz-{release}"),
        format!("usr/lib/modules/{release}/vmlinuz"),
    ];
    let image = image.iter().map(|name| all.join(name)).find(|p| p.exists());
    let image = image.context("the kernel's package has no kernel")?;
    fs::copy(image, made.join("vmlinuz"))?;
    let from = ["lib/modules", "usr/lib/modules"]
        .iter()
        .map(|name| all.join(name).join(release))
        .find(|folder| folder.exists())
        .context("the kernel's package has no modules")?;
    let to = root.join("usr/lib/modules").join(release);
    for name in guest::MODULES_WITHOUT {
        folders::remove(&from.join("kernel").join(name))?;
    }
    fs::create_dir_all(&to)?;
    for name in [
        "modules.builtin",
        "modules.builtin.modinfo",
        "modules.order",
    ] {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("no {name}"))?;
    }
    for name in guest::MODULE_FOLDERS {
        let source = from.join("kernel").join(name);
        if source.exists() {
            let target = to.join("kernel").join(name);
            fs::create_dir_all(target.parent().unwrap_or(&to))?;
            fs::rename(source, target)?;
        }
    }
    decompress_modules(&to)?;
    depmod(root, release)
}

fn decompress_modules(folder: &Path) -> Result<()> {
    let found = programs::text(
        programs::command("find")?
            .arg(folder)
            .args(["-name", "*.ko.xz"]),
    )?;
    let files: Vec<&str> = found.lines().collect();
    thread::scope(|scope| {
        let workers: Vec<_> = files
            .chunks(files.len().div_ceil(2).max(1))
            .map(|chunk| {
                scope.spawn(move || {
                    programs::run(programs::command("xz")?.arg("--decompress").args(chunk))
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("decompressing panicked"))?
        })
    })
}

/// With the VM's own kmod and C library: the host may have neither.
fn depmod(root: &Path, release: &str) -> Result<()> {
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    programs::run(
        programs::built(libraries.join("ld-linux-x86-64.so.2"))
            .args(["--argv0", "depmod", "--library-path"])
            .args([&libraries, &root.join("usr/bin/kmod")])
            .arg("-b")
            .args([root, Path::new(release)]),
    )
    .context("cannot list the kernel's modules")
}

/// The initial RAM file system, with the modules of the root disk.
///
/// # Errors
/// Errors if a file that it needs is missing in the root.
pub fn initrd(root: &Path, release: &str) -> Result<Vec<u8>> {
    let mut archive = cpio::Archive::default();
    for name in ["bin", "dev", "proc", "modules", "root"] {
        archive.folder(name);
    }
    archive.file("bin/busybox", &fs::read(root.join("usr/bin/busybox"))?);
    archive.link("bin/sh", "busybox");
    let modules = root.join("usr/lib/modules").join(release);
    for (order, name) in guest::DISK_MODULES.iter().enumerate() {
        let file = format!("{name}.ko");
        let found = programs::text(
            programs::command("find")?
                .arg(&modules)
                .args(["-name", &file]),
        )?;
        // What is not a module is built into the kernel.
        if let Some(path) = found.lines().next() {
            archive.file(&format!("modules/{order}-{file}"), &fs::read(path)?);
        }
    }
    archive.file("init", guest::INITRAMFS_INIT.as_bytes());
    Ok(archive.finish())
}
