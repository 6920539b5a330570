//! The interpreter: one instruction after the other, each of them counted.
//!
//! Instructions are those of the kernel's documentation (Documentation/bpf/
//! standardization/instruction-set.rst) that the compiler uses for this object;
//! atomic operations and those of the fourth version are not among them.

use super::arithmetic::{compared, computed, swapped};
use super::kernel::Kernel;
use super::memory::Access;
use aya_obj::generated as bpf;
use aya_obj::generated::bpf_insn;

/// Bytes of stack for each function, and functions within each other, as in the
/// kernel.
const STACK: usize = 512;
const DEPTH: usize = 8;
/// A program that runs longer hangs.
const MOST: u64 = 1_000_000;
/// What a call leaves in the registers that it does not keep.
const SPOILT: u64 = 0xdead_dead_dead_dead;

/// An instruction, its fields as wide as they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Class, operation and where the second operand is from.
    pub code: u8,
    /// The register that is changed.
    pub to: usize,
    /// The other register, or what kind of call or constant it is.
    pub from: usize,
    /// Of a jump, in instructions; of an access to memory, in bytes.
    pub offset: i16,
    /// The constant.
    pub constant: i32,
}

impl From<bpf_insn> for Instruction {
    fn from(raw: bpf_insn) -> Self {
        Self {
            code: raw.code,
            to: raw.dst_reg().into(),
            from: raw.src_reg().into(),
            offset: raw.off,
            constant: raw.imm,
        }
    }
}

/// Runs a program over a context; what it returned, and how many instructions
/// that took.
///
/// # Panics
/// Where it does what it may not or what is not known here.
pub fn execute(program: &[Instruction], kernel: &mut Kernel, context: u64) -> (u64, u64) {
    let stack = |depth| format!("the stack of call {depth}");
    let stacks: Vec<u64> = (0..DEPTH)
        .map(|depth| {
            let memory = &mut kernel.memory;
            memory.add(&stack(depth), Access::Write, vec![0; STACK])
        })
        .collect();
    let mut machine = Machine {
        registers: [SPOILT; 11],
        at: 0,
        callers: Vec::new(),
        stacks,
    };
    machine.registers[1] = context;
    machine.registers[10] = machine.stacks[0] + STACK as u64;
    let mut executed = 0;
    loop {
        let at = machine.at;
        executed += 1;
        let done = if executed > MOST {
            Err("it does not end".to_owned())
        } else {
            machine.step(program, kernel)
        };
        match done {
            Ok(false) => {}
            Ok(true) => return (machine.registers[0], executed),
            Err(why) => panic!("instruction {at}, {:x?}: {why}", program.get(at)),
        }
    }
}

struct Machine {
    registers: [u64; 11],
    /// Of the next instruction.
    at: usize,
    callers: Vec<Caller>,
    stacks: Vec<u64>,
}

/// Where a function goes on, and with what.
struct Caller {
    at: usize,
    /// r6 to r10.
    kept: [u64; 5],
}

