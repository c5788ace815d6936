/**
 * Numbers under which the launcher inherits what the parent opened for it; 3 is the program, `users` a
 * user namespace that mounts are mapped by. From `hold` on: the FIFOs
 * of a detached container, in the order of src/container/fifos.ts, or what an exec needs, see exec-program.ts.
 */
export const inherited = { control: 4, sync: 5, record: 6, cgroup: 7, trace: 8, users: 9, hold: 10 } as const;
