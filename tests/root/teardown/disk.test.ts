import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

let host: TestHost;
let close: () => Promise<void>;
let rootfs: string;
beforeAll(async () => {
  const image = await sharedLabImage();
  rootfs = join(image, "layers", readdirSync(join(image, "layers"))[0] ?? "");
  ({ host, close } = await makeTestHost());
  // The network is there already: the files below are those of containers.
  expect((await host.mdocker(["run", "--rootfs", rootfs, "/bin/true"])).code).toBe(0);
});
afterAll(async () => {
  try {
    expect((await host.mdocker(["gc", "--networks"])).code).toBe(0);
    await expectNothingLeft(host.fresh, "gone");
  } finally {
    await close();
  }
});

/** Runs `act` with a tmpfs of these options at a place of its own on the host. */
async function withTmpfs<T>(options: string, act: (at: string) => Promise<T>): Promise<T> {
  const at = join(host.place.root, "small");
  await host.hostRun(["sh", "-c", `mkdir -p ${at} && mount -t tmpfs -o ${options} small ${at}`]);
  try {
    return await act(at);
  } finally {
    await host.hostRun(["sh", "-c", `umount ${at} && rmdir ${at}`]);
  }
}

/** What of containers is below `at`: everything but the folders they are in, and what belongs to networks. */
async function remains(at: string): Promise<string[]> {
  const found = await host.hostRun(["find", at, "-mindepth", "1", "-printf", "%P\n"]);
  const shared =
    /^(filler|cache(\/seccomp(\/[^/]+\.bpf)?)?|containers|names|orphans|resolver\.lock|networks(\/[^/]+)?|networks\/bridge\/(network\.json|leases\.(json|lock)))$/;
  return found.split("\n").filter((path) => path !== "" && !shared.test(path));
}

interface Space {
  readonly flag: "--root" | "--state";
  readonly what: "size" | "nr_inodes";
  readonly net: "none" | "bridge";
  /** Pages, or inodes, that are more than enough. */
  readonly most: number;
}

const spaces: readonly Space[] = (["none", "bridge"] as const).flatMap((net) => [
  { flag: "--root", what: "size", net, most: 16 },
  { flag: "--root", what: "nr_inodes", net, most: 24 },
  { flag: "--state", what: "size", net, most: 12 },
  { flag: "--state", what: "nr_inodes", net, most: 16 },
]);

describe("a full disk", () => {
  test.each(spaces)("$flag with little $what, network $net", async ({ flag, what, net, most }) => {
    const codes = new Set<number>();
    for (let amount = 1; amount <= most; amount++) {
      const options = what === "size" ? `size=${amount * 4}k` : `nr_inodes=${amount + 1}`;
      await withTmpfs(options, async (at) => {
        if (what === "size")
          await host.hostRun(["dd", "if=/dev/zero", `of=${at}/filler`, "bs=4k", "count=1"]);
        const { code, stdout, stderr } = await host.mdocker([
          ...[flag, at, "run", "--net", net, "--rootfs", rootfs, "/bin/echo", "ran"],
        ]);
        codes.add(code);
        const seen = { amount, code, stdout, stderr, left: await remains(at) };
        if (code === 0) expect(seen).toEqual({ ...seen, stdout: "ran\n", stderr: "", left: [] });
        else {
          const line = expect.stringMatching(/^mdocker: [^\n]*ENOSPC[^\n]*\n$/);
          expect(seen).toEqual({ ...seen, code: 2, stdout: "", stderr: line, left: [] });
          // It says where there is no space.
          expect(stderr).toContain(host.place.root);
        }
      });
      await expectNothingLeft(host.fresh);
    }
    // There were too small ones and one that was large enough.
    expect([...codes].sort()).toEqual([0, 2]);
  });
});

test.each(["--root", "--state"])("%s on a read-only filesystem", async (flag) => {
  await withTmpfs("size=64k", async (at) => {
    await host.hostRun(["mount", "-o", "remount,ro", at]);
    const { code, stdout, stderr } = await host.mdocker([flag, at, "run", "--rootfs", rootfs, "/bin/true"]);
    expect(stderr).toMatch(/^mdocker: [^\n]*EROFS[^\n]*\n$/);
    expect(stderr).toContain(at);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await remains(at)).toEqual([]);
  });
  await expectNothingLeft(host.fresh);
});
