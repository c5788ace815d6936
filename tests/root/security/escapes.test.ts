import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, startCommand } from "../../harness/command.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

const sh = (flags: readonly string[], script: string) =>
  host().mdocker(["run", "--net", "none", ...flags, "/bin/sh", "-c", script]);

/** The default image as a directory of this test's own: its names may be changed, its files are the image's. */
async function ownRoot(place: string): Promise<string> {
  const image = await sharedLabImage();
  const [layer = ""] = readdirSync(join(image, "layers"));
  await outputOf(["cp", "-al", join(image, "layers", layer), join(place, "root")]);
  return join(place, "root");
}

/** So many starts at once, each of which goes through the names that change places once for each target. */
const atOnce = 6;
const targets = Array.from({ length: 25 }, (_, i) => `s${i}`);
/** In all, of starts that came through: about 40 of them, where a start for each took two minutes. */
const mounts = 1000;

test("1,000 mounts by real starts, below a directory and a link that are swapped, lead none out (CVE-2021-30465)", async () => {
  const place = folder();
  const [volume, payload, canary] = ["volume", "payload", "canary"].map((name) => {
    mkdirSync(join(place, name));
    return join(place, name);
  }) as [string, string, string];
  mkdirSync(join(volume, "t"));
  for (const name of targets) mkdirSync(join(volume, "t", name));
  symlinkSync(canary, join(volume, "l"));
  await outputOf(["cc", "-Wall", "-Werror", "-o", join(place, "swap"), join(import.meta.dirname, "swap.c")]);
  const swapper = startCommand([join(place, "swap"), join(volume, "t"), join(volume, "l")], {
    deadline: 300_000,
  });
  // Inside, too, the link leads somewhere: both ways are open, and what takes either must stay inside.
  const flags = ["--tmpfs", canary, "-v", `${volume}:/v`];
  const below = targets.flatMap((name) => ["-v", `${payload}:/v/t/${name}`]);
  try {
    await swapper.says(/swapping/);
    for (let [begun, mounted] = [0, 0]; mounted < mounts; begun += atOnce) {
      // Were none to come through, there would be no end.
      expect(begun).toBeLessThan(mounts);
      const results = await Promise.all(
        Array.from({ length: atOnce }, () =>
          sh([...flags, ...below], "grep -c /payload /proc/self/mountinfo"),
        ),
      );
      for (const { code, stdout, stderr } of results) {
        // What was swapped between two of its steps is an error of one line.
        if (code !== 0)
          expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^.+\n$/) });
        else expect({ stdout, stderr }).toEqual({ stdout: `${targets.length}\n`, stderr: "" });
        if (code === 0) mounted += targets.length;
      }
    }
    expect(readdirSync(canary)).toEqual([]);
    // The same race is lost at once by who follows the path on the host, as an unprotected runtime does.
    const follow = `i=0; while [ $i -lt 2000 ] && ! grep -q ' ${canary}/' /proc/self/mountinfo; do
      i=$((i + 1)); mkdir -p ${volume}/t/s0; mount -n --bind ${payload} ${volume}/t/s0; done 2>/dev/null
      grep -c ' ${canary}/' /proc/self/mountinfo`;
    expect(await host().hostRun(["unshare", "-m", "sh", "-c", follow])).toBe("1\n");
    expect(readdirSync(canary)).toEqual(["s0"]);
  } finally {
    swapper.child.stdin.end();
    expect((await swapper.ended).code).toBe(0);
  }
  expect(readdirSync(payload)).toEqual([]);
  expect(await host().hostRun(["sh", "-c", "grep -c payload /proc/self/mountinfo || true"])).toBe("0\n");
  rmSync(place, { recursive: true });
}, 300_000);

test("targets with links and .. stay inside; a source that is a link is what it leads to on the host", async () => {
  const place = folder();
  mkdirSync(join(place, "real"));
  writeFileSync(join(place, "real/note"), "real\n");
  symlinkSync("real", join(place, "link"));
  const root = await ownRoot(place);
  // Of the image: to be followed inside of it, whatever it says.
  symlinkSync(`../../../../../../..${place}/outside`, join(root, "out"));
  mkdirSync(join(place, "outside"));
  mkdirSync(join(root, place, "outside"), { recursive: true });
  const volumes = [
    ...[
      "-v",
      `${place}/link:/a/../../../b`,
      "-v",
      `${place}/link:/out/sub`,
      "-v",
      `${place}/link/../link:/c`,
    ],
  ];
  const script = `cat /b/note /out/sub/note /c/note ${place}/outside/sub/note`;
  const { stdout, stderr, code } = await sh(["--rootfs", root, ...volumes], script);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "real\n".repeat(4), stderr: "" });
  expect(readdirSync(join(place, "outside"))).toEqual([]);
  rmSync(place, { recursive: true });
});

test.each(["proc", "sys", "dev"])(
  "an image whose /%s is a link outwards is refused, and nothing is done to what it leads to",
  async (name) => {
    const place = folder();
    const root = await ownRoot(place);
    rmSync(join(root, name), { recursive: true, force: true });
    mkdirSync(join(place, "outside"));
    symlinkSync(join(place, "outside"), join(root, name));
    const { code, stderr } = await sh(["--rootfs", root], "true");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`/${name} of the image must be a directory`),
    });
    expect(readdirSync(join(place, "outside"))).toEqual([]);
    rmSync(place, { recursive: true });
  },
);

test("an image whose /etc is a link outwards gets its files inside", async () => {
  const place = folder();
  const root = await ownRoot(place);
  rmSync(join(root, "etc"), { recursive: true, force: true });
  mkdirSync(join(place, "outside"));
  symlinkSync(join(place, "outside"), join(root, "etc"));
  const { code, stdout } = await sh(["--rootfs", root, "--hostname", "box"], "cat /etc/hostname");
  expect([0, 2]).toContain(code);
  if (code === 0) expect(stdout).toBe("box\n");
  expect(readdirSync(join(place, "outside"))).toEqual([]);
  expect(lstatSync(join(root, "etc")).isSymbolicLink()).toBe(true);
  expect(existsSync(join(place, "outside/hostname"))).toBe(false);
  rmSync(place, { recursive: true });
});
