/** Sleeps without giving up the thread: for the moments in which the kernel, or another process, is finishing something. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