impl Machine {
    /// Executes an instruction; whether it was the last.
    fn step(&mut self, program: &[Instruction], kernel: &mut Kernel) -> Result<bool, String> {
        let one = program.get(self.at).ok_or("there is none")?;
        self.at += 1;
        let second = if u32::from(one.code) & bpf::BPF_X != 0 {
            self.registers[one.from]
        } else {
            one.constant as u64
        };
        let operation = u32::from(one.code) & 0xf0;
        match u32::from(one.code) & 7 {
            class @ (bpf::BPF_ALU | bpf::BPF_ALU64) => {
                let (first, wide) = (self.registers[one.to], class == bpf::BPF_ALU64);
                let result = match operation {
                    _ if one.offset != 0 => None,
                    bpf::BPF_END if !wide => swapped(one.code, one.constant, first),
                    _ => computed(operation, first, second, wide),
                };
                self.registers[one.to] = result.ok_or("an unknown operation")?;
            }
            bpf::BPF_JMP if operation == bpf::BPF_CALL => self.call(one, kernel)?,
            bpf::BPF_JMP if operation == bpf::BPF_EXIT => return Ok(self.leave()),
            class @ (bpf::BPF_JMP | bpf::BPF_JMP32) => {
                let (first, wide) = (self.registers[one.to], class == bpf::BPF_JMP);
                let taken = compared(operation, first, second, wide);
                if taken.ok_or("an unknown jump")? {
                    self.jump(one.offset.into())?;
                }
            }
            bpf::BPF_LDX => {
                let (from, size) = place(one, self.registers[one.from])?;
                self.registers[one.to] = kernel.memory.load(from, size)?;
            }
            bpf::BPF_ST => {
                let (to, size) = place(one, self.registers[one.to])?;
                kernel.memory.store(to, size, one.constant as u64)?;
            }
            bpf::BPF_STX => {
                let (to, size) = place(one, self.registers[one.to])?;
                kernel.memory.store(to, size, self.registers[one.from])?;
            }
            // BPF_LD: the constant of 64 bits, over two places.
            _ => {
                let next = program.get(self.at).ok_or("cut in half")?;
                self.at += 1;
                self.registers[one.to] = constant(one, next.constant, kernel)?;
            }
        }
        Ok(false)
    }

    fn jump(&mut self, by: i64) -> Result<(), String> {
        let to = usize::try_from(self.at as i64 + by);
        self.at = to.map_err(|_| "a jump before the program")?;
        Ok(())
    }

    fn call(&mut self, one: &Instruction, kernel: &mut Kernel) -> Result<(), String> {
        match (u32::from(one.code), one.from as u32) {
            (0x85, 0) => {
                let [_, arguments @ .., _, _, _, _, _] = self.registers;
                self.registers[0] = kernel.help(one.constant, arguments)?;
                self.registers[1..=5].fill(SPOILT);
            }
            (0x85, bpf::BPF_PSEUDO_CALL) => {
                let [.., r6, r7, r8, r9, r10] = self.registers;
                self.callers.push(Caller {
                    at: self.at,
                    kept: [r6, r7, r8, r9, r10],
                });
                let stack = self.stacks.get(self.callers.len());
                let stack = *stack.ok_or("too many calls within each other")?;
                // Nothing that an earlier call has left there.
                kernel.memory.bytes_mut(stack, STACK)?.fill(0);
                self.registers[6..].fill(SPOILT);
                self.registers[10] = stack + STACK as u64;
                self.jump(one.constant.into())?;
            }
            _ => return Err("an unknown kind of call".to_owned()),
        }
        Ok(())
    }

    /// Leaves a function; whether it was the program itself.
    fn leave(&mut self) -> bool {
        let Some(caller) = self.callers.pop() else {
            return true;
        };
        self.at = caller.at;
        self.registers[1..=5].fill(SPOILT);
        self.registers[6..].copy_from_slice(&caller.kept);
        false
    }
}

/// Address and size of an access to memory.
fn place(one: &Instruction, base: u64) -> Result<(u64, usize), String> {
    if u32::from(one.code) & 0xe0 != bpf::BPF_MEM {
        return Err("an unknown kind of access".to_owned());
    }
    let size = match u32::from(one.code) & 0x18 {
        bpf::BPF_B => 1,
        bpf::BPF_H => 2,
        bpf::BPF_W => 4,
        _ => 8,
    };
    Ok((base.wrapping_add_signed(one.offset.into()), size))
}

fn constant(one: &Instruction, upper: i32, kernel: &Kernel) -> Result<u64, String> {
    if u32::from(one.code) != bpf::BPF_LD | bpf::BPF_IMM | bpf::BPF_DW {
        return Err("an unknown instruction".to_owned());
    }
    match one.from as u32 {
        0 => Ok(u64::from(one.constant as u32) | u64::from(upper as u32) << 32),
        bpf::BPF_PSEUDO_MAP_FD => kernel.map_handle(one.constant),
        bpf::BPF_PSEUDO_MAP_VALUE => kernel.map_value(one.constant, upper),
        _ => Err("an unknown kind of constant".to_owned()),
    }
}

#[cfg(test)]
mod tests;
