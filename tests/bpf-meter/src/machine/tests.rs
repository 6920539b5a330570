//! Programs made by hand, whose results and counts are known.

use super::*;

const ADD: u32 = bpf::BPF_ALU64 | bpf::BPF_ADD;
const MOV: u32 = bpf::BPF_ALU64 | bpf::BPF_MOV;
const EXIT: Instruction = one(bpf::BPF_JMP | bpf::BPF_EXIT, 0, 0, 0, 0);

const fn one(code: u32, to: usize, from: usize, offset: i16, constant: i32) -> Instruction {
    Instruction {
        code: code as u8,
        to,
        from,
        offset,
        constant,
    }
}

/// Runs it; what it returned, and after how many instructions.
fn run(program: &[Instruction]) -> (u64, u64) {
    execute(program, &mut Kernel::default(), 0)
}

/// What an operation makes of two constants.
fn of(operation: u32, first: i32, second: i32) -> u64 {
    let register = one(operation | bpf::BPF_X, 0, 2, 0, 0);
    let value = run(&[
        one(MOV, 0, 0, 0, first),
        one(MOV, 2, 0, 0, second),
        register,
        EXIT,
    ]);
    let constant = one(operation, 0, 0, 0, second);
    let same = run(&[one(MOV, 0, 0, 0, first), constant, EXIT]);
    assert_eq!((value.0, 3), same, "{register:?}");
    value.0
}

/// Whether it jumps.
fn jumps(operation: u32, first: i32, second: i32) -> bool {
    let program = [
        one(MOV, 2, 0, 0, first),
        one(MOV, 0, 0, 0, 1),
        one(operation, 2, 0, 1, second),
        one(MOV, 0, 0, 0, 0),
        EXIT,
    ];
    let (result, executed) = run(&program);
    assert_eq!(executed, 5 - result);
    result == 1
}

#[test]
fn arithmetic_in_64_bits() {
    let wide = |operation, first, second| of(bpf::BPF_ALU64 | operation, first, second);
    assert_eq!(wide(bpf::BPF_ADD, -1, 3), 2);
    assert_eq!(wide(bpf::BPF_SUB, 1, 3), -2_i64 as u64);
    assert_eq!(wide(bpf::BPF_MUL, -1, 3), -3_i64 as u64);
    assert_eq!(wide(bpf::BPF_DIV, -1, 2), u64::MAX / 2);
    assert_eq!(wide(bpf::BPF_DIV, 5, 0), 0);
    assert_eq!(wide(bpf::BPF_MOD, 17, 5), 2);
    assert_eq!(wide(bpf::BPF_MOD, -17, 0), -17_i64 as u64);
    assert_eq!(wide(bpf::BPF_AND, -1, -256), -256_i64 as u64);
    assert_eq!(wide(bpf::BPF_OR, 3, 4), 7);
    assert_eq!(wide(bpf::BPF_XOR, -1, 1), -2_i64 as u64);
    assert_eq!(wide(bpf::BPF_LSH, 1, 40), 1 << 40);
    assert_eq!(wide(bpf::BPF_RSH, -1, 60), 15);
    assert_eq!(wide(bpf::BPF_ARSH, -256, 4), -16_i64 as u64);
    assert_eq!(wide(bpf::BPF_NEG, 5, 0), -5_i64 as u64);
}

#[test]
fn arithmetic_in_32_bits_leaves_zeros_above() {
    let narrow = |operation, first, second| of(bpf::BPF_ALU | operation, first, second);
    assert_eq!(narrow(bpf::BPF_ADD, -1, 3), 2);
    assert_eq!(narrow(bpf::BPF_SUB, 1, 3), 0xffff_fffe);
    assert_eq!(narrow(bpf::BPF_MUL, -1, 3), 0xffff_fffd);
    assert_eq!(narrow(bpf::BPF_DIV, -1, 2), 0x7fff_ffff);
    assert_eq!(narrow(bpf::BPF_DIV, 5, 0), 0);
    assert_eq!(narrow(bpf::BPF_MOD, -17, 0), 0xffff_ffef);
    assert_eq!(narrow(bpf::BPF_MOV, 0, -1), 0xffff_ffff);
    assert_eq!(narrow(bpf::BPF_LSH, 1, 40), 1 << 8);
    assert_eq!(narrow(bpf::BPF_RSH, -1, 28), 15);
    assert_eq!(narrow(bpf::BPF_ARSH, -256, 4), 0xffff_fff0);
    assert_eq!(narrow(bpf::BPF_NEG, 5, 0), 0xffff_fffb);
}

#[test]
fn bytes_are_swapped_and_what_is_above_is_gone() {
    let swap = |order, bits| {
        let swap = one(bpf::BPF_ALU | bpf::BPF_END | order, 0, 0, 0, bits);
        run(&[one(MOV, 0, 0, 0, -2), swap, EXIT]).0
    };
    let (big, little) = (bpf::BPF_TO_BE, bpf::BPF_TO_LE);
    assert_eq!(swap(big, 16), u64::from(0xfffe_u16.to_be()));
    assert_eq!(swap(big, 32), u64::from(0xffff_fffe_u32.to_be()));
    assert_eq!(swap(big, 64), (-2_i64 as u64).to_be());
    assert_eq!(swap(little, 16), u64::from(0xfffe_u16.to_le()));
    assert_eq!(swap(little, 32), u64::from(0xffff_fffe_u32.to_le()));
    assert_eq!(swap(little, 64), (-2_i64 as u64).to_le());
}

