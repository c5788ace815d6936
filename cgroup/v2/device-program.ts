import { type DeviceRule, effectiveRules } from "../device-rules.ts";

// struct bpf_insn of include/uapi/linux/bpf.h: code u8@0 · dst u4, src u4 @1 · off i16@2 · imm i32@4
const LDX_W = 0x61; // dst = *(u32 *)(src + off)
const ALU32_AND = 0x54; // dst &= imm
const ALU32_RSH = 0x74; // dst >>= imm
const MOV_REG = 0xbf; // dst = src
const MOV_IMM = 0xb7; // dst = imm
const JNE_IMM = 0x56; // if ((u32)dst != imm) goto +off
const JSET_IMM = 0x46; // if ((u32)dst & imm) goto +off
const EXIT = 0x95;

const [r0, context, type, access, major, minor] = [0, 1, 2, 3, 4, 5] as const;

/** BPF_DEVCG_DEV_*: the kind of a device. */
const typeNumbers = { b: 1, c: 2 } as const;
/** BPF_DEVCG_ACC_*: what is to be done with it. */
const accessBits: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const everyAccess = 7;

interface Instruction {
  readonly code: number;
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, dst = 0, src = 0, off = 0, imm = 0 }, i) => {
    bytes.writeUInt8(code, i * 8);
    bytes.writeUInt8((src << 4) | dst, i * 8 + 1);
    bytes.writeInt16LE(off, i * 8 + 2);
    bytes.writeInt32LE(imm | 0, i * 8 + 4);
  });
  return bytes;
}

function answer(allowed: boolean): Instruction[] {
  return [{ code: MOV_IMM, dst: r0, imm: allowed ? 1 : 0 }, { code: EXIT }];
}

/** One rule: what does not match jumps behind it. */
function block(rule: DeviceRule): Instruction[] {
  const bits = [...rule.access].reduce((sum, letter) => sum | (accessBits[letter] ?? 0), 0);
  const verdict: Instruction[] = rule.allow
    ? [
        // Settled, as far as this rule goes; what else was asked for is for the rules before it.
        { code: ALU32_AND, dst: access, imm: everyAccess & ~bits },
        { code: JNE_IMM, dst: access, imm: 0, off: 2 },
        ...answer(true),
      ]
    : [{ code: JSET_IMM, dst: access, imm: bits, off: 1 }, { code: 0x05, off: 2 }, ...answer(false)];
  const tests: { readonly register: number; readonly value: number }[] = [];
  if (rule.type !== "a") tests.push({ register: type, value: typeNumbers[rule.type] });
  if (rule.major !== undefined) tests.push({ register: major, value: rule.major });
  if (rule.minor !== undefined) tests.push({ register: minor, value: rule.minor });
  const jumps = tests.map(({ register, value }, i) => ({
    code: JNE_IMM,
    dst: register,
    imm: value,
    off: tests.length - 1 - i + verdict.length,
  }));
  return [...jumps, ...verdict];
}

/**
 * A BPF_PROG_TYPE_CGROUP_DEVICE program for these rules: the last rule that speaks of an access decides it, and what no
 * rule speaks of is allowed, as in a new cgroup of v1. Undefined when everything is allowed.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array | undefined {
  const effective = effectiveRules(rules);
  if (effective.length === 0) return undefined;
  return encode([
    // struct bpf_cgroup_dev_ctx: access_type u32@0 (access << 16 | type) · major u32@4 · minor u32@8
    { code: LDX_W, dst: type, src: context, off: 0 },
    { code: MOV_REG, dst: access, src: type },
    { code: ALU32_RSH, dst: access, imm: 16 },
    { code: ALU32_AND, dst: type, imm: 0xffff },
    { code: LDX_W, dst: major, src: context, off: 4 },
    { code: LDX_W, dst: minor, src: context, off: 8 },
    // An access of no kind at all (open with O_ACCMODE 3 on some kernels) is judged as every kind.
    { code: JNE_IMM, dst: access, imm: 0, off: 1 },
    { code: MOV_IMM, dst: access, imm: everyAccess },
    ...[...effective].reverse().flatMap(block),
    ...answer(true),
  ]);
}
