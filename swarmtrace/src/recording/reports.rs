//! The reports that are written whole and that only scripts read.

use super::record::{Format, Record};
use crate::doctor::Examination;
use crate::features;
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

impl Record for features::Report {
    const FORMAT: Format = Format {
        name: "swarmtrace-features",
        written_by: "features --output json",
        read_by: "",
        changes: &[
            "First version. Before it the object had no format, and its version was that of \
             swarmtrace (now swarmtrace).",
        ],
    };
}

impl Record for Examination {
    const FORMAT: Format = Format {
        name: "swarmtrace-doctor",
        written_by: "doctor --output json",
        read_by: "",
        changes: &[
            "First version. Before it the object had neither format nor version, doctor's own ids \
             (now in former_ids), and in a finding what (now evidence[0]), issues (now \
             references) and confirm as one text (now a list).",
        ],
    };
}
