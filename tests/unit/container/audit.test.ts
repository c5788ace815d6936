import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Audit, audit } from "../../../src/container/audit/audit.ts";
import { readAuditSpec } from "../../../src/container/audit/read-spec.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { buildSpec } from "../../../src/container/spec.ts";
import { UsageError } from "../../../src/core/errors.ts";
import { planSecurity } from "../../../src/security/plan.ts";
import { facts, request } from "./samples.ts";
import "../seed.ts";

/** A host that can give everything. */
const everything = { held: (1n << 41n) - 1n, lastCap: 40 };

function auditOf(changes: Partial<RunRequest>, uid = 0): Audit {
  const asked = request(changes);
  const security = planSecurity({ root: "/nowhere" }, { ...asked, uid }, everything);
  const user = { ...facts().user, uid };
  return audit(buildSpec(asked, facts({ security, user })), { ports: [], directory: "/etc-files" });
}

const subjects = (result: Audit, severity: string): string[] =>
  result.findings.filter((finding) => finding.severity === severity).map(({ subject }) => subject);

describe("an audit", () => {
  test("of the defaults finds only what could be tighter", () => {
    const result = auditOf({});
    expect(result.score).toBeGreaterThan(75);
    expect(["critical", "high", "medium"].flatMap((severity) => subjects(result, severity))).toEqual([]);
    for (const { tighten } of result.findings) expect(tighten).toMatch(/--/);
  });

  test("of all that tightens finds nothing", () => {
    const tight = { capDrop: ["ALL"], readOnlyRoot: true, resources: { memory: { limit: 1 << 26 } } };
    const { findings, score } = auditOf(tight, 1000);
    // The files of /etc lie elsewhere in this sample.
    expect(findings.filter(({ subject }) => !subject.includes("/etc-files/"))).toEqual([]);
    expect(score).toBeGreaterThan(90);
  });

  test("of users of its own weighs what root and capabilities may less", () => {
    const ids = { uid: 300_000, gid: 300_000, size: 65_536 };
    const changes = { capAdd: ["SYS_ADMIN", "SYS_MODULE"] };
    const asked = request({ ...changes, namespaces: { user: ids } });
    const security = planSecurity({ root: "/nowhere" }, { ...asked, uid: 0 }, everything);
    const spec = buildSpec(asked, facts({ security }));
    const own = audit(
      {
        ...spec,
        linux: {
          ...spec.linux,
          namespaces: [...spec.linux.namespaces.filter(({ type }) => type !== "user"), { type: "user" }],
          uidMappings: [{ containerID: 0, hostID: ids.uid, size: ids.size }],
        },
      },
      { ports: [] },
    );
    expect(subjects(own, "critical")).toEqual([]);
    expect(subjects(own, "high")).toEqual(["CAP_SYS_ADMIN"]);
    expect(own.findings.map(({ subject }) => subject)).not.toContain("user root");
    expect(subjects(auditOf(changes), "critical")).toEqual(["CAP_SYS_MODULE", "CAP_SYS_ADMIN"]);
    expect(subjects(auditOf(changes), "low")).toContain("user root");
  });

  test("knows of a wall that the host has and the container has not", () => {
    const bare = buildSpec(
      request({}),
      facts({ security: planSecurity({ root: "/nowhere" }, { ...request({}), uid: 0 }, everything) }),
    );
    for (const module of ["AppArmor", "SELinux"] as const) {
      const { findings, score } = audit(bare, { ports: [], module });
      const [finding] = findings.filter(({ subject }) => subject.includes(module));
      expect(finding).toMatchObject({ severity: "medium", subject: expect.stringMatching(/^no /) });
      expect(score).toBe(audit(bare, { ports: [] }).score - 10);
      for (const labels of [{ apparmorProfile: "one" }, { selinuxLabel: "a:b:c" }])
        expect(
          audit({ ...bare, process: { ...bare.process, ...labels } }, { ports: [], module }).findings,
        ).not.toContainEqual(finding);
    }
  });

  test("of --privileged is at the end", () => {
    const result = auditOf({ privileged: true });
    expect(result.score).toBe(0);
    expect(subjects(result, "critical")).toEqual([
      ...["CAP_DAC_READ_SEARCH", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_ADMIN", "all devices"],
    ]);
  });

  test.each<[string, Partial<RunRequest>, string, string]>([
    ["a capability", { capAdd: ["SYS_ADMIN"] }, "critical", "CAP_SYS_ADMIN"],
    [
      "one that acts on the host",
      { capAdd: ["NET_ADMIN"], network: { kind: "host" } },
      "high",
      "CAP_NET_ADMIN",
    ],
    ["the host's network", { network: { kind: "host" } }, "high", "the host's network namespace"],
    ["seccomp", { securityOptions: ["seccomp=unconfined"] }, "high", "no seccomp filter"],
    ["its paths", { securityOptions: ["systempaths=unconfined"] }, "high", "/proc/sys is writable"],
    ["privileges", { securityOptions: ["no-new-privileges=false"] }, "medium", "no_new_privs is off"],
    [
      "devices",
      { deviceRules: [{ allow: true, type: "b", access: "rwm" }] },
      "critical",
      "devices (b *:*, rwm)",
    ],
    ["processes", { resources: { pids: { limit: -1 } } }, "medium", "no limit of processes"],
  ])("names what comes with %s", (_name, changes, severity, subject) => {
    const usual = auditOf({});
    const result = auditOf(changes);
    expect(subjects(usual, severity)).not.toContain(subject);
    expect(subjects(result, severity)).toContain(subject);
    expect(result.score).toBeLessThan(usual.score);
  });

  test.each([
    ["/", false, "critical"],
    ["/", true, "high"],
    ["/var/run/docker.sock", true, "critical"],
    ["/etc", true, "medium"],
    ["/home/me", false, "high"],
    ["/srv/data", false, "low"],
  ])("knows what %s (read-only: %s) leads to: %s", (source, readOnly, severity) => {
    const mount = { kind: "bind", source, target: "/x", readOnly, create: false } as const;
    expect(subjects(auditOf({ mounts: [mount] }), severity)).toContain(
      `${source} on /x (${readOnly ? "ro" : "rw"})`,
    );
  });

  test("has nothing to say of a read-only directory, or of its own volumes", () => {
    const mounts = [
      { kind: "bind", source: "/srv/data", target: "/x", readOnly: true, create: false },
      { kind: "volume", name: "v", target: "/y", readOnly: false },
    ] as const;
    const spec = buildSpec(request({ mounts }), facts());
    const { findings } = audit(spec, { ports: [], volumes: "/volumes", directory: "/etc-files" });
    expect(findings.filter(({ subject }) => subject.includes(" on "))).toEqual([]);
  });
});

describe("a document of another runtime", () => {
  const least = { process: {}, linux: {} };
  test("is taken with what it says, and no more", () => {
    const { score, findings } = audit(readAuditSpec(JSON.stringify(least), "config.json"), { ports: [] });
    expect(score).toBe(0);
    expect(findings.map(({ subject }) => subject)).toContain("the host's mount namespace");
  });

  test.each([
    ["{", "not JSON"],
    ["[]", "the document: array: expected an object"],
    ["{}", "process: undefined"],
    [
      JSON.stringify({ ...least, mounts: [{ destination: 1 }] }),
      "mounts[0].destination: number: expected a string",
    ],
    [JSON.stringify({ ...least, linux: { namespaces: [{ type: "pid" }, {}] } }), "linux.namespaces[1].type"],
  ])("is refused by the field: %s", (text, why) => {
    expect(() => readAuditSpec(text, "config.json")).toThrow(UsageError);
    expect(() => readAuditSpec(text, "config.json")).toThrow(why);
  });

  test("of any content makes a score or a UsageError", () => {
    const value = fc.oneof(fc.jsonValue(), fc.constant(null));
    const document = fc.oneof(
      fc.jsonValue(),
      fc.record({
        process: fc.record({
          user: value,
          capabilities: fc.oneof(value, fc.record({ bounding: fc.array(fc.string()) })),
        }),
        mounts: fc.oneof(
          value,
          fc.array(fc.record({ destination: fc.string(), source: fc.string(), type: fc.constant("bind") })),
        ),
        linux: fc.record(
          { namespaces: value, resources: value, seccomp: value, devices: value },
          { requiredKeys: [] },
        ),
      }),
    );
    fc.assert(
      fc.property(document, (json) => {
        try {
          const { score } = audit(readAuditSpec(JSON.stringify(json), "x"), { ports: [] });
          expect(score).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
