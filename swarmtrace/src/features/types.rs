//! Features that show in the kernel's published types (BTF).

use super::{Feature, Id};
use crate::capture::KernelTypes;
use crate::capture::btf::open;
use btf_rs::Btf;

/// Features of the tracepoints.
const OF_FATE: [Id; 4] = [Id::Drops, Id::DropReasons, Id::Resets, Id::ResetReasons];

/// BTF itself, and the features that it shows, in the report's order.
pub fn ask() -> (Feature, Vec<Feature>) {
    match (KernelTypes::read(), open()) {
        (Ok(types), Ok(kernel)) => {
            let btf = Feature::ok(Id::Btf, "the kernel publishes its types");
            let conntrack = match types.no_conntrack {
                None => Feature::ok(Id::Conntrack, "its records can be read"),
                Some(why) => Feature::missing(Id::Conntrack, why),
            };
            let mut features = vec![conntrack];
            features.extend(match types.fate.unusable {
                None => tracepoints(|name| has(&kernel, name)),
                Some(why) => OF_FATE.map(|id| Feature::missing(id, &why)).into(),
            });
            (btf, features)
        }
        (Err(error), _) | (_, Err(error)) => {
            let unknown = |id| Feature::unknown(id, "the kernel's types cannot be read");
            let others = [Id::Conntrack].into_iter().chain(OF_FATE);
            let btf = Feature::missing(Id::Btf, error.to_string());
            (btf, others.map(unknown).collect())
        }
    }
}

fn has(kernel: &Btf, name: &str) -> bool {
    kernel
        .resolve_ids_by_name(name)
        .is_ok_and(|ids| !ids.is_empty())
}

/// The tracepoints of drops and resets. Each has a type of its own, and so has each
/// kind of reason; reading types needs no tracefs, which may not be mounted.
fn tracepoints(has: impl Fn(&str) -> bool) -> Vec<Feature> {
    let pairs = [
        (Id::Drops, "skb:kfree_skb", "btf_trace_kfree_skb"),
        (Id::DropReasons, "enum skb_drop_reason", "skb_drop_reason"),
        (Id::Resets, "tcp:tcp_send_reset", "btf_trace_tcp_send_reset"),
        (Id::ResetReasons, "enum sk_rst_reason", "sk_rst_reason"),
    ];
    let feature = |(id, what, name): (Id, &str, &str)| match has(name) {
        true => Feature::ok(id, what),
        false => Feature::missing(id, format!("this kernel has no {what}")),
    };
    pairs.map(feature).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::State;

    #[test]
    fn a_kernel_without_reasons_has_tracepoints_all_the_same() {
        let found = tracepoints(|name| name.starts_with("btf_trace_"));
        let states: Vec<State> = found.iter().map(|f| f.state).collect();
        use State::{Missing, Ok};
        assert_eq!(states, [Ok, Missing, Ok, Missing]);
        assert_eq!(found[1].what, "this kernel has no enum skb_drop_reason");
    }

    #[test]
    fn the_running_kernel_publishes_its_types() {
        let (btf, others) = ask();
        assert_eq!(btf.state, State::Ok, "{btf:?}");
        assert_eq!(others.len(), 5);
    }
}
