//! Transport protocols, and whatever else an IP packet carries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// A transport protocol that Docker publishes ports of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Protocol {
    /// TCP
    Tcp = 6,
    /// UDP
    Udp = 17,
    /// SCTP. Its packets are events, but no flows are made of them.
    Sctp = 132,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// IP protocol number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// By IP protocol number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.number() == number)
    }

    /// A port with the protocol, as Docker writes it: `tcp/8080`.
    pub fn port(self, port: u16) -> String {
        format!("{self}/{port}")
    }

    /// As Docker, nftables and our JSON write it: `tcp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl Display for Protocol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No protocol has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a protocol (tcp, udp, sctp)")]
pub struct UnknownProtocol;

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// Takes the name in either case.
    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        let is = |p: &Self| p.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is).ok_or(UnknownProtocol)
    }
}

/// What an IP packet carries, by the number in its header: a [`Protocol`] or another
/// one, such as ESP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpProtocol(u8);

impl IpProtocol {
    /// Control messages.
    pub const ICMP: Self = Self(1);
    /// IPsec, encrypted.
    pub const ESP: Self = Self(50);
    /// IPsec, authenticated.
    pub const AH: Self = Self(51);

    /// Control messages of IPv6.
    pub const ICMPV6: Self = Self(58);

    /// Those with a name that is not a transport protocol's.
    const NAMED: [(Self, &str); 4] = [
        (Self::ICMP, "icmp"),
        (Self::ESP, "esp"),
        (Self::AH, "ah"),
        (Self::ICMPV6, "ipv6-icmp"),
    ];

    /// Number in the IP header.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<Protocol> for IpProtocol {
    fn from(protocol: Protocol) -> Self {
        Self(protocol.number())
    }
}

impl Display for IpProtocol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let named = || Self::NAMED.iter().find(|(known, _)| known == self);
        match (Protocol::from_number(self.0), named()) {
            (Some(protocol), _) => protocol.fmt(f),
            (None, Some((_, name))) => f.pad(name),
            (None, None) => self.0.fmt(f),
        }
    }
}

impl FromStr for IpProtocol {
    type Err = UnknownProtocol;

    /// Takes a name or a number, as `iptables-save` writes them.
    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let named = Self::NAMED.iter().find(|(_, name)| *name == text);
        match (named, text.parse::<Protocol>()) {
            (Some((known, _)), _) => Ok(*known),
            (None, Ok(protocol)) => Ok(protocol.into()),
            (None, Err(_)) => text.parse().map(Self).map_err(|_| UnknownProtocol),
        }
    }
}

/// In JSON a protocol that is its number: `#[serde(with = "as_number")]`.
pub mod as_number {
    use super::Protocol;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the IP protocol number.
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize<S: Serializer>(protocol: &Protocol, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(protocol.number())
    }

    /// Reads an IP protocol number.
    ///
    /// # Errors
    /// If it is none of a [`Protocol`].
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Protocol, D::Error> {
        let number = u8::deserialize(d)?;
        Protocol::from_number(number)
            .ok_or_else(|| serde::de::Error::custom(format!("no transport protocol: {number}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_number(protocol.number()), Some(protocol));
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        assert_eq!("SCTP".parse(), Ok(Protocol::Sctp));
        assert_eq!("icmp".parse::<Protocol>(), Err(UnknownProtocol));
    }

    #[test]
    fn what_ip_carries_has_a_name_or_a_number() {
        for (text, protocol) in [
            ("tcp", Protocol::Tcp.into()),
            ("esp", IpProtocol::ESP),
            ("89", IpProtocol(89)),
        ] {
            assert_eq!(text.parse(), Ok(protocol));
            assert_eq!(protocol.to_string(), text);
        }
        assert_eq!("50".parse(), Ok(IpProtocol::ESP));
        assert_eq!("all".parse::<IpProtocol>(), Err(UnknownProtocol));
    }
}
