import { closeSync } from "node:fs";
import { call } from "./call.ts";
import { koffi } from "./native.ts";

/** Numbers of bpf(2), which the C library does not wrap. */
const SYS_bpf = process.arch === "arm64" ? 280 : 321;
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_QUERY = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** Programs of the cgroups above stay in force too: each must allow. */
const BPF_F_ALLOW_MULTI = 2;
const INSTRUCTION_SIZE = 8;
const ATTRIBUTES_SIZE = 72;

function bpf(command: number, attributes: Buffer, name: string): number {
  const prototype = "long syscall(long number, int cmd, void *attr, unsigned int size)";
  return call(prototype, [SYS_bpf, command, attributes, ATTRIBUTES_SIZE], {
    call: `bpf ${name}`,
    hint: "needs CAP_SYS_ADMIN, or CAP_BPF and CAP_NET_ADMIN, and a kernel with CONFIG_CGROUP_BPF",
  });
}

/** Loads a device program; returns its descriptor, close-on-exec. */
export function loadDeviceProgram(instructions: Uint8Array): number {
  // union bpf_attr: prog_type u32@0 · insn_cnt u32@4 · insns ptr@8 · license ptr@16 · ... · expected_attach_type u32@68
  // What it points to follows it in the same buffer, which the call keeps alive.
  const license = Buffer.from("GPL\0");
  const attributes = Buffer.concat([Buffer.alloc(ATTRIBUTES_SIZE), instructions, license]);
  const address = BigInt(koffi().address(attributes)) + BigInt(ATTRIBUTES_SIZE);
  attributes.writeUInt32LE(BPF_PROG_TYPE_CGROUP_DEVICE, 0);
  attributes.writeUInt32LE(instructions.length / INSTRUCTION_SIZE, 4);
  attributes.writeBigUInt64LE(address, 8);
  attributes.writeBigUInt64LE(address + BigInt(instructions.length), 16);
  attributes.writeUInt32LE(BPF_CGROUP_DEVICE, 68);
  return bpf(BPF_PROG_LOAD, attributes, "BPF_PROG_LOAD");
}

/** Attaches a loaded device program to the cgroup whose directory is open as `cgroup`. It lives as long as the cgroup. */
export function attachDeviceProgram(cgroup: number, instructions: Uint8Array): void {
  const program = loadDeviceProgram(instructions);
  try {
    // target_fd u32@0 · attach_bpf_fd u32@4 · attach_type u32@8 · attach_flags u32@12
    const attributes = Buffer.alloc(ATTRIBUTES_SIZE);
    attributes.writeUInt32LE(cgroup, 0);
    attributes.writeUInt32LE(program, 4);
    attributes.writeUInt32LE(BPF_CGROUP_DEVICE, 8);
    attributes.writeUInt32LE(BPF_F_ALLOW_MULTI, 12);
    bpf(BPF_PROG_ATTACH, attributes, "BPF_PROG_ATTACH");
  } finally {
    closeSync(program);
  }
}

/** How many device programs are attached to the cgroup whose directory is open as `cgroup`. */
export function countDevicePrograms(cgroup: number): number {
  // BPF_PROG_QUERY: target_fd u32@0 · attach_type u32@4 · query_flags u32@8 · attach_flags u32@12 · prog_ids ptr@16 · prog_cnt u32@24
  const attributes = Buffer.alloc(ATTRIBUTES_SIZE);
  attributes.writeUInt32LE(cgroup, 0);
  attributes.writeUInt32LE(BPF_CGROUP_DEVICE, 4);
  bpf(BPF_PROG_QUERY, attributes, "BPF_PROG_QUERY");
  return attributes.readUInt32LE(24);
}
