//! swarmtrace's object in the interpreter, as its loader leaves it in a kernel.

use super::kernel::Kernel;
use super::machine::{Instruction, execute};
use super::memory::Access;
use aya_obj::Object;
use std::collections::{BTreeMap, HashMap};
use swarmtrace_common::names::{globals, maps};
use swarmtrace_common::{Endpoint, EndpointKinds, PortSet, Settings, counters};

/// Where the made-up kernel has what programs read of it, in the order of
/// `swarmtrace_common::Offsets`. Of a packet its device and, as far behind it as
/// on every kernel, its conntrack entry; of the device its namespace; of that its
/// number. No kernel side knows conntrack's own types here, and no packet has an
/// entry, as under `BPF_PROG_TEST_RUN`.
const OFFSETS: [u32; 8] = [16, 16 + 88, 264, 152, u32::MAX, 0, 0, 0];
/// The number of the namespace.
const NAMESPACE: u32 = 4_026_531_840;
const WAKE_EVERY: u32 = 1024;

/// The object, ready to run one of its programs once.
#[derive(Debug)]
pub struct Loaded {
    kernel: Kernel,
    programs: BTreeMap<String, Vec<Instruction>>,
    /// Descriptors by name.
    maps: BTreeMap<String, i32>,
}

/// What a run of a program did.
#[derive(Clone, Debug)]
pub struct Run {
    /// Instructions executed, those of helpers not counted.
    pub instructions: u64,
    /// What the program returned.
    pub returned: i32,
    /// See [`counters`].
    pub counts: [u64; counters::COUNT as usize],
    /// How many records were reserved in the ring buffer.
    pub reserved: usize,
    /// Those that were submitted.
    pub records: Vec<Vec<u8>>,
}

impl Loaded {
    /// Loads it with a filter.
    ///
    /// # Panics
    /// Where it cannot be loaded.
    pub fn new(settings: &Settings, ports: &PortSet, endpoints: &[Endpoint]) -> Self {
        let mut object = Object::parse(swarmtrace::capture::object()).expect("an object");
        let offsets: Vec<u8> = OFFSETS.iter().flat_map(|one| one.to_ne_bytes()).collect();
        let wake_every = WAKE_EVERY.to_ne_bytes();
        let globals = HashMap::from([
            (globals::OFFSETS, (&offsets[..], true)),
            (globals::WAKE_EVERY, (&wake_every[..], true)),
            ("AYA_LOG_LEVEL", (&[0][..], true)),
        ]);
        object.patch_map_data(globals).expect("the variables");
        let mut kernel = Kernel::default();
        let mut maps = BTreeMap::new();
        let sorted: BTreeMap<_, _> = object.maps.drain().collect();
        for (descriptor, (name, map)) in (1..).zip(&sorted) {
            kernel.add_map(descriptor, map);
            maps.insert(name.clone(), descriptor);
        }
        let sections = (object.functions.keys()).map(|(section, _)| *section);
        let sections = sections.collect();
        let named = (sorted.iter()).map(|(name, map)| (name.as_str(), maps[name], map));
        let relocated = object.relocate_maps(named, &sections);
        relocated.expect("its maps");
        object.relocate_calls(&sections).expect("its functions");
        let programs = (object.programs.iter())
            .map(|(name, program)| {
                let code = &object.functions[&program.function_key()].instructions;
                let code = code.iter().copied().map(Instruction::from);
                (name.clone(), code.collect())
            })
            .collect();
        let mut loaded = Self {
            kernel,
            programs,
            maps,
        };
        loaded.select(settings, ports, endpoints);
        loaded
    }

