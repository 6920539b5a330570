//! Whether the running kernel has tcx.

use aya::programs::SchedClassifier;
use aya::programs::tc::TcAttachType;

/// Whether programs can be attached by tcx links (Linux 6.6): asked of the
/// kernel, because distributions carry newer parts in older versions.
pub fn has_tcx() -> bool {
    SchedClassifier::query_tcx("lo", TcAttachType::Ingress).is_ok()
}
