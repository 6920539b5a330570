//! Copies files and folders into the VM and out of it, through the agent's
//! standard input and output.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use swarmtrace_programs as programs;

use crate::Node;
use crate::machines::Machines;

const LIMIT: Duration = Duration::from_mins(5);

/// Copies into the VM.
///
/// # Errors
/// Errors if it cannot be read here or written there.
pub fn put(machines: &Machines, node: Node, local: &Path, guest: &str) -> Result<()> {
    let meta = fs::metadata(local).with_context(|| format!("cannot read {}", local.display()))?;
    let what = || format!("cannot copy {} to {guest} on {node}", local.display());
    if meta.is_dir() {
        let script = r#"mkdir -p "$1" && exec tar -x -C "$1""#;
        let mut pack = programs::command("tar")?
            .args(["--create", "--directory"])
            .args([local, Path::new(".")])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run tar")?;
        let mut packed = pack.stdout.take().context("no pipe from tar")?;
        let mut running = machines.start(node, &["sh", "-c", script, "sh", guest], &[])?;
        running.feed(&mut packed).with_context(what)?;
        running.wait(LIMIT)?.checked().with_context(what)?;
        ensure!(
            pack.wait()?.success(),
            "tar could not read {}",
            local.display()
        );
        return Ok(());
    }
    // Into a new file first: a program that runs cannot be written over.
    let script = r#"set -e; [ ! -d "$1" ] || set -- "${1%/}/$3" "$2"; mkdir -p "$(dirname "$1")"
        cat >"$1.new"; chmod "$2" "$1.new"; mv -f "$1.new" "$1""#;
    let mode = format!("{:o}", meta.permissions().mode() & 0o7777);
    let name = local
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let words = ["sh", "-c", script, "sh", guest, &mode, &name];
    let mut running = machines.start(node, &words, &[])?;
    running
        .feed(&mut File::open(local).with_context(what)?)
        .with_context(what)?;
    running.wait(LIMIT)?.checked().with_context(what)?;
    Ok(())
}

/// Copies out of the VM.
///
/// # Errors
/// Errors if it cannot be read there or written here.
pub fn get(machines: &Machines, node: Node, guest: &str, local: &Path) -> Result<()> {
    let what = || format!("cannot copy {guest} on {node} to {}", local.display());
    let kind = r#"if [ -d "$1" ]; then echo folder; else stat -L -c %a -- "$1"; fi"#;
    let kind = machines.exec(node, &["sh", "-c", kind, "sh", guest], b"", LIMIT)?;
    let kind = kind.checked().with_context(what)?;
    if kind.trim() == "folder" {
        fs::create_dir_all(local).with_context(what)?;
        let mut unpack = programs::command("tar")?
            .args(["--extract", "--no-same-owner", "--directory"])
            .arg(local)
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot run tar")?;
        let mut pipe = unpack.stdin.take().context("no pipe to tar")?;
        let copied = copy(machines, node, &["tar", "-c", "-C", guest, "."], &mut pipe);
        drop(pipe);
        let unpacked = unpack.wait()?;
        copied.with_context(what)?;
        ensure!(
            unpacked.success(),
            "tar could not write {}",
            local.display()
        );
        return Ok(());
    }
    let name = Path::new(guest).file_name().unwrap_or_default();
    let local = if local.is_dir() {
        local.join(name)
    } else {
        local.to_owned()
    };
    let mut file = File::create(&local).with_context(what)?;
    copy(machines, node, &["cat", "--", guest], &mut file).with_context(what)?;
    let mode = u32::from_str_radix(kind.trim(), 8).unwrap_or(0o644);
    fs::set_permissions(&local, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn copy(machines: &Machines, node: Node, argv: &[&str], to: &mut dyn std::io::Write) -> Result<()> {
    let mut running = machines.start(node, argv, &[])?;
    running.feed(&mut std::io::empty())?;
    let mut stderr = Vec::new();
    let status = running.stream_to(LIMIT, to, &mut stderr)?;
    if status != 0 {
        bail!("{}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(())
}
