// @vm
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import type { IdLease } from "../../../src/container/users/range.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";
import { background, recordOf } from "../life/background.ts";

let host: TestHost;
useHost((made) => {
  host = made;
});

const ids = "300000:400000:65536";
const sh = (
  flags: readonly string[],
  script: string,
): Promise<{ code: number; stdout: string; stderr: string }> =>
  host.mdocker(["run", ...flags, "/bin/sh", "-c", script]);
const place = (name: string): string => {
  const path = `${dirname(host.env["MDOCKER_ROOT"] ?? "")}/${name}`;
  mkdirSync(path, { recursive: true });
  return path;
};
const leases = (): readonly IdLease[] =>
  JSON.parse(readFileSync(`${host.env["MDOCKER_STATE"]}/users.json`, "utf8"));
const statusOf = (pid: number, field: string): string =>
  new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";

describe("supervisor --userns-remap", () => {
  test("refuses what is no range, and gives what the API makes users of its own, unless it asks for the host's", async () => {
    const refused = await host.mdocker(["supervisor", "--userns-remap", "0:0:65536"]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^mdocker: --userns-remap[^\n]*\n$/),
    });
    const socket = `${host.env["MDOCKER_STATE"]}/mdocker.sock`;
    const supervisor = host.start(["supervisor", "--userns-remap", ids]);
    await host.hostRun(["sh", "-c", `until [ -S ${socket} ]; do sleep .01; done`]);
    try {
      const api = async (method: string, path: string, body: object = {}): Promise<string> =>
        host.hostRun([
          ...["curl", "-sS", "--unix-socket", socket, "-X", method, "-H", "Content-Type: application/json"],
          ...["-d", JSON.stringify(body), `http://localhost${path}`],
        ]);
      expect(
        JSON.parse(await host.hostRun(["curl", "-sS", "--unix-socket", socket, "http://localhost/info"])),
      ).toMatchObject({
        SecurityOptions: expect.arrayContaining(["name=userns"]),
      });
      const mapOf = async (name: string, HostConfig: object): Promise<string> => {
        const body = { Image: "lab", Cmd: ["/bin/sleep", "1000"], HostConfig };
        await api("POST", `/containers/create?name=${name}`, body);
        expect(await api("POST", `/containers/${name}/start`)).toBe("");
        const { State } = JSON.parse(
          await host.hostRun([
            "curl",
            "-sS",
            "--unix-socket",
            socket,
            `http://localhost/containers/${name}/json`,
          ]),
        );
        return readFileSync(`/proc/${State.Pid}/uid_map`, "utf8").trim().replace(/ +/g, " ");
      };
      expect(await mapOf("remapped", {})).toBe("0 300000 65536");
      expect(await mapOf("of-host", { UsernsMode: "host" })).toBe("0 0 4294967295");
      await host.mdocker(["rm", "-f", "remapped", "of-host"]);
    } finally {
      await endSupervisor({ state: host.env["MDOCKER_STATE"] ?? "" });
    }
    expect((await supervisor.ended).code).toBe(0);
  });
});

