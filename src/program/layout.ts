/**
 * The binary form of a program: the contract with the structures of init/init.c, little-endian.
 *
 * struct program: magic u64@0 · size u64@8 · flags u32@16 · control_fd i32@20 · sync_fd i32@24 · record_fd i32@28 ·
 *   record_name u64@32 · record_temporary u64@40 · watch u64[4]@48 · part {first u32, count u32}[5]@80 · trace_fd i32@120 · steps @128
 * struct step: op u16@0 · part u16@2 · skip u16@4 · from_result u16@6 · number i64@8 · tolerate u16[4]@16 ·
 *   save u64@24 · argument u64[6]@32 · result i64@80 · size 88
 * struct message_bytes: type u32@0 · part u32@4 · step u32@8 · error i32@12 · value i64@16 · size 24
 */
export const layout = {
  magic: 0x315645444f434b44n,
  /** Where init maps the program: pointers in it are absolute. */
  address: 0x20000000,
  headerSize: 128,
  recordName: 32,
  recordTemporary: 40,
  watch: 48,
  watchCount: 4,
  partTable: 80,
  traceFd: 120,
  stepSize: 88,
  stepSave: 24,
  stepArguments: 32,
  messageSize: 24,
  /** The descriptor on which init expects the program. */
  programFd: 3,
} as const;

export const opcode = { syscall: 0, clone: 1, check: 2, checkNot: 3 } as const;
export const flag = { init: 1, hangupKills: 2, lingers: 4 } as const;
export const messageType = { cloned: 1, failed: 2, exited: 3, timed: 4 } as const;
