//! Zeroing and copying in words, by volatile accesses.
//!
//! For the BPF target, the compiler turns the plain assignment of an array or a
//! larger structure into a call of a `memset` or `memmove` that works byte by
//! byte: a third of the time that a report took. Volatile accesses are left as
//! they are written.

use core::ptr::{read_volatile, write_volatile};
use swarmtrace_common::Endpoint;

/// Zeroes a value whose size and alignment are multiples of 8.
#[inline(always)]
pub fn zero<T>(to: *mut T) {
    const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() == 8) };
    for i in 0..size_of::<T>() / 8 {
        // SAFETY: within the value; callers pass pointers that may be written.
        unsafe { write_volatile(to.cast::<u64>().add(i), 0) };
    }
}

/// Copies a value whose size and alignment are multiples of 8.
#[inline(always)]
pub fn copy<T>(from: *const T, to: *mut T) {
    const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() == 8) };
    for i in 0..size_of::<T>() / 8 {
        // SAFETY: within the values; callers pass valid pointers.
        unsafe {
            write_volatile(
                to.cast::<u64>().add(i),
                read_volatile(from.cast::<u64>().add(i)),
            );
        }
    }
}

/// Writes an IPv4 address, mapped into IPv6, to 16 bytes aligned to 8. Whole words
/// are written because whole words are read soon: a processor waits where a read
/// covers more than one write.
#[inline(always)]
#[expect(clippy::cast_ptr_alignment, reason = "callers pass aligned pointers")]
pub fn map_ipv4(to: *mut [u8; 16], address: u32) {
    let to = to.cast::<u64>();
    let marked = if cfg!(target_endian = "little") {
        u64::from(address) << 32 | 0xffff_0000
    } else {
        0x0000_ffff << 32 | u64::from(address)
    };
    // SAFETY: twice eight bytes; callers pass aligned pointers that may be written.
    unsafe {
        write_volatile(to, 0);
        write_volatile(to.add(1), marked);
    }
}

/// Writes the key of an endpoint; no address stands for the unspecified one.
#[inline(always)]
#[expect(clippy::cast_ptr_alignment, reason = "a tuple's addresses are aligned")]
pub fn endpoint(to: *mut Endpoint, address: Option<&[u8; 16]>, port: u16, protocol: u8) {
    let last = if cfg!(target_endian = "little") {
        u64::from(port) | u64::from(protocol) << 16
    } else {
        u64::from(port) << 48 | u64::from(protocol) << 40
    };
    let to = to.cast::<u64>();
    let from = address.map(|a| a.as_ptr().cast::<u64>());
    // SAFETY: three words each; an endpoint is aligned to 8, and so are the
    // addresses in a tuple, which is where callers have them from.
    unsafe {
        let [first, second] = match from {
            Some(from) => [read_volatile(from), read_volatile(from.add(1))],
            None => [0, 0],
        };
        write_volatile(to, first);
        write_volatile(to.add(1), second);
        write_volatile(to.add(2), last);
    }
}
