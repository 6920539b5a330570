//! The MAC addresses that Docker derives from overlay addresses.

use std::net::IpAddr;

/// `10.0.0.6` → `02:42:0a:00:00:06`, as Docker's overlay driver makes them
/// (libnetwork, netutils.GenerateMACFromIP).
pub(super) fn mac_of(address: IpAddr) -> Option<String> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let [a, b, c, d] = address.octets();
    Some(format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}"))
}

/// The address that a derived MAC is of.
pub(super) fn ip_of(mac: &str) -> Option<IpAddr> {
    let bytes: Vec<u8> = (mac.strip_prefix("02:42:")?.split(':'))
        .map(|b| u8::from_str_radix(b, 16).ok())
        .collect::<Option<_>>()?;
    Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?))
}