describe("a container with users of its own", () => {
  test("is root inside, with the image's files, and has what a container has", async () => {
    const script = [
      "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map",
      "stat -c '%n %u:%g' / /etc/hosts /etc/passwd /proc/self/status",
      "echo x > /etc/passwd && stat -c %u:%g /etc/passwd",
      "echo y > /dev/null && ls /sys/class/net | grep -E '^(eth|lo|mdv|veth)' && ping -c 1 -W 5 127.0.0.1 >/dev/null && echo pings",
    ].join("; ");
    const { code, stdout, stderr } = await sh(["--userns", ids], script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const words = stdout
      .replace(/[ \t]+/g, " ")
      .split("\n")
      .map((line) => line.trim());
    expect(words).toEqual([
      ...["0", "0", "0 300000 65536", "0 400000 65536"],
      ...["/ 0:0", "/etc/hosts 0:0", "/etc/passwd 0:0", "/proc/self/status 0:0", "0:0"],
      ...["eth0", "lo", "pings", ""],
    ]);
  });

  test("runs as nobody of the host; another user of it, and exec, too", async () => {
    const run = await background(host, "mapped", "echo ready; sleep 1000 & wait", [
      "--userns",
      ids,
      "--user",
      "7:8",
    ]);
    const { init } = await recordOf(host, "mapped");
    expect(statusOf(init?.pid ?? 0, "Uid")).toBe("300000\t300000\t300000\t300000");
    const inner = await host.mdocker([
      "exec",
      "mapped",
      "/bin/sh",
      "-c",
      "id -u; id -g; cat /proc/self/uid_map",
    ]);
    expect([inner.stderr, ...inner.stdout.trim().split(/\s+/)]).toEqual([
      "",
      "7",
      "8",
      "0",
      "300000",
      "65536",
    ]);
    const root = await host.mdocker([
      "exec",
      "--user",
      "0",
      "mapped",
      "/bin/sh",
      "-c",
      "id -u; touch /root/made",
    ]);
    expect(root).toMatchObject({ code: 0, stdout: "0\n" });
    expect((await host.mdocker(["verify", "mapped"])).code).toBe(0);
    expect((await host.mdocker(["kill", "mapped"])).code).toBe(0);
    await run.ended;
    await expectNothingLeft(host.fresh);
  });

  test("keeps its files by the ids that they have in the container", async () => {
    const made = await host.mdocker([
      "create",
      "--name",
      "kept",
      "--net",
      "none",
      "--userns",
      "auto",
      "/bin/sh",
      "-c",
      "echo hi > /root/made; chown 5:6 /root/made",
    ]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(await host.mdocker(["start", "--attach", "kept"])).toMatchObject({ code: 0, stderr: "" });
    const { id } = await recordOf(host, "kept");
    const { uid, gid } = statSync(`${host.env["MDOCKER_ROOT"]}/containers/${id}/upper/root/made`);
    expect([uid, gid]).toEqual([5, 6]);
    expect((await host.mdocker(["rm", "kept"])).code).toBe(0);
    await endSupervisor({ state: host.env["MDOCKER_STATE"] ?? "" });
  });

  test("a volume's files are its own on both sides; the host's are not, unless they are given to it", async () => {
    const data = place("data");
    writeFileSync(`${data}/roots`, "the host's", { mode: 0o644 });
    const volume = ["--net", "none", "--userns", ids];
    const write = "echo changed > /data/roots || echo refused; touch /data/new || echo none";
    const attack = await sh([...volume, "-v", `${data}:/data`], `stat -c %u /data/roots; ${write}`);
    expect(attack.stdout).toBe("65534\nrefused\nnone\n");
    expect(readFileSync(`${data}/roots`, "utf8")).toBe("the host's");
    const given = await sh(
      [...volume, "-v", `${data}:/data:idmap`],
      `stat -c %u /data/roots; ${write}; chown 9:9 /data/new`,
    );
    expect(given).toMatchObject({ code: 0, stdout: "0\n" });
    expect(readFileSync(`${data}/roots`, "utf8")).toBe("changed\n");
    expect(statSync(`${data}/new`).uid).toBe(9);
    const named = await sh(
      [...volume, "-v", "vol:/data"],
      "touch /data/new; chown 4:4 /data/new; stat -c %u /data/new",
    );
    expect(named.stdout).toBe("4\n");
    const plain = await sh(["--net", "none", "-v", "vol:/data"], "stat -c %u /data/new");
    expect(plain.stdout).toBe("4\n");
    expect((await host.mdocker(["volume", "rm", "vol"])).code).toBe(0);
  });

  test("of two with auto the ids do not overlap, and both are free at the end", async () => {
    const flags = ["--userns", "auto"];
    const runs = await Promise.all(
      ["one", "two"].map((name) => background(host, name, "echo ready; sleep 1000 & wait", flags)),
    );
    const [first = 0, second = 0] = leases().map(({ uid }) => uid);
    expect(Math.abs(first - second)).toBeGreaterThanOrEqual(65_536);
    await host.mdocker(["kill", "one", "two"]);
    for (const run of runs) await run.ended;
    const file = `${host.env["MDOCKER_STATE"]}/users.json`;
    expect(existsSync(file) ? leases() : []).toEqual([]);
  });

  test.each([
    ["root", "--userns=0:0:65536", 1],
    ["docker's other word", "--userns=keep-id", 1],
    ["--privileged", "--privileged", 1],
    ["the host's network", "--net=host", 1],
    ["the host's processes", "--pid=host", 1],
  ])("is refused in one line: %s", async (_, flag, code) => {
    const flags = flag.startsWith("--userns") ? [flag] : ["--userns=auto", flag];
    const result = await sh(flags, "true");
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(/^mdocker: --userns[^\n]*\n$/);
  });
});
