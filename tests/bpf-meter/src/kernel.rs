//! What the kernel is to a program: the packet, maps, helpers, and its own memory.

use super::memory::{Access, Memory};
use aya_obj::generated::bpf_map_type;
use std::collections::BTreeMap;

/// What stands for a map in a register: no address.
const HANDLES: u64 = 1 << 40;
/// Bytes of `struct __sk_buff`, and where its fields are (include/uapi/linux/bpf.h).
const CONTEXT: usize = 192;
const LEN: usize = 0;
const PROTOCOL: usize = 16;
const IFINDEX: usize = 40;
const DATA: usize = 76;
const DATA_END: usize = 80;
/// The device that packets are on.
const DEVICE: u32 = 3;
const FAULT: u64 = -14_i64 as u64;

/// Maps, memory and what a program has done to them.
#[derive(Debug, Default)]
pub struct Kernel {
    /// What programs may touch.
    pub memory: Memory,
    /// What they may only ask the kernel to read; of the same addresses.
    pub own: Memory,
    maps: BTreeMap<i32, Map>,
    packet: Vec<u8>,
    /// How many records were reserved in a ring buffer.
    pub reserved: usize,
    /// Those that were submitted.
    pub records: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Map {
    kind: bpf_map_type,
    key_size: usize,
    value_size: usize,
    /// Values of an array, one behind the other.
    values: u64,
    /// Those of a hash map, each where its key says.
    by_key: BTreeMap<Vec<u8>, u64>,
}

impl Kernel {
    /// Adds a map under a descriptor: what the object says is in it, or zeros in an
    /// array, or nothing.
    ///
    /// # Panics
    /// Where the descriptor is taken.
    pub fn add_map(&mut self, descriptor: i32, map: &aya_obj::Map) {
        let kind = bpf_map_type::try_from(map.map_type())
            .ok()
            .expect("a known kind");
        let array = is_array(kind);
        let (access, values) = match map.data() {
            [] if array => {
                let size = stride(map.value_size() as usize) * map.max_entries() as usize;
                (Access::Write, vec![0; size])
            }
            [] => (Access::Write, Vec::new()),
            data => (Access::Read, data.to_vec()),
        };
        let name = format!("the values of map {descriptor}");
        let map = Map {
            kind,
            key_size: map.key_size() as usize,
            value_size: map.value_size() as usize,
            values: self.memory.add(&name, access, values),
            by_key: BTreeMap::new(),
        };
        assert!(self.maps.insert(descriptor, map).is_none(), "taken");
    }

    /// Sets a value of an array or a hash map, as user space does.
    pub fn set(&mut self, descriptor: i32, key: &[u8], value: Vec<u8>) {
        let map = self.maps.get_mut(&descriptor).expect("a map");
        assert_eq!((map.key_size, map.value_size), (key.len(), value.len()));
        if map.kind == bpf_map_type::BPF_MAP_TYPE_HASH {
            let at = self.memory.add("a value", Access::Write, value);
            map.by_key.insert(key.to_vec(), at);
        } else {
            let at = self.lookup(descriptor, key).expect("an array");
            let bytes = self.memory.bytes_mut(at, value.len());
            bytes
                .expect("an entry of the array")
                .copy_from_slice(&value);
        }
    }

    /// A value of an array, as user space reads it.
    pub fn value(&self, descriptor: i32, key: &[u8]) -> &[u8] {
        let at = self.lookup(descriptor, key).expect("an array");
        let size = self.maps[&descriptor].value_size;
        self.memory.bytes(at, size).expect("an entry of the array")
    }

