import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { home } from "../../src/core/home.ts";
import { outputOf } from "./command.ts";

/** Names the root whose store holds the default image, for the processes that the test runner starts. */
const variable = "MDOCKER_TEST_IMAGE";

/** Makes the default image in `root`, a folder on a real filesystem. */
export async function makeLabImage(root: string): Promise<void> {
  await outputOf([join(home, "bin/mdocker"), "image", "create"], {
    env: { PATH: process.env["PATH"], HOME: root, MDOCKER_ROOT: root, MDOCKER_STATE: join(root, "state") },
    deadline: 240_000,
  });
}

/** The root with the default image that this test run shares, made by the first test that asks for it. */
export async function sharedLabImage(): Promise<string> {
  const root = process.env[variable];
  if (root === undefined) throw new Error(`${variable} is not set: vitest's globalSetup sets it`);
  // The index is written last.
  if (!existsSync(join(root, "images/index.json"))) await makeLabImage(root);
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

/** vitest's global set-up of the root tests: a place for the image, and what removes it. */
export default function setup(): () => void {
  const root = mkdtempSync("/var/tmp/mdocker-image-");
  process.env[variable] = root;
  return () => rmSync(root, { recursive: true, force: true });
}
