//! The reports that are written whole and that only scripts read. `features` and
//! `doctor` have no format yet: the `version` of the former's JSON is swarmtrace's own.

use super::record::{Format, Record};
use crate::probe;
use crate::topology::Topology;

impl Record for Topology {
    const FORMAT: Format = Format {
        name: "swarmtrace-topology",
        written_by: "topology --output json",
        read_by: "",
        changes: &["First version."],
    };
}

impl Record for probe::Report {
    const FORMAT: Format = Format {
        name: "swarmtrace-probe",
        written_by: "probe --output json",
        read_by: "",
        changes: &["First version."],
    };
}
