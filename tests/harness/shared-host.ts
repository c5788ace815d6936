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
  let made: TestHost | undefined;
  const host = (): TestHost => {
    if (made === undefined) throw new Error("the host is there from beforeAll on");
    return made;
  };
  useHost(
    (one) => {
      made = one;
    },
    async ({ mdocker, fresh }) => {
      const { code, stderr } = await mdocker(["gc", "--networks"]);
      if (code !== 0) throw new Error(`mdocker gc --networks: ${stderr}`);
      await expectNothingLeft(fresh, "gone");
    },
    options,
  );
  afterEach(() => expectNothingLeft(host().fresh));
  return { host, folder: () => mkdtempSync(join(host().place.root, "test-")) };
}

/**
 * Makes a host with the default image before the tests of the calling file and hands it over; after them `atEnd` says
 * what it has to be like: by default as it was made.
 */
export function useHost(
  take: (host: TestHost) => void,
  atEnd: (host: TestHost) => Promise<void> = ({ fresh }) => expectNothingLeft(fresh),
  options: Omit<TestHostOptions, "image"> = {},
): void {
  let made: Awaited<ReturnType<typeof makeTestHost>> | undefined;
  beforeAll(async () => {
    made = await makeTestHost({ ...options, image: await sharedLabImage() });
    take(made.host);
  });
  afterAll(async () => {
    if (made === undefined) return;
    try {
      await atEnd(made.host);
    } finally {
      await made.close();
    }
  });
}
