//! Where the parse stands.

/// Where the parse stands.
pub struct Cursor {
    /// Next header, in bytes from the frame's start.
    pub at: u32,
    /// EtherType of the next header.
    pub ether_type: u16,
    /// Where the IP packet ends by its own account.
    pub end: u32,
    /// The next header's IP protocol.
    pub protocol: u8,
    /// The 20 bytes that the next header is in, where they came with the IP header.
    /// (No `Option`: its copy would read what was never written, which verifiers
    /// before 6.3 refuse.)
    pub next: [u32; 5],
    pub has_next: bool,
}
