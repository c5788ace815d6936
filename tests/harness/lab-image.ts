import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { home } from "../../src/core/home.ts";
import { outputOf } from "./command.ts";

/** Names the root whose store holds the default image, for the processes that the test runner starts. */
const variable = "MDOCKER_TEST_IMAGE";

/** Makes the default image in a root of its own; returns that root. `folder` must be on a real filesystem. */
export async function makeLabImage(folder: string): Promise<string> {
  const root = mkdtempSync(join(folder, "mdocker-image-"));
  try {
    await outputOf([join(home, "bin/mdocker"), "image", "create"], {
      env: { PATH: process.env["PATH"], HOME: root, MDOCKER_ROOT: root, MDOCKER_STATE: join(root, "state") },
      deadline: 240_000,
    });
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
  return root;
}

/** The root with the default image that this test run shares. Throws outside of a test run. */
export function sharedLabImage(): string {
  const root = process.env[variable];
  if (root === undefined) throw new Error(`${variable} is not set: vitest's globalSetup sets it`);
  return root;
}

/** Shell lines that show what is stored below `image` below `root` too, as mounts; containers are not shared. */
export function shareScript(image: string, root: string): string {
  return readdirSync(image, { withFileTypes: true })
    .filter(({ name }) => !["containers", "networks", "state"].includes(name))
    .map((entry) => {
      const [from, to] = [join(image, entry.name), join(root, entry.name)];
      return entry.isDirectory() ? `mkdir -p ${to}\nmount --bind ${from} ${to}\n` : `cp -a ${from} ${to}\n`;
    })
    .join("");
}

/** vitest's global set-up of the root tests: makes the image once, and returns what removes it. */
export default async function setup(): Promise<() => void> {
  const root = await makeLabImage("/var/tmp");
  process.env[variable] = root;
  return () => rmSync(root, { recursive: true, force: true });
}