    /// A packet comes, all of it in one piece of memory, `protocol` as its `sk_buff`
    /// has it; returns where its context is.
    pub fn receive(&mut self, frame: &[u8], protocol: u16) -> u64 {
        self.packet = frame.to_vec();
        // Programs here never change a packet.
        let start = self.memory.add("the packet", Access::Read, frame.to_vec());
        let narrow = |address: u64| u32::try_from(address).expect("an address of 32 bits");
        let length = frame.len() as u64;
        let mut context = vec![0; CONTEXT];
        for (at, value) in [
            (LEN, narrow(length)),
            (PROTOCOL, u32::from(protocol.to_be())),
            (IFINDEX, DEVICE),
            (DATA, narrow(start)),
            (DATA_END, narrow(start + length)),
        ] {
            context[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        self.memory.add("the context", Access::Read, context)
    }

    /// What a program gets for a map that it names.
    ///
    /// # Errors
    /// Where there is none.
    pub fn map_handle(&self, descriptor: i32) -> Result<u64, String> {
        self.map(descriptor)?;
        Ok(HANDLES + u64::from(descriptor.unsigned_abs()))
    }

    /// Where a program finds a variable, so many bytes into a map's value.
    ///
    /// # Errors
    /// Where there is none.
    pub fn map_value(&self, descriptor: i32, offset: i32) -> Result<u64, String> {
        let map = self.map(descriptor)?;
        Ok(map.values.wrapping_add_signed(offset.into()))
    }

    fn map(&self, descriptor: i32) -> Result<&Map, String> {
        let map = self.maps.get(&descriptor);
        map.ok_or_else(|| format!("no map {descriptor}"))
    }

    fn by_handle(&self, handle: u64) -> Result<(i32, &Map), String> {
        let descriptor = handle.checked_sub(HANDLES);
        let descriptor = descriptor.and_then(|number| i32::try_from(number).ok());
        let descriptor = descriptor.ok_or_else(|| format!("{handle:#x} is no map"))?;
        Ok((descriptor, self.map(descriptor)?))
    }

    /// The address of a value; 0: there is none.
    fn lookup(&self, descriptor: i32, key: &[u8]) -> Result<u64, String> {
        let map = self.map(descriptor)?;
        if map.kind == bpf_map_type::BPF_MAP_TYPE_HASH {
            return Ok(map.by_key.get(key).copied().unwrap_or(0));
        }
        if !is_array(map.kind) {
            return Err(format!("no lookup in {:?}", map.kind));
        }
        let index = u32::from_ne_bytes(key.try_into().map_err(|_| "no index")?);
        let at = map.values + u64::from(index) * stride(map.value_size) as u64;
        let there = self.memory.bytes(at, map.value_size).is_ok();
        Ok(if there { at } else { 0 })
    }

    /// Calls a helper by its number (include/uapi/linux/bpf.h).
    ///
    /// # Errors
    /// Where there is no such helper here, or the verifier would not let it be
    /// called like this.
    pub fn help(&mut self, helper: i32, arguments: [u64; 5]) -> Result<u64, String> {
        let [first, second, third, fourth, _] = arguments;
        match helper {
            1 => {
                let (descriptor, map) = self.by_handle(first)?;
                let key = self.memory.bytes(second, map.key_size)?;
                self.lookup(descriptor, key)
            }
            // ktime_get_ns
            5 => Ok(1_000_000_000_000),
            26 => {
                let size = size(fourth)?;
                let from = usize::try_from(second).map_err(|error| error.to_string())?;
                let bytes = self.packet.get(from..from.saturating_add(size));
                let to = self.memory.bytes_mut(third, size)?;
                Ok(copy_or_zero(to, bytes))
            }
            // probe_read_kernel
            113 => {
                let size = size(second)?;
                let bytes = self.own.bytes(third, size).ok();
                let to = self.memory.bytes_mut(first, size)?;
                Ok(copy_or_zero(to, bytes))
            }
            // ringbuf_reserve
            131 => {
                self.ring(first)?;
                self.reserved += 1;
                let record = vec![0; size(second)?];
                Ok(self.memory.add("a record", Access::Write, record))
            }
            // ringbuf_submit
            132 => {
                let record = self.memory.remove(first).ok_or("no record")?;
                self.records.push(record);
                Ok(0)
            }
            _ => Err(format!("there is no helper {helper} here")),
        }
    }

    fn ring(&self, handle: u64) -> Result<(), String> {
        let (descriptor, map) = self.by_handle(handle)?;
        if map.kind == bpf_map_type::BPF_MAP_TYPE_RINGBUF {
            Ok(())
        } else {
            Err(format!("map {descriptor} is no ring buffer"))
        }
    }
}

/// An array of each CPU is one array: there is one CPU.
fn is_array(kind: bpf_map_type) -> bool {
    matches!(
        kind,
        bpf_map_type::BPF_MAP_TYPE_ARRAY | bpf_map_type::BPF_MAP_TYPE_PERCPU_ARRAY
    )
}

/// From one value of an array to the next.
fn stride(value_size: usize) -> usize {
    value_size.next_multiple_of(8)
}

fn size(argument: u64) -> Result<usize, String> {
    let size = u32::try_from(argument).map_err(|_| format!("{argument} bytes"))?;
    Ok(size as usize)
}

/// How helpers copy that may fail.
fn copy_or_zero(to: &mut [u8], bytes: Option<&[u8]>) -> u64 {
    if let Some(bytes) = bytes {
        to.copy_from_slice(bytes);
        0
    } else {
        to.fill(0);
        FAULT
    }
}
