import { expect, test } from "vitest";
import { startCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { endAll, intrude, startReady } from "./container.ts";

const { host, folder } = sharedHost();

interface Row {
  readonly Command: string;
  readonly InnerPID: string;
  readonly FD: string;
  readonly Type: string;
  readonly Name: string;
  readonly LeadsOut: string;
}

async function rowsOf(name: string): Promise<Row[]> {
  const { code, stdout, stderr } = await host().mdocker(["lsof", "--format", "json", name]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

test("its own files, pipes, sockets and mounts do not lead out; standard streams do, and are called so", async () => {
  const shared = folder();
  const script = `exec 3>/shared/file 4</dev/null 5</proc/self/ns/net 6<.
    exec 7< <(exec sleep 1000); nc -l 1234 & nc -lU /tmp/s & sleep 1000 | cat & wait`;
  const run = await startReady(host(), "own", ["-v", `${shared}:/shared`], script);
  const rows = await rowsOf("own");
  const shell = rows.filter(({ Command, InnerPID }) => Command === "bash" && InnerPID === "2");
  const row = (fd: string) => shell.find(({ FD }) => FD === fd);
  expect(row("3w")).toMatchObject({ Type: "REG", Name: "/shared/file", LeadsOut: "" });
  expect(row("4r")).toMatchObject({ Type: "CHR", Name: "/dev/null", LeadsOut: "" });
  expect(row("5r")).toMatchObject({ Type: "NS", LeadsOut: "" });
  expect(row("6r")).toMatchObject({ Type: "DIR", Name: "/", LeadsOut: "" });
  expect(row("7r")).toMatchObject({ Type: "FIFO", LeadsOut: "" });
  expect(row("cwd")).toMatchObject({ Type: "DIR", Name: "/", LeadsOut: "" });
  expect(rows.filter(({ Type }) => Type === "SOCK").length).toBeGreaterThanOrEqual(2);
  const out = rows.filter(({ LeadsOut }) => LeadsOut !== "");
  expect(out.every(({ LeadsOut }) => / \(standard stream\)$/.test(LeadsOut))).toBe(true);
  // stdout and stderr of this shell are what this test reads.
  expect(out.filter((one) => shell.includes(one)).map(({ FD }) => FD[0])).toEqual(["1", "2"]);

  const { stdout } = await host().mdocker(["lsof", "own"]);
  expect(stdout).toMatch(/^COMMAND +PID +INSIDE +USER +FD +TYPE +NAME +LEADS OUT\n/);
  expect(stdout).toMatch(
    /\n\d+ open files of \d+ processes, (\d+) lead out of the container: \1 as standard streams\n$/,
  );
  await endAll(host(), { own: run });
});

test("what a process brought in from the host, and a socket whose other end is there, are marked", async () => {
  const shared = folder();
  const listener = startCommand([...host().place.enter, "nc", "-vlU", `${shared}/s`]);
  await listener.says(/[Ll]istening|Bound/);
  const run = await startReady(
    host(),
    "leaky",
    ["--net", "none", "-v", `${shared}:/shared`],
    "nc -U /shared/s & wait",
  );
  await listener.says(/[Cc]onnection/);
  const brought =
    "exec 9</etc 8</proc/self/ns/net 7< <(echo holder $BASHPID >&2; exec sleep 1000 2>&-) 6</proc/self/ns/mnt";
  const intruder = await intrude(host(), "leaky", brought);

  const [, holder] = await intruder.says(/holder (\d+)/);

  const rows = await rowsOf("leaky");
  // nsenter itself waits outside of the pid namespace, and in the container's cgroup.
  const inside = rows.filter(({ Command, InnerPID }) => Command === "sleep" && Number(InnerPID) < 1000);
  const reasons = Object.fromEntries(inside.map(({ FD, LeadsOut }) => [FD, LeadsOut]));
  expect(reasons).toMatchObject({
    "9r": "on a mount that is not the container's",
    "8r": "a namespace that is not the container's",
    "7r": expect.stringMatching(`^also held by sleep \\(${holder}\\)$`) as string,
    "6r": "a namespace that is not the container's",
    cwd: "",
    rtd: "",
  });
  const socket = rows.find(
    ({ Command, FD, Type }) => Command === "nc" && Type === "SOCK" && /^[3-9]/.test(FD),
  );
  expect(socket?.LeadsOut).toMatch(/^other end held by nc \(\d+\)$/);
  const { stdout } = await host().mdocker(["lsof", "leaky"]);
  expect(stdout).toMatch(/ otherwise\n$/);

  await endAll(host(), { leaky: run });
  process.kill(Number(holder), "SIGKILL");
  listener.child.kill("SIGKILL");
  await Promise.all([listener.ended, intruder.ended]);
});

test("one that does not run has none", async () => {
  const run = await startReady(host(), "brief", ["--net", "none", "--keep"], "true");
  await run.ended;
  expect(await host().mdocker(["lsof", "brief"])).toMatchObject({
    code: 1,
    stderr: "mdocker: container brief is not running\n",
  });
  await endAll(host(), { brief: run });
});
