//! A Debian package, unpacked without dpkg's database.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use swarmtrace_programs as programs;

/// Unpacks one package, running none of its scripts.
///
/// # Errors
/// Errors if it is damaged.
pub fn unpack(deb: &Path, to: &Path, without: &[&str]) -> Result<()> {
    let mut contents = programs::command("dpkg-deb")?
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    let pipe = contents.stdout.take().context("no pipe from dpkg-deb")?;
    let unpacked = programs::run(
        programs::command("tar")?
            .args([
                "--extract",
                "--no-same-owner",
                "--keep-directory-symlink",
                "--directory",
            ])
            .arg(to)
            .args(without.iter().map(|path| format!("--exclude={path}")))
            .stdin(pipe),
    );
    let status = contents.wait()?;
    unpacked.with_context(|| format!("cannot unpack {}", deb.display()))?;
    ensure!(
        status.success(),
        "{} is damaged; remove it and try again",
        deb.display()
    );
    Ok(())
}
