import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

/** Rows of a table, cells by the column's name. */
function rowsOf(text: string): Record<string, string>[] {
  const [heading = "", ...lines] = text.trimEnd().split("\n");
  const titles = heading.split(/ {2,}/);
  return lines.map((line) =>
    Object.fromEntries(line.split(/ {3,}/).map((cell, i) => [titles[i] ?? "", cell.trim()])),
  );
}

/** All programs but ps, for a PATH without it. */
function withoutPs(): string {
  const directory = join(folder(), "bin");
  mkdirSync(directory);
  for (const from of ["/bin", "/sbin", "/usr/bin", "/usr/sbin"]) {
    for (const name of readdirSync(from)) {
      if (name === "ps") continue;
      try {
        symlinkSync(join(from, name), join(directory, name));
      } catch {
        // In two of them: the first counts.
      }
    }
  }
  return directory;
}

test("the processes of one container, by the host's pids, with and without ps", async () => {
  const start = (name: string) =>
    host().start(["run", "--name", name, "--net", "none", "/bin/sh", "-c", "sleep 1000 & echo ready; wait"]);
  const [one, other] = [start("one"), start("other")];
  await Promise.all([one.says(/ready/), other.says(/ready/)]);

  const { code, stdout } = await host().mdocker(["top", "one"]);
  expect(code).toBe(0);
  const rows = rowsOf(stdout);
  expect(rows.map((row) => row["CMD"])).toEqual([
    "mdocker-init",
    "/bin/sh -c sleep 1000 & echo ready; wait",
    "sleep 1000",
  ]);
  expect(rows[2]?.["PPID"]).toBe(rows[1]?.["PID"]);
  const init = (await host().mdocker(["inspect", "--format", "{{.init.pid}}", "one"])).stdout.trim();
  expect(rows[0]).toMatchObject({ UID: "root", PID: init, TTY: "?" });

  const asked = await host().mdocker(["top", "one", "-o", "pid,comm"]);
  expect(rowsOf(asked.stdout).map((row) => row["COMMAND"])).toEqual(["mdocker-init", "sh", "sleep"]);
  expect(await host().mdocker(["top", "one", "-o", "comm"])).toMatchObject({ code: 1 });

  const PATH = withoutPs();
  const plain = await host().mdocker(["top", "one"], { env: { PATH } });
  const same = (row: Record<string, string>) => ({ ...row, TIME: "", C: "" });
  expect(rowsOf(plain.stdout).map(same)).toEqual(rows.map(same));
  const refused = await host().mdocker(["top", "one", "-o", "pid"], { env: { PATH } });
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/ps\(1\), which is not installed/) as string,
  });

  expect(await host().mdocker(["rm", "-f", "one", "other"])).toMatchObject({ code: 0 });
  await Promise.all([one.ended, other.ended]);
});

test("one that does not run has no processes, and no port is published yet", async () => {
  expect(
    await host().mdocker(["run", "--keep", "--name", "done", "--net", "none", "/bin/true"]),
  ).toMatchObject({ code: 0 });
  expect(await host().mdocker(["top", "done"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "mdocker: container done is not running\n",
  });
  expect(await host().mdocker(["port", "done"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await host().mdocker(["port", "done", "x"])).toMatchObject({ code: 1 });
  expect(await host().mdocker(["rm", "done"])).toMatchObject({ code: 0 });
});
