//! What a packet is in the life of a connection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of packet a hop was taken by.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// TCP SYN.
    Syn,
    /// TCP SYN-ACK.
    SynAck,
    /// The handshake's last ACK (reported in all-packets mode only).
    Ack,
    /// First data from the client; UDP: the first datagram of an exchange.
    Request,
    /// First data from the server; UDP: the first datagram back.
    Response,
    /// FIN without first data; the leg says whose.
    Fin,
    /// RST.
    Rst,
    /// ICMP error that quotes a packet of the flow.
    IcmpError,
}
