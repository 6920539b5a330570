//! Zeroing and copying in words.
//!
//! For the BPF target, the compiler turns the plain assignment of an array or a
//! larger structure into a call of a `memset` or `memmove` that works byte by
//! byte: a third of the time that a report took. Volatile accesses are left as
//! they are written.

use core::ptr::{read_volatile, write_volatile};

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

/// Writes an IPv4 address, mapped into IPv6, to 16 bytes aligned to 4.
#[inline(always)]
pub fn map_ipv4(to: *mut [u8; 16], address: [u8; 4]) {
    let to = to.cast::<[u8; 4]>();
    // SAFETY: four times four bytes; callers pass pointers that may be written.
    unsafe {
        write_volatile(to.cast::<u32>(), 0);
        write_volatile(to.add(1).cast::<u32>(), 0);
        write_volatile(
            to.add(2).cast::<u32>(),
            u32::from_ne_bytes([0, 0, 0xff, 0xff]),
        );
        write_volatile(to.add(3).cast::<u32>(), u32::from_ne_bytes(address));
    }
}

/// Writes the unspecified address to 16 bytes aligned to 4.
#[inline(always)]
pub fn map_none(to: *mut [u8; 16]) {
    for i in 0..4 {
        // SAFETY: four times four bytes; callers pass pointers that may be written.
        unsafe { write_volatile(to.cast::<u32>().add(i), 0) };
    }
}
