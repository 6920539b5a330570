//! Programs on this node that doctor runs.

use super::{Feature, Id};
use crate::sys::programs::{
    IPTABLES_LEGACY_SAVE, IPTABLES_NFT_SAVE, IPTABLES_SAVE, PROGRAMS, Program,
};

/// iptables' programs.
pub fn iptables() -> Feature {
    let found = PROGRAMS
        .into_iter()
        .filter(|program| program.find().is_some());
    iptables_of(&found.collect::<Vec<_>>())
}

fn iptables_of(found: &[Program]) -> Feature {
    // The plain program alone is one of the other two.
    let missing: Vec<Program> = match found {
        [only] if *only == IPTABLES_SAVE => Vec::new(),
        _ => [IPTABLES_NFT_SAVE, IPTABLES_LEGACY_SAVE]
            .into_iter()
            .filter(|program| !found.contains(program))
            .collect(),
    };
    match (found, missing.as_slice()) {
        ([], _) => Feature::missing(Id::Iptables, "no iptables-save is installed"),
        (_, []) => Feature::ok(Id::Iptables, names(found)),
        _ => {
            let what = format!("{}, but not {}", names(found), names(&missing));
            Feature::missing(Id::Iptables, what)
        }
    }
}

fn names(programs: &[Program]) -> String {
    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::State;

    #[test]
    fn missing_programs_are_listed() {
        assert_eq!(iptables_of(&[]).what, "no iptables-save is installed");
        assert_eq!(iptables_of(&PROGRAMS).state, State::Ok);
        assert_eq!(iptables_of(&[IPTABLES_SAVE]).state, State::Ok);
        let one = iptables_of(&[IPTABLES_NFT_SAVE]);
        assert_eq!(one.state, State::Missing);
        assert_eq!(one.what, "iptables-nft-save, but not iptables-legacy-save");
        assert!(
            one.get
                .is_some_and(|get| get.contains(IPTABLES_SAVE.package))
        );
    }
}
