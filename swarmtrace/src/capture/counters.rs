//! What the kernel side has counted.

use super::error::Error;
use super::programs::Programs;
use aya::maps::PerCpuArray;
use swarmtrace_common::counters;

/// What the kernel side has counted, per CPU; see [`counters`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By CPU, then by counter.
    pub per_cpu: Vec<[u64; counters::COUNT as usize]>,
}

impl Counters {
    /// Reads the counters of loaded programs, summed over the depths at which the
    /// programs interrupt each other.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub(super) fn read(programs: &Programs) -> Result<Self, Error> {
        let map: PerCpuArray<_, [u64; counters::COUNT as usize]> =
            programs.map(swarmtrace_common::names::maps::COUNTERS)?;
        let mut per_cpu: Vec<[u64; counters::COUNT as usize]> = Vec::new();
        for depth in 0..counters::DEPTHS {
            let counted = map.get(&depth, 0).map_err(Error::of_map)?;
            per_cpu.resize(counted.len(), Default::default());
            for (sums, counts) in per_cpu.iter_mut().zip(counted.iter()) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum = sum.wrapping_add(*count);
                }
            }
        }
        Ok(Self { per_cpu })
    }

    fn sum(&self, counter: u32) -> u64 {
        (self.per_cpu.iter()).fold(0, |sum, cpu| sum.wrapping_add(cpu[counter as usize]))
    }

    /// Packets that reached a tap.
    pub fn seen(&self) -> u64 {
        self.sum(counters::SEEN)
    }

    /// Packets that matched the filter.
    pub fn matched(&self) -> u64 {
        self.sum(counters::MATCHED)
    }

    /// Events of packets at taps that were written to the ring buffer.
    pub fn reported(&self) -> u64 {
        self.sum(counters::REPORTED)
    }

    /// Events of drops and resets that were written to the ring buffer.
    pub fn fates(&self) -> u64 {
        self.sum(counters::FATES)
    }

    /// Events lost because the ring buffer was full.
    pub fn lost(&self) -> u64 {
        self.sum(counters::LOST)
    }
}
