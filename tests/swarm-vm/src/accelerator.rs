//! Finds out whether KVM works here. That the device exists is not enough: on
//! some virtual machines an ordinary kernel crashes or crawls under it. So a
//! kernel is booted, with a short limit, and the answer remembered.

use std::fs::{self, OpenOptions};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use swarmtrace_programs as programs;

use crate::folders::{self, Folders};
use crate::image::Image;
use crate::qemu::{self, Accelerator};
use crate::step::Step;

/// A kernel that runs on hardware prints its first line within about a second.
const LIMIT: Duration = Duration::from_secs(8);

#[derive(Serialize, Deserialize)]
struct Remembered {
    machine: String,
    accelerator: Accelerator,
}

/// The accelerator to use, tried out once a machine.
///
/// # Errors
/// Errors if QEMU cannot be started at all.
pub fn choose(folders: &Folders, image: &Image, qemu_version: &str) -> Result<Accelerator> {
    let kernel = fs::read_to_string("/proc/version").unwrap_or_default();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .unwrap_or_default();
    let usable = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok();
    let machine = folders::key([
        qemu_version,
        &*kernel,
        cpu,
        &*image.manifest.kernel,
        if usable { "kvm" } else { "" },
    ]);
    let file = folders.path("accelerator.json");
    if let Ok(known) = fs::read(&file)
        && let Ok(known) = serde_json::from_slice::<Remembered>(&known)
        && known.machine == machine
    {
        return Ok(known.accelerator);
    }
    let accelerator = if usable && boots(folders, image)? {
        Accelerator::Kvm
    } else {
        Accelerator::Tcg
    };
    fs::write(
        &file,
        serde_json::to_vec(&Remembered {
            machine,
            accelerator,
        })?,
    )
    .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(accelerator)
}

fn boots(folders: &Folders, image: &Image) -> Result<bool> {
    let step = Step::start("does KVM work here?");
    let folder = folders.fresh_folder("probe")?;
    let console = folder.join("console");
    let mut child = programs::command(qemu::PROGRAM)?
        .args(Accelerator::Kvm.options())
        .args([
            "-M",
            "q35",
            "-m",
            "512",
            "-smp",
            "2",
            "-nodefaults",
            "-no-user-config",
        ])
        .args([
            "-display",
            "none",
            "-no-reboot",
            "-serial",
            "file:console",
            "-kernel",
        ])
        .arg(image.kernel())
        .arg("-initrd")
        .arg(image.initrd())
        .args(["-append", &format!("{} vm.probe", qemu::KERNEL_LINE)])
        .current_dir(&folder)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .context("cannot start QEMU")?;
    let deadline = Instant::now() + LIMIT;
    let mut works = false;
    while !works && Instant::now() < deadline && child.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(50));
        works = fs::read_to_string(&console).is_ok_and(|text| text.contains("VM-PROBE-OK"));
    }
    works = works || fs::read_to_string(&console).is_ok_and(|text| text.contains("VM-PROBE-OK"));
    let _ = child.kill();
    child.wait()?;
    folders::remove(&folder)?;
    step.done_with(if works { "yes" } else { "no: emulating" });
    Ok(works)
}
