//! Classic tc over netlink: the clsact qdisc and its BPF filters.
//!
//! For kernels without tcx (before 6.6). Unlike a tcx link, a filter outlives
//! the process that added it, so each one is recognisable: by its name, its
//! priority, and a handle that no other run has. Every call works in the network
//! namespace of the thread that opened the socket. Modelled on iproute2's `tc`.
//!
//! Relied on: `net/sched/cls_api.c`, `net/sched/sch_ingress.c`.

use crate::sys::netlink::{Family, Netlink};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use swarmtrace_common::{Direction, NAME_PREFIX};

/// Priority of every filter that swarmtrace adds.
pub const PRIORITY: u16 = 50_000;

/// A BPF filter as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Priority: lower ones run first.
    pub priority: u16,
    /// Number within the priority.
    pub handle: u32,
    /// Name, for BPF filters.
    pub name: Option<String>,
}

impl Filter {
    /// Whether the run with this handle added it.
    pub fn is_ours(&self, handle: u32) -> bool {
        self.priority == PRIORITY
            && self.handle == handle
            && (self.name.as_deref()).is_some_and(|name| name.starts_with(NAME_PREFIX))
    }
}

/// The qdisc in clsact's place: a device has one or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qdisc {
    /// A clsact qdisc.
    Clsact,
    /// The older ingress qdisc, which has no egress side.
    Ingress,
}

/// A netlink socket in the namespace of the thread that opened it.
pub struct Tc {
    netlink: Netlink,
}

impl Tc {
    /// Opens the socket.
    ///
    /// # Errors
    /// Errors if the process has no file descriptors left.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::open(Family::Route)?,
        })
    }

    /// The clsact and ingress qdiscs of the namespace's devices, by device index.
    ///
    /// # Errors
    /// Errors if the kernel refuses, or its answer cannot be decoded.
    pub fn qdiscs(&mut self) -> io::Result<BTreeMap<u32, Qdisc>> {
        let message = RouteNetlinkMessage::GetQueueDiscipline(message(0));
        let replies = self.netlink.dump(message)?.complete()?;
        let qdiscs = replies.iter().filter_map(|reply| {
            let RouteNetlinkMessage::NewQueueDiscipline(qdisc) = reply else {
                return None;
            };
            let ifindex = u32::try_from(qdisc.header.index).ok()?;
            match kind(qdisc) {
                Some("clsact") => Some((ifindex, Qdisc::Clsact)),
                Some("ingress") => Some((ifindex, Qdisc::Ingress)),
                _ => None,
            }
        });
        Ok(qdiscs.collect())
    }

    /// Adds clsact to a device.
    ///
    /// # Errors
    /// `AlreadyExists` if it has one; else errors if the kernel refuses.
    pub fn add_clsact(&mut self, ifindex: u32) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewQueueDiscipline(clsact(ifindex));
        Ok(self.netlink.change(message, NLM_F_CREATE | NLM_F_EXCL)?)
    }

    /// Removes clsact, and with it all filters, from a device.
    ///
    /// # Errors
    /// Errors if the kernel refuses.
    pub fn delete_clsact(&mut self, ifindex: u32) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelQueueDiscipline(clsact(ifindex));
        Ok(self.netlink.change(message, 0)?)
    }

    /// Every filter of one direction of a device.
    ///
    /// # Errors
    /// Errors if the kernel refuses, also if the device has no clsact, or its answer
    /// cannot be decoded.
    pub fn filters(&mut self, ifindex: u32, direction: Direction) -> io::Result<Vec<Filter>> {
        let mut message = message(ifindex);
        message.header.parent = parent(direction);
        let message = RouteNetlinkMessage::GetTrafficFilter(message);
        let replies = self.netlink.dump(message)?.complete()?;
        let filters = replies.into_iter().filter_map(|reply| match reply {
            RouteNetlinkMessage::NewTrafficFilter(filter) => Some(filter),
            _ => None,
        });
        // The kernel also lists each priority by itself, with handle 0.
        Ok(filters
            .map(|filter| Filter {
                priority: (filter.header.info >> 16) as u16,
                handle: filter.header.handle.into(),
                name: bpf_name(&filter).map(str::to_owned),
            })
            .filter(|filter| filter.handle != 0)
            .collect())
    }

    /// Adds a program as a direct-action filter.
    ///
    /// # Errors
    /// Errors if the kernel refuses.
    pub fn add_filter(
        &mut self,
        ifindex: u32,
        direction: Direction,
        handle: u32,
        name: &str,
        program: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut message = filter(ifindex, direction, handle);
        message.attributes.push(TcAttribute::Options(vec![
            TcOption::Bpf(TcFilterBpfOption::ProgFd(
                program.as_raw_fd().unsigned_abs(),
            )),
            TcOption::Bpf(TcFilterBpfOption::ProgName(name.to_owned())),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]));
        let message = RouteNetlinkMessage::NewTrafficFilter(message);
        Ok(self.netlink.change(message, NLM_F_CREATE | NLM_F_EXCL)?)
    }

    /// Removes the filter that [`Tc::add_filter`] added.
    ///
    /// # Errors
    /// Errors if the kernel refuses.
    pub fn delete_filter(
        &mut self,
        ifindex: u32,
        direction: Direction,
        handle: u32,
    ) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelTrafficFilter(filter(ifindex, direction, handle));
        Ok(self.netlink.change(message, 0)?)
    }

    /// Removes the filters of the run with this handle from a device, and clsact too if
    /// that run had added it and it is now empty. It is no error if there are none.
    ///
    /// # Errors
    /// Errors if the kernel refuses.
    pub fn sweep(&mut self, ifindex: u32, handle: u32, added_clsact: bool) -> io::Result<()> {
        if self.qdiscs()?.get(&ifindex) != Some(&Qdisc::Clsact) {
            return Ok(());
        }
        let mut others = false;
        for direction in [Direction::Ingress, Direction::Egress] {
            for filter in self.filters(ifindex, direction)? {
                if filter.is_ours(handle) {
                    self.delete_filter(ifindex, direction, handle)?;
                } else {
                    others = true;
                }
            }
        }
        if added_clsact && !others {
            self.delete_clsact(ifindex)?;
        }
        Ok(())
    }
}

