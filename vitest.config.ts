import { configDefaults, defineConfig, type ViteUserConfig } from "vitest/config";

const inMachine = process.env["VMRUN"] !== undefined;

/** What hangs is found by its limit; in the virtual machine, where each process takes 10 ms to start, later. */
const slowness = inMachine ? 4 : 1;

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          environment: "node",
          // Five seconds, the default, are too few for a thousand examples on a busy machine.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "root",
          include: ["tests/root/**/*.test.ts"],
          // `X.vm.test.ts` needs what only the virtual machine's kernel is sure to have.
          exclude: [...configDefaults.exclude, ...(inMachine ? [] : ["tests/root/**/*.vm.test.ts"])],
          globalSetup: ["tests/harness/lab-image.ts"],
          // Namespaces belong to the thread that entered them: forks, and one file at a time where the kernel is shared.
          pool: "forks",
          fileParallelism: false,
          testTimeout: 60_000 * slowness,
          hookTimeout: 120_000 * slowness,
          // One second, the default, is soon over where two processors have much to do.
          expect: { poll: { timeout: 30_000 * slowness, interval: 20 } },
        },
      },
      {
        test: {
          name: "vm",
          include: ["tests/vm/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});

export default config;
