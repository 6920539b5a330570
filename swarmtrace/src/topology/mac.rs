//! Ethernet addresses, and which of them Docker derives from IP addresses.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// An Ethernet address.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address that Docker's overlay driver derives from an IPv4 address:
    /// `10.0.0.6` → `02:42:0a:00:00:06` (libnetwork, netutils.GenerateMACFromIP).
    pub fn derived_from(address: IpAddr) -> Option<Self> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        let [a, b, c, d] = address.octets();
        Some(Self([0x02, 0x42, a, b, c, d]))
    }

    /// The IPv4 address that Docker derived it from.
    pub fn source(self) -> Option<IpAddr> {
        match self.0 {
            [0x02, 0x42, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => None,
        }
    }

    /// Whether all bytes are zero: a VXLAN device's default destination.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }
}

impl TryFrom<&[u8]> for Mac {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six hexadecimal bytes with colons between them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no Ethernet address")]
pub struct MacError(String);

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let byte = |part: &str| match part.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => u8::from_str_radix(part, 16).ok(),
            false => None,
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| MacError(text.to_owned()))
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// In JSON a missing address is the empty string. An address of another link
/// layer, which older recordings have, is read as missing.
pub(super) mod mac_or_empty {
    use super::Mac;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::ref_option,
        reason = "serde hands over a reference to the field"
    )]
    pub fn serialize<S: Serializer>(mac: &Option<Mac>, serializer: S) -> Result<S::Ok, S::Error> {
        match mac {
            Some(mac) => serializer.collect_str(mac),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Mac>, D::Error> {
        Ok(String::deserialize(d)?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_compared_as_bytes() {
        let mac: Mac = "02:42:0A:00:00:06".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:0a:00:00:06");
        assert_eq!(mac.source(), Some("10.0.0.6".parse().unwrap()));
        assert_eq!(Mac::derived_from("10.0.0.6".parse().unwrap()), Some(mac));
        for bad in ["", "02:42", "02:42:0a:00:00:06:07", "02:42:0a:00:00:+6"] {
            bad.parse::<Mac>().unwrap_err();
        }
    }

    #[test]
    fn an_address_of_another_link_layer_is_read_as_missing() {
        #[derive(Deserialize)]
        struct Read {
            #[serde(with = "mac_or_empty")]
            mac: Option<Mac>,
        }
        let read = |json: &str| serde_json::from_str::<Read>(json).unwrap().mac;
        assert_eq!(read(r#"{"mac": ""}"#), None);
        assert_eq!(read(r#"{"mac": "00:00:00:00"}"#), None, "of an IPIP tunnel");
        assert_eq!(
            read(r#"{"mac": "02:42:00:00:00:01"}"#),
            Some(Mac([2, 0x42, 0, 0, 0, 1]))
        );
    }
}
