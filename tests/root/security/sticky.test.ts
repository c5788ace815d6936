// @vm
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";

// With fs.protected_regular, which systemd sets, nobody opens another's file in /tmp with O_CREAT, not even root.
test.each(["file", "directory", "missing"])("a volume over another user's %s in /tmp", async (kind) => {
  const folder = mkdtempSync("/var/tmp/mdocker-sticky-");
  try {
    const image = await sharedLabImage();
    const [layer = ""] = readdirSync(join(image, "layers"));
    const root = join(folder, "root");
    cpSync(join(image, "layers", layer), root, { recursive: true, verbatimSymlinks: true });
    const tmp = join(root, "tmp");
    chmodSync(tmp, 0o1777);
    writeFileSync(join(tmp, "file"), "theirs");
    chownSync(join(tmp, "file"), 1000, 1000);
    writeFileSync(join(folder, "ours"), "ours");
    await withTestHost(async ({ mdocker }) => {
      const source = kind === "directory" ? folder : join(folder, "ours");
      const script = `cat /tmp/${kind}${kind === "directory" ? "/ours" : ""}`;
      const args = ["run", "--net", "none", "--rootfs", root, "-v", `${source}:/tmp/${kind}`];
      expect(await mdocker([...args, "/bin/sh", "-c", script])).toEqual({
        code: 0,
        stdout: "ours",
        stderr: "",
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