    /// Fills the maps that swarmtrace's loader fills.
    fn select(&mut self, settings: &Settings, ports: &PortSet, endpoints: &[Endpoint]) {
        let kinds = endpoints
            .iter()
            .fold(EndpointKinds::empty(), |kinds, one| kinds | one.kind());
        let settings = [
            &settings.vxlan_port.to_ne_bytes()[..],
            &[settings.mode as u8, settings.match_any],
            &settings.sample.to_ne_bytes(),
            &kinds.bits().to_ne_bytes(),
            &[0; 4],
        ];
        let first = 0_u32.to_ne_bytes();
        (self.kernel).set(self.maps[maps::SETTINGS], &first, settings.concat());
        let mut words = [0_u64; 1024];
        for port in (0..=u16::MAX).filter(|port| ports.contains(*port)) {
            words[usize::from(port >> 6)] |= 1 << (port & 63);
        }
        let words = words.iter().flat_map(|word| word.to_ne_bytes());
        (self.kernel).set(self.maps[maps::PORTS], &first, words.collect());
        for one in endpoints {
            let key = [
                &one.address[..],
                &one.port.to_ne_bytes(),
                &[one.protocol],
                &one.padding,
            ];
            (self.kernel).set(self.maps[maps::ENDPOINTS], &key.concat(), vec![1]);
        }
    }

    /// Runs a tc program over an Ethernet frame.
    ///
    /// # Panics
    /// Where there is no such program, or it does what it may not.
    pub fn run(mut self, program: &str, frame: &[u8]) -> Run {
        let code = self.programs.remove(program);
        let code = code.unwrap_or_else(|| panic!("no program {program}"));
        let protocol = u16::from_be_bytes([frame[12], frame[13]]);
        let context = self.kernel.receive(frame, protocol);
        self.put_kernel_memory(context);
        let (returned, instructions) = execute(&code, &mut self.kernel, context);
        let counts = (self.kernel).value(self.maps[maps::COUNTERS], &0_u32.to_ne_bytes());
        let mut counts = counts.chunks_exact(8).map(|count| {
            let bytes = count.try_into().expect("eight bytes");
            u64::from_ne_bytes(bytes)
        });
        let counts = std::array::from_fn(|_| counts.next().expect("a counter"));
        Run {
            instructions,
            returned: returned as i32,
            counts,
            reserved: self.kernel.reserved,
            records: self.kernel.records,
        }
    }

    /// The `sk_buff` that the context stands for, and what it leads to.
    fn put_kernel_memory(&mut self, skb: u64) {
        let [of_device, of_conntrack, of_namespace, of_number, ..] =
            OFFSETS.map(|offset| offset as usize);
        let own = &mut self.kernel.own;
        let piece = |at: usize, value: &[u8]| [&vec![0; at][..], value].concat();
        let number = piece(of_number, &NAMESPACE.to_ne_bytes());
        let namespace = own.add("the namespace", Access::Read, number);
        let device = piece(of_namespace, &namespace.to_ne_bytes());
        let device = own.add("the device", Access::Read, device);
        let mut bytes = piece(of_device, &device.to_ne_bytes());
        bytes.resize(of_conntrack + 8, 0);
        own.put(skb, "the sk_buff", Access::Read, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarmtrace_common::names::programs;

    /// Its two instructions can be counted by eye: a constant, and the end.
    #[test]
    fn the_empty_program_does_nothing() {
        let loaded = Loaded::new(&Settings::default(), &PortSet::EMPTY, &[]);
        let run = loaded.run(programs::NOTHING, &[0; 60]);
        assert_eq!((run.instructions, run.returned), (2, -1), "{run:?}");
        assert_eq!((run.counts, run.reserved), (Default::default(), 0));
    }

    /// What user space looks up by name is in the object.
    #[test]
    fn every_name_is_in_the_object() {
        let object = Object::parse(swarmtrace::capture::object()).expect("an object");
        for program in programs::ALL {
            assert!(
                object.programs.contains_key(program),
                "no program {program}"
            );
        }
        assert_eq!(object.programs.len(), programs::ALL.len());
        for map in maps::ALL {
            assert!(object.maps.contains_key(map), "no map {map}");
        }
    }
}
