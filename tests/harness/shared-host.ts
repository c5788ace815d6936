import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { makeTestHost, type TestHost, type TestHostOptions } from "./host.ts";
import { sharedLabImage } from "./lab-image.ts";
import { expectNothingLeft } from "./snapshot.ts";

/** One host for all tests of a file, with the default image, and a folder on it that goes when the host does. */
export interface SharedHost {
  readonly host: () => TestHost;
  /** A new, empty folder of this test's own; the host sees it under the same path. */
  readonly folder: () => string;
}

/**
 * Makes a host before the tests of the calling file; after each of them no container may have left anything, and at the
 * end, networks removed, the host must be as it was made.
 */
export function sharedHost(options: Omit<TestHostOptions, "image"> = {}): SharedHost {
  let made: { host: TestHost; close: () => Promise<void> } | undefined;
  const host = (): TestHost => {
    if (made === undefined) throw new Error("the host is there from beforeAll on");
    return made.host;
  };
  beforeAll(async () => {
    made = await makeTestHost({ ...options, image: await sharedLabImage() });
  });
  afterEach(() => expectNothingLeft(host().fresh));
  afterAll(async () => {
    if (made === undefined) return;
    try {
      const { code, stderr } = await made.host.mdocker(["gc", "--networks"]);
      if (code !== 0) throw new Error(`mdocker gc --networks: ${stderr}`);
      await expectNothingLeft(made.host.fresh, "gone");
    } finally {
      await made.close();
    }
  });
  return { host, folder: () => mkdtempSync(join(host().place.root, "test-")) };
}
