//! The kernel's IPVS tables.
//!
//! `/proc/net/ip_vs` is read rather than the generic netlink family: it needs
//! no protocol, is present wherever IPVS is, and lists services with their
//! real servers in one read. Its numbers are hexadecimal, addresses included.
//!
//! Relied on: Linux `net/netfilter/ipvs/ip_vs_ctl.c`, `ip_vs_info_seq_show`,
//! unchanged since 2.6.28; Docker's fwmark services (moby,
//! `libnetwork/service_linux.go`: `addLBBackend`).

use super::{IpvsDestination, IpvsMatch, IpvsService};
use crate::sys::protocol::Protocol;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads the table of the calling thread's namespace; empty where the kernel
/// has no IPVS.
///
/// # Errors
/// Errors if `/proc/net/ip_vs` exists and cannot be read.
pub fn read() -> io::Result<Vec<IpvsService>> {
    match std::fs::read_to_string("/proc/thread-self/net/ip_vs") {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Parses the text of `/proc/net/ip_vs`. Skips lines that it does not understand,
/// and the destinations of a service that it does not.
pub fn parse(text: &str) -> Vec<IpvsService> {
    let mut services: Vec<IpvsService> = Vec::new();
    // Whether destination lines are of the service parsed last.
    let mut known = false;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        if first == "->" {
            if known && let (Some(service), Some(to)) = (services.last_mut(), destination(words)) {
                service.destinations.push(to);
            }
            continue;
        }
        let Some(matches) = matcher(first, words.next()) else {
            known = false;
            continue;
        };
        known = true;
        services.push(IpvsService {
            matches,
            scheduler: words.next().unwrap_or_default().to_owned(),
            destinations: Vec::new(),
        });
    }
    services
}

/// `FWM  00000101`, `TCP  0A000104:0050`, `TCP  [2001:…:0001]:0050`
fn matcher(kind: &str, what: Option<&str>) -> Option<IpvsMatch> {
    if kind == "FWM" {
        return Some(IpvsMatch::Fwmark(u32::from_str_radix(what?, 16).ok()?));
    }
    let protocol = kind.parse::<Protocol>().ok()?;
    let (address, port) = socket(what?)?;
    Some(IpvsMatch::Address {
        protocol,
        address,
        port,
    })
}

/// `0A000006:0000      Masq    1      0          4`
fn destination<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<IpvsDestination> {
    let (address, port) = socket(words.next()?)?;
    let forwarding = words.next()?.into();
    let mut number = || words.next()?.parse().ok();
    Some(IpvsDestination {
        address,
        port,
        forwarding,
        weight: number()?,
        active: number()?,
        inactive: number()?,
    })
}

fn socket(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match address.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::IpvsForwarding;
    use proptest::prelude::*;

    const HEADER: &str = "IP Virtual Server version 1.2.1 (size=4096)\n\
        Prot LocalAddress:Port Scheduler Flags\n  \
        -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

    #[test]
    fn an_empty_table() {
        assert_eq!(parse(HEADER), []);
    }

    #[test]
    fn a_load_balancer_of_a_real_swarm() {
        let services = parse(include_str!(
            "../../../tests/fixtures/swarm/a/lb_qookufxbb/ip_vs"
        ));
        assert_eq!(services.len(), 2);
        assert_eq!(services[1].matches, IpvsMatch::Fwmark(0x102));
        assert_eq!(services[1].scheduler, "rr");
        assert_eq!(
            services[1].destinations[0],
            IpvsDestination {
                address: "10.0.1.4".parse().unwrap(),
                port: 0,
                forwarding: IpvsForwarding::Masq,
                weight: 1,
                active: 0,
                inactive: 2,
            }
        );
    }

    #[test]
    fn address_services_and_ipv6() {
        let text = format!(
            "{HEADER}TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0050 wlc persistent 360\n  \
             -> [2001:0db8:0000:0000:0000:0000:0000:0002]:1F90      Route   1      2          3\n\
             UDP  0A000104:0035 rr ops\n  -> 7F000001:0035      Local   0      0          0\n"
        );
        let services = parse(&text);
        assert_eq!(
            services[0].matches,
            IpvsMatch::Address {
                protocol: Protocol::Tcp,
                address: "2001:db8::1".parse().unwrap(),
                port: 80
            }
        );
        assert_eq!(services[0].destinations[0].port, 8080);
        assert_eq!(
            services[0].destinations[0].forwarding,
            IpvsForwarding::Route
        );
        assert_eq!(services[1].destinations[0].weight, 0);
    }

    #[test]
    fn destinations_of_an_unknown_service_go_nowhere() {
        let text = "FWM  00000100 rr\n  -> 0A000006:0000 Masq 1 0 0\n\
                    DCCP  0A000001:0050 rr\n  -> 0A000007:0000 Masq 1 0 0\n";
        let services = parse(text);
        assert_eq!(services.len(), 1);
        assert_eq!(services[0].destinations.len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            parse(&text);
        }

        #[test]
        fn anything_like_a_table_is_survived(
            text in "((FWM|TCP|UDP|  ->) {1,3}[0-9A-F\\[\\]:]{0,12} (rr|Masq)? ?[0-9]{0,12}\n){0,8}"
        ) {
            parse(&text);
        }
    }
}
