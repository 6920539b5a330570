//! Copying headers out of a packet.

use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::TcContext;
use core::mem::MaybeUninit;

/// Where a packet's headers are copied from.
pub trait Bytes {
    /// Copies a header of integers alone out of the packet, or `None` where the
    /// packet ends before it.
    fn load<T>(&self, at: u32) -> Option<T>;

    /// The same, or zeros where the packet ends before. Without a branch:
    /// what the compiler does with an `Option` that is used at once reads a register
    /// or a place on the stack that was never written, and verifiers before 6.3
    /// refuse that.
    fn load_or_zero<T>(&self, at: u32) -> T;
}

impl Bytes for TcContext {
    #[inline(always)]
    fn load<T>(&self, at: u32) -> Option<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes `size_of::<T>()` bytes or fails; every `T`
        // here is made of integers alone.
        unsafe {
            let size = size_of::<T>() as u32;
            if bpf_skb_load_bytes(self.skb.skb.cast(), at, value.as_mut_ptr().cast(), size) != 0 {
                return None;
            }
            Some(value.assume_init())
        }
    }

    #[inline(always)]
    fn load_or_zero<T>(&self, at: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes `size_of::<T>()` bytes, zeros if it fails
        // (net/core/filter.c, `bpf_skb_load_bytes`); every `T` here is an integer.
        unsafe {
            let size = size_of::<T>() as u32;
            bpf_skb_load_bytes(self.skb.skb.cast(), at, value.as_mut_ptr().cast(), size);
            value.assume_init()
        }
    }
}
