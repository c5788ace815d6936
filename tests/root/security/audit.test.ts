import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Audit } from "../../../src/container/audit/audit.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host, folder } = sharedHost();

test("audit of a container and of its document say the same, and the exit code follows the score", async () => {
  const flags = ["--cap-add", "SYS_ADMIN", "-v", "/etc:/host-etc:ro", "--read-only"];
  const run = await background(host(), "audited", "echo ready; sleep 1000", flags);
  const { stdout, code, stderr } = await host().mdocker(["audit", "--json", "audited"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const found = JSON.parse(stdout) as Audit;
  expect(found.findings.slice(0, 2).map(({ subject }) => subject)).toEqual([
    "CAP_SYS_ADMIN",
    "/etc on /host-etc (ro)",
  ]);
  const spec = (await host().mdocker(["inspect", "--format", "{{json .spec}}", "audited"])).stdout;
  const file = join(folder(), "config.json");
  writeFileSync(file, spec);
  const fromFile = await host().mdocker([
    "audit",
    "--spec",
    file,
    "--json",
    "--fail-below",
    String(found.score),
  ]);
  expect(fromFile).toEqual({ code: 0, stderr: "", stdout });
  const stdin = await host().mdocker(["audit", "--spec", "-", "--fail-below", String(found.score + 1)], {
    input: spec,
  });
  expect(stdin).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`score ${found.score} of 100`),
    stderr: `mdocker: the score of ${found.score} is below ${found.score + 1} (--fail-below)\n`,
  });
  expect(await host().mdocker(["audit"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("expected one of"),
  });
  expect(await host().mdocker(["audit", "--spec", "/nope"])).toMatchObject({ code: 1 });
  expect((await host().mdocker(["kill", "audited"])).code).toBe(0);
  await run.ended;
});