#[test]
fn signed_and_unsigned_jumps() {
    let (wide, narrow) = (bpf::BPF_JMP, bpf::BPF_JMP32);
    for width in [wide, narrow] {
        assert!(jumps(width | bpf::BPF_JGT, -1, 1));
        assert!(!jumps(width | bpf::BPF_JSGT, -1, 1));
        assert!(jumps(width | bpf::BPF_JSLT, -1, 1));
        assert!(!jumps(width | bpf::BPF_JLT, -1, 1));
        assert!(jumps(width | bpf::BPF_JSLE, -1, -1));
        assert!(jumps(width | bpf::BPF_JSGE, -1, -2));
        assert!(jumps(width | bpf::BPF_JLE, 1, -1));
        assert!(jumps(width | bpf::BPF_JGE, 7, 7));
        assert!(jumps(width | bpf::BPF_JEQ, 7, 7));
        assert!(!jumps(width | bpf::BPF_JNE, 7, 7));
        assert!(jumps(width | bpf::BPF_JSET, 6, 2));
        assert!(!jumps(width | bpf::BPF_JSET, 6, 1));
    }
    assert!(jumps(wide | bpf::BPF_JA, 0, 0));
    // -1 and u32::MAX, the same only by their lower halves.
    for (width, equal) in [(wide, 0), (narrow, 1)] {
        let program = [
            one(MOV, 2, 0, 0, -1),
            one(bpf::BPF_ALU | bpf::BPF_MOV, 3, 0, 0, -1),
            one(MOV, 0, 0, 0, 1),
            one(width | bpf::BPF_JEQ | bpf::BPF_X, 2, 3, 1, 0),
            one(MOV, 0, 0, 0, 0),
            EXIT,
        ];
        assert_eq!(run(&program).0, equal);
    }
}

#[test]
fn a_loop_is_counted_turn_by_turn() {
    let program = [
        one(MOV, 0, 0, 0, 0),
        one(ADD, 0, 0, 0, 1),
        one(bpf::BPF_JMP | bpf::BPF_JNE, 0, 0, -2, 10),
        EXIT,
    ];
    assert_eq!(run(&program), (10, 1 + 10 * 2 + 1));
}

#[test]
fn a_constant_over_two_places_is_one_instruction() {
    let program = [
        one(bpf::BPF_LD | bpf::BPF_DW, 0, 0, 0, -2),
        one(0, 0, 0, 0, 1),
        EXIT,
    ];
    assert_eq!(run(&program), (0x1_ffff_fffe, 2));
}

#[test]
fn a_function_has_a_stack_of_its_own() {
    let store = one(bpf::BPF_ST | bpf::BPF_MEM | bpf::BPF_DW, 10, 0, -8, 5);
    let load = one(bpf::BPF_LDX | bpf::BPF_MEM | bpf::BPF_DW, 0, 10, -8, 0);
    let call = one(bpf::BPF_JMP | bpf::BPF_CALL, 0, 1, 0, 4);
    let program = [
        store,
        one(MOV, 6, 0, 0, 7),
        call,
        load,
        one(ADD | bpf::BPF_X, 0, 6, 0, 0),
        EXIT,
        one(bpf::BPF_JMP | bpf::BPF_JA, 0, 0, 0, 0),
        one(bpf::BPF_ST | bpf::BPF_MEM | bpf::BPF_DW, 10, 0, -8, 9),
        one(MOV, 6, 0, 0, 1),
        EXIT,
    ];
    assert_eq!(run(&program), (12, 9));
}

fn reads_the_packet(offset: i16) {
    let mut kernel = Kernel::default();
    let context = kernel.receive(&[0; 60], 0);
    let program = [
        one(bpf::BPF_LDX | bpf::BPF_MEM | bpf::BPF_W, 2, 1, 76, 0),
        one(bpf::BPF_LDX | bpf::BPF_MEM | bpf::BPF_H, 0, 2, offset, 0),
        EXIT,
    ];
    assert_eq!(execute(&program, &mut kernel, context), (0, 3));
}

#[test]
fn the_packet_s_last_bytes_can_be_read() {
    reads_the_packet(58);
}

#[test]
#[should_panic(expected = "instruction 1,")]
fn a_load_behind_the_packet_is_found_out() {
    reads_the_packet(59);
}

#[test]
#[should_panic(expected = "instruction 0,")]
fn a_store_into_the_context_is_found_out() {
    let mut kernel = Kernel::default();
    let context = kernel.receive(&[0; 60], 0);
    let store = one(bpf::BPF_ST | bpf::BPF_MEM | bpf::BPF_W, 1, 0, 0, 0);
    execute(&[store, EXIT], &mut kernel, context);
}

#[test]
#[should_panic(expected = "no helper 999")]
fn an_unknown_helper_is_found_out() {
    run(&[one(bpf::BPF_JMP | bpf::BPF_CALL, 0, 0, 0, 999), EXIT]);
}

#[test]
#[should_panic(expected = "it does not end")]
fn what_hangs_is_found_out() {
    run(&[one(bpf::BPF_JMP | bpf::BPF_JA, 0, 0, -1, 0)]);
}

#[test]
#[should_panic(expected = "an unknown kind of access")]
fn an_atomic_operation_is_not_taken_for_a_store() {
    run(&[
        one(bpf::BPF_STX | bpf::BPF_ATOMIC | bpf::BPF_DW, 10, 0, -8, 0),
        EXIT,
    ]);
}
