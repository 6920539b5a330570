//! The running kernel's release.

/// The running kernel's release, as `uname -r` prints it: `6.1.0-28-amd64`.
pub fn release() -> String {
    let name = nix::sys::utsname::uname().expect("uname(2) cannot fail");
    name.release().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_release_is_procs() {
        let proc = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(super::release(), proc.trim());
    }
}
