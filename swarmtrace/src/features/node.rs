//! Programs on this node that doctor runs.

use super::{Feature, Id};
use crate::sys::programs::{
    IP6TABLES_LEGACY_SAVE, IP6TABLES_NFT_SAVE, IPTABLES_LEGACY_SAVE, IPTABLES_NFT_SAVE,
    IPTABLES_SAVE, NFT, PROGRAMS, Program,
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
    let of_iptables = [
        IPTABLES_NFT_SAVE,
        IPTABLES_LEGACY_SAVE,
        IP6TABLES_NFT_SAVE,
        IP6TABLES_LEGACY_SAVE,
    ];
    let plain = found.contains(&IPTABLES_SAVE) && !found.iter().any(|p| of_iptables.contains(p));
    let wanted = if plain { &[][..] } else { &of_iptables[..] };
    let missing: Vec<Program> = (wanted.iter().chain([&NFT]))
        .filter(|program| !found.contains(program))
        .copied()
        .collect();
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
        assert_eq!(iptables_of(&[IPTABLES_SAVE, NFT]).state, State::Ok);
        assert_eq!(
            iptables_of(&PROGRAMS[..5]).what.split(", but not ").nth(1),
            Some("nft")
        );
        let without = PROGRAMS.into_iter().filter(|p| *p != IPTABLES_LEGACY_SAVE);
        let one = iptables_of(&without.collect::<Vec<_>>());
        assert_eq!(one.state, State::Missing);
        assert!(one.what.ends_with("nft, but not iptables-legacy-save"));
        assert!(
            one.get
                .is_some_and(|get| get.contains(IPTABLES_SAVE.package))
        );
    }
}
