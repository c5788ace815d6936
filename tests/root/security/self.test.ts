import { expect, test } from "vitest";
import { capabilitiesIn } from "../../../src/security/capabilities.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host } = sharedHost();

/** What a process inside can find out about itself, as amicontained does it. */
const look = `cat /proc/self/status; for n in pid mnt net ipc uts cgroup user; do echo "ns $n $(readlink /proc/self/ns/$n)"; done`;

interface Seen {
  readonly field: (name: string) => string;
  readonly namespaces: Readonly<Record<string, string>>;
}

function read(text: string): Seen {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  const namespaces = Object.fromEntries(
    [...text.matchAll(/^ns (\w+) (.*)$/gm)].map(([, kind = "", name = ""]) => [kind, name]),
  );
  return { field, namespaces };
}

/** The names of the OCI document by those of /proc. */
const types: Readonly<Record<string, string>> = {
  ...{ pid: "pid", mnt: "mount", net: "network", ipc: "ipc", uts: "uts", cgroup: "cgroup", user: "user" },
};

test.each<[string, readonly string[]]>([
  ["with all defaults", []],
  [
    "with other capabilities, as a user",
    ["--cap-add", "NET_ADMIN", "--cap-drop", "KILL", "--user", "1000:1000"],
  ],
  ["without a filter, on the host's pids", ["--security-opt", "seccomp=unconfined", "--pid", "host"]],
  ["strict", ["--security-opt", "seccomp=strict", "--uts", "host", "--ipc", "host"]],
  ["--privileged", ["--privileged", "--cgroupns", "host"]],
])("what run and exec see of themselves is what inspect says: %s", async (_name, flags) => {
  const run = await background(host(), "self", `${look}; echo ready; sleep 1000`, flags);
  const executed = await host().mdocker(["exec", "self", "/bin/sh", "-c", look]);
  const outside = read(await host().hostRun(["sh", "-c", look]));
  const { stdout } = await host().mdocker(["inspect", "self"]);
  const [{ spec, seccomp }] = JSON.parse(stdout) as [
    {
      readonly seccomp: string;
      readonly spec: {
        readonly process: {
          readonly capabilities: Record<string, readonly string[]>;
          readonly noNewPrivileges: boolean;
        };
        readonly linux: { readonly namespaces: readonly { readonly type: string }[] };
      };
    },
  ];
  for (const seen of [read(run.output()), read(executed.stdout)]) {
    const sets = {
      bounding: "CapBnd",
      effective: "CapEff",
      permitted: "CapPrm",
      inheritable: "CapInh",
      ambient: "CapAmb",
    };
    for (const [set, field] of Object.entries(sets))
      expect([set, capabilitiesIn(BigInt(`0x${seen.field(field)}`))]).toEqual([
        set,
        spec.process.capabilities[set],
      ]);
    const filters = seccomp === "unconfined" ? 0 : 1;
    expect(seen.field("Seccomp")).toBe(filters === 0 ? "0" : "2");
    expect(seen.field("Seccomp_filters")).toBe(String(filters));
    expect(seen.field("NoNewPrivs")).toBe(spec.process.noNewPrivileges ? "1" : "0");
    for (const [kind, type] of Object.entries(types)) {
      const own = spec.linux.namespaces.some((namespace) => namespace.type === type);
      expect([kind, seen.namespaces[kind] !== outside.namespaces[kind]]).toEqual([kind, own]);
    }
  }
  expect((await host().mdocker(["kill", "self"])).code).toBe(0);
  await run.ended;
});