fn message(ifindex: u32) -> TcMessage {
    // A damaged journal may have an index that is no int: no device has i32::MAX.
    TcMessage::with_index(i32::try_from(ifindex).unwrap_or(i32::MAX))
}

fn clsact(ifindex: u32) -> TcMessage {
    let mut message = message(ifindex);
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle {
        major: 0xffff,
        minor: 0,
    };
    message
        .attributes
        .push(TcAttribute::Kind("clsact".to_owned()));
    message
}

fn filter(ifindex: u32, direction: Direction, handle: u32) -> TcMessage {
    const ALL_PROTOCOLS: u16 = 3;
    let mut message = message(ifindex);
    message.header.parent = parent(direction);
    message.header.handle = handle.into();
    message.header.info = u32::from(PRIORITY) << 16 | u32::from(ALL_PROTOCOLS.to_be());
    message.attributes.push(TcAttribute::Kind("bpf".to_owned()));
    message
}

fn parent(direction: Direction) -> TcHandle {
    TcHandle {
        major: TcHandle::CLSACT.major,
        minor: match direction {
            Direction::Ingress => TcHandle::MIN_INGRESS,
            Direction::Egress => TcHandle::MIN_EGRESS,
        },
    }
}

fn kind(message: &TcMessage) -> Option<&str> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            TcAttribute::Kind(kind) => Some(kind.as_str()),
            _ => None,
        })
}

fn bpf_name(message: &TcMessage) -> Option<&str> {
    let options = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            TcAttribute::Options(options) => Some(options),
            _ => None,
        })?;
    options.iter().find_map(|option| match option {
        TcOption::Bpf(TcFilterBpfOption::ProgName(name)) => Some(name.as_str()),
        _ => None,
    })
}
