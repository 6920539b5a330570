//! The security associations and policies of encrypted overlays.
//!
//! Only the fixed heads of the messages are decoded, which hold addresses and
//! directions: keys are in the attributes behind them, and must not get anywhere.
//!
//! Relied on: linux/xfrm.h `xfrm_usersa_info`, `xfrm_userpolicy_info` (stable ABI);
//! moby, libnetwork/drivers/overlay/encryption.go `programSA`, `programSP`.

use crate::sys::netlink::{Family, Netlink, NetlinkError};
use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_packet_xfrm::constants::{
    AF_INET, IPPROTO_ESP, XFRM_MSG_GETPOLICY, XFRM_MSG_GETSA, XFRM_MSG_NEWPOLICY, XFRM_MSG_NEWSA,
    XFRM_POLICY_OUT,
};
use netlink_packet_xfrm::{Address, UserPolicyInfo, UserSaInfo};
use std::net::IpAddr;

/// What the kernel's IPsec tables hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Xfrm {
    /// ESP associations.
    pub associations: Vec<Association>,
    /// Destinations of outgoing policies.
    pub policies: Vec<IpAddr>,
}

/// A security association.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Association {
    /// Source address of its packets.
    pub source: IpAddr,
    /// Their destination address.
    pub destination: IpAddr,
}

/// Reads the calling thread's namespace.
pub(super) fn read() -> Result<Xfrm, NetlinkError> {
    let mut netlink = Netlink::open(Family::Xfrm)?;
    let mut xfrm = Xfrm::default();
    for request in [Message::GetAssociations, Message::GetPolicies] {
        for message in netlink.dump(request)?.complete()? {
            match message {
                Message::Association(found) => xfrm.associations.extend(association(&found)),
                Message::Policy(found) => xfrm.policies.extend(destination(&found)),
                _ => {}
            }
        }
    }
    Ok(xfrm)
}

/// The addresses of an ESP association.
fn association(found: &UserSaInfo) -> Option<Association> {
    (found.id.proto == IPPROTO_ESP).then(|| Association {
        source: address(&found.saddr, found.family),
        destination: address(&found.id.daddr, found.family),
    })
}

/// The destination of an outgoing policy.
fn destination(found: &UserPolicyInfo) -> Option<IpAddr> {
    let selector = &found.selector;
    (found.direction == XFRM_POLICY_OUT).then(|| address(&selector.daddr, selector.family))
}

fn address(address: &Address, family: u16) -> IpAddr {
    match family {
        AF_INET => address.to_ipv4().into(),
        _ => address.to_ipv6().into(),
    }
}

/// A request, or the head of an answer. netlink-packet-xfrm's own message decodes the
/// keys too.
#[derive(Clone, Debug)]
enum Message {
    GetAssociations,
    GetPolicies,
    Association(Box<UserSaInfo>),
    Policy(Box<UserPolicyInfo>),
    Other(u16),
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        match self {
            Self::GetAssociations => XFRM_MSG_GETSA,
            Self::GetPolicies => XFRM_MSG_GETPOLICY,
            Self::Association(_) => XFRM_MSG_NEWSA,
            Self::Policy(_) => XFRM_MSG_NEWPOLICY,
            Self::Other(kind) => *kind,
        }
    }

    /// Requests have no body.
    fn buffer_len(&self) -> usize {
        0
    }

    fn serialize(&self, _: &mut [u8]) {}
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(match header.message_type {
            XFRM_MSG_NEWSA => Self::Association(Box::new(UserSaInfo::parse(payload)?)),
            XFRM_MSG_NEWPOLICY => Self::Policy(Box::new(UserPolicyInfo::parse(payload)?)),
            kind => Self::Other(kind),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(kind: u16, payload: &[u8]) -> Option<Message> {
        let mut header = NetlinkHeader::default();
        header.message_type = kind;
        Message::deserialize(&header, payload).ok()
    }

    #[test]
    fn an_association_as_the_kernel_lays_it_out() {
        let mut message = vec![0; 224];
        message[56..60].copy_from_slice(&[192, 168, 90, 2]);
        message[76] = IPPROTO_ESP;
        message[80..84].copy_from_slice(&[192, 168, 90, 1]);
        message[212..214].copy_from_slice(&AF_INET.to_ne_bytes());
        let Some(Message::Association(mut found)) = decode(XFRM_MSG_NEWSA, &message) else {
            panic!("an association")
        };
        let expected = Association {
            source: IpAddr::from([192, 168, 90, 1]),
            destination: IpAddr::from([192, 168, 90, 2]),
        };
        assert_eq!(association(&found), Some(expected));
        found.id.proto = 51;
        assert_eq!(association(&found), None);
    }

    #[test]
    fn a_policy_as_the_kernel_lays_it_out() {
        let mut message = vec![0; 168];
        message[0..4].copy_from_slice(&[192, 168, 90, 2]);
        message[40..42].copy_from_slice(&AF_INET.to_ne_bytes());
        message[160] = 1;
        let Some(Message::Policy(found)) = decode(XFRM_MSG_NEWPOLICY, &message) else {
            panic!("a policy")
        };
        assert_eq!(destination(&found), Some(IpAddr::from([192, 168, 90, 2])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(XFRM_MSG_NEWSA, &bytes);
            decode(XFRM_MSG_NEWPOLICY, &bytes);
        }
    }
}
