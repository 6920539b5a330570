//! Taps as tcx links (Linux 6.6).

use crate::capture::programs::Programs;
use crate::sys::netns;
use crate::topology::taps::TapSite;
use aya::programs::SchedClassifier;
use aya::programs::links::LinkOrder;
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions, TcAttachType};
use std::io;
use swarmtrace_common::Direction;

/// Whether programs can be attached by tcx links: asked of the kernel, because
/// distributions backport newer parts to older versions.
pub fn has_tcx() -> bool {
    SchedClassifier::query_tcx("lo", TcAttachType::Ingress).is_ok()
}

/// Both links of a device, ingress first. They end when this is dropped.
pub struct TcxLinks {
    _links: [SchedClassifierLink; 2],
    /// Ids of the programs.
    programs: [u32; 2],
}

impl TcxLinks {
    /// Attaches both programs, in the site's namespace.
    ///
    /// # Errors
    /// Errors if the device is gone or the kernel refuses.
    pub fn attach(programs: &mut Programs, site: &TapSite) -> io::Result<Self> {
        let device = netns::device_name(site.at.ifindex)?;
        let mut attach = |direction| {
            let (_, program) = programs.get(site.has_ethernet, direction)?;
            let side = match direction {
                Direction::Ingress => TcAttachType::Ingress,
                Direction::Egress => TcAttachType::Egress,
            };
            // First, so that a program that ends the chain hides nothing.
            let order = TcAttachOptions::TcxOrder(LinkOrder::first());
            let link = program
                .attach_with_options(&device, side, order)
                .and_then(|id| program.take_link(id))
                .map_err(io::Error::other)?;
            let id = program.info().map_err(io::Error::other)?.id();
            io::Result::Ok((link, id))
        };
        let (ingress, egress) = (attach(Direction::Ingress)?, attach(Direction::Egress)?);
        Ok(Self {
            _links: [ingress.0, egress.0],
            programs: [ingress.1, egress.1],
        })
    }

    /// Whether the kernel lists both programs on the device of that name. Called in
    /// its namespace.
    pub fn are_attached(&self, device: &str) -> bool {
        let sides = [TcAttachType::Ingress, TcAttachType::Egress];
        self.programs.iter().zip(sides).all(|(program, side)| {
            let query = SchedClassifier::query_tcx(device, side);
            query.is_ok_and(|(_, found)| found.iter().any(|found| found.id() == *program))
        })
    }
}
