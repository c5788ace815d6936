import { describe, expect, test } from "vitest";
import { palette } from "../../../src/cli/colour.ts";
import { renderJson, renderPlan, Tracer } from "../../../src/cli/explain.ts";
import { parseFilters } from "../../../src/cli/ps.ts";
import { describeContainer, renderContainers } from "../../../src/cli/ps-row.ts";
import { renderTable } from "../../../src/cli/table.ts";
import { renderTemplate } from "../../../src/cli/template.ts";
import { filterContainers } from "../../../src/container/filter.ts";
import type { ContainerRecord, ExitRecord } from "../../../src/container/record.ts";
import { describeStatus } from "../../../src/container/status.ts";
import { describeAge } from "../../../src/core/age.ts";
import { UsageError } from "../../../src/core/errors.ts";
import type { PerformedAction } from "../../../src/core/explain.ts";
import { parseSignal } from "../../../src/core/signal.ts";

const id = "0123456789abcdef".repeat(4);
const record: ContainerRecord = {
  version: 1,
  id,
  name: "web",
  image: "lab:latest",
  command: ["/bin/sh", "-c", "sleep 1000; echo done"],
  created: "2026-01-02T03:04:05.000Z",
  labels: { tier: "front" },
  state: "running",
  foreground: true,
  keep: false,
  bootId: "x",
  started: "2026-01-02T03:04:06.000Z",
  network: { kind: "bridge", attachments: [{ network: "bridge", ifname: "eth0" }] },
  endpoints: [
    {
      network: "bridge",
      ifname: "eth0",
      hostName: "mdv0",
      address: "10.200.1.2",
      prefixLength: 24,
      mac: "02:42:0a:c8:01:02",
    },
  ],
  resources: {},
  layers: [],
};
const ended: ContainerRecord = {
  ...record,
  id: id.replace("0", "f"),
  name: "job",
  state: "exited",
  labels: {},
  network: { kind: "none" },
  endpoints: [],
  exit: { code: 137, at: "2026-01-02T03:05:05.000Z", oomKilled: true },
};
/** No images are here, and no containers. */
const nowhere = { root: "/nowhere", state: "/nowhere", prefix: "t" };
const now = Date.parse("2026-01-02T03:06:06.000Z");

describe("ps", () => {
  test("the table", () => {
    const rows = [record, ended].map((one) => describeContainer(one, now, false));
    expect(renderContainers(rows, {}).split("\n")).toEqual([
      "CONTAINER ID   IMAGE        COMMAND                  CREATED         STATUS                                         PORTS   NAMES",
      '0123456789ab   lab:latest   "/bin/sh -c sleep 10…"   2 minutes ago   Up 2 minutes                                           web',
      'f123456789ab   lab:latest   "/bin/sh -c sleep 10…"   2 minutes ago   Exited (137) About a minute ago (oom-killed)           job',
      "",
    ]);
  });

  test("ids, templates and JSON", () => {
    const rows = [describeContainer(record, now, false)];
    expect(renderContainers(rows, { quiet: true })).toBe(`${id.slice(0, 12)}\n`);
    expect(renderContainers(rows, { format: "{{.Names}}\\t{{ .State }} {{json .Networks}}" })).toBe(
      'web\trunning "bridge"\n',
    );
    expect(JSON.parse(renderContainers(rows, { format: "json" }))).toMatchObject({
      Names: "web",
      Labels: "tier=front",
      CreatedAt: "2026-01-02 03:04:05 +0000 UTC",
    });
    const label = '{{.Names}} {{.Label "tier"}}|{{.Label "x"}}';
    expect(renderContainers(rows, { format: label })).toBe("web front|\n");
    expect(renderContainers(rows, { format: 'table {{.Names}}\\t{{.Label "a/tier"}}\t{{.Addresses}}' })).toBe(
      "NAMES   tier   ADDRESSES\nweb            10.200.1.2\n",
    );
    expect(describeContainer(record, now, true)).toMatchObject({
      ID: id,
      Command: '"/bin/sh -c sleep 1000; echo done"',
    });
  });

  test.each([
    [["name=we"], ["web"]],
    [
      ["name=we", "name=jo"],
      ["web", "job"],
    ],
    [["name=we", "status=exited"], []],
    [["status=exited"], ["job"]],
    [["exited=137"], ["job"]],
    [["label=tier"], ["web"]],
    [["label=tier=back"], []],
    [["network=none"], ["job"]],
    [["ancestor=lab"], ["web", "job"]],
    [["id=f12"], ["job"]],
    [["name=^we"], ["web"]],
    [["name=^/?eb"], []],
    [["name=("], []],
    [["label=tier", "label=none"], []],
    [["health=none"], ["web", "job"]],
    [["health=healthy"], []],
  ])("filter %j", (filters, names) => {
    const found = filterContainers(nowhere, [record, ended], parseFilters(filters));
    expect(found.map(({ name }) => name)).toEqual(names);
  });

  test("a filter that does not exist is refused", () => {
    expect(() => parseFilters(["toString=x"])).toThrow(/^--filter: toString=x: expected KEY=VALUE/);
  });

  test("control characters of a command do not reach the terminal", () => {
    const row = describeContainer({ ...record, command: ["\x1b[2J\nx"] }, now, true);
    expect(row.Command).toBe('"?[2J?x"');
  });
});

test("what a container is doing, in docker's words, and why it has ended", () => {
  const health = { failingStreak: 0, log: [] };
  const exit = (changes: Partial<ExitRecord>): ContainerRecord => ({
    ...ended,
    exit: { code: 0, at: "2026-01-02T03:06:04.000Z", oomKilled: false, ...changes },
  });
  const shown = [
    record,
    { ...record, state: "paused" as const },
    { ...record, health: { ...health, status: "healthy" as const } },
    { ...record, health: { ...health, status: "starting" as const } },
    { ...record, state: "created" as const },
    exit({}),
    exit({ code: 143, reason: "stopped" }),
    exit({ code: 137, reason: "hard-limit-killed", oomKilled: true }),
    exit({ at: "2026-01-02T03:07:00.000Z" }),
    { ...ended, exit: undefined },
    { ...ended, state: "dead" as const },
  ].map((one) => describeStatus(one, now));
  expect(shown).toEqual([
    ...["Up 2 minutes", "Up 2 minutes (Paused)", "Up 2 minutes (healthy)", "Up 2 minutes (health: starting)"],
    ...["Created", "Exited (0) 2 seconds ago", "Exited (143) 2 seconds ago (stopped)"],
    "Exited (137) 2 seconds ago (hard-limit-killed)",
    ...["Exited (0) Less than a second ago", "Exited (unknown)", "Dead"],
  ]);
});

test("ages as docker writes them", () => {
  const ages = [0, 1, 59, 60, 119, 120, 3600, 7200, 86_400, 172_800, 1_209_600].map((s) =>
    describeAge(s * 1000),
  );
  expect(ages).toEqual([
    ...["Less than a second", "1 second", "59 seconds", "About a minute", "About a minute", "2 minutes"],
    ...["About an hour", "2 hours", "24 hours", "2 days", "2 weeks"],
  ]);
});

describe("templates", () => {
  const value = { State: { Pid: 7, error: null }, list: [{ a: 1 }], ok: false };
  test.each([
    ["{{.State.Pid}}", "7"],
    ["{{ .state.pid }}/{{.ok}}", "7/false"],
    ["{{json .list}} {{.list.0.a}}", '[{"a":1}] 1'],
    ["{{.State.error}}", "<no value>"],
    ["{{json .}}", JSON.stringify(value)],
    ["plain", "plain"],
  ])("%s", (template, expected) => {
    expect(renderTemplate(template, value)).toBe(expected);
  });
  test.each(["{{.Nope}}", "{{range .list}}", "{{.ok.x}}", "{{}}", "{{.constructor}}"])(
    "refuses %s",
    (template) => {
      expect(() => renderTemplate(template, value)).toThrow(UsageError);
    },
  );
});

test("signals by name and number", () => {
  expect(["9", "KILL", "sigterm", "RTMIN+1", "RTMAX"].map((text) => parseSignal(text, "--signal"))).toEqual([
    9, 9, 15, 35, 64,
  ]);
  expect(() => parseSignal("TREM", "--signal")).toThrow('--signal: "TREM": did you mean TERM?');
  for (const text of ["0", "65", "", "RTMAX+1", "toString"])
    expect(() => parseSignal(text, "x")).toThrow(UsageError);
});

test("tables have columns as wide as their widest cell, and no blanks at the end", () => {
  expect(renderTable(["A", "LONG"], [["12345", ""]])).toBe("A       LONG\n12345\n");
});

describe("a plan", () => {
  const actions: readonly PerformedAction[] = [
    {
      kind: "file",
      text: `write /var/lib/mdocker/containers/${id}/record.json`,
      reason: "the intent",
      by: "parent",
      ms: 0.5,
    },
    { kind: "syscall", text: "close(0)", reason: "not needed", by: "launcher" },
    {
      kind: "syscall",
      text: "close(1)",
      reason: `because ${"of this and that ".repeat(9)}`,
      by: "launcher",
      ms: 12.3,
    },
    {
      kind: "syscall",
      text: `mount("overlay", ${"lowerdir=/a/b/c:".repeat(20)})`,
      reason: "layers",
      by: "child",
    },
  ];

  test("for people: numbered, grouped, in 110 columns, without colours on a pipe", () => {
    const text = renderPlan(actions, false);
    expect(text).toContain("   1  file     write /var/lib/mdocker/containers/0123456789ab…/record.json  ");
    expect(text).toContain("   2  syscall  close(0)                                not needed\n");
    expect(text.split("\n").filter((line) => line.length > 110)).toEqual([]);
    expect(text.match(/^\S.*$/gm)).toHaveLength(3);
    expect(text).not.toContain("\x1b");
    expect(text.replaceAll(/\s+/g, "")).toContain("lowerdir=/a/b/c:".repeat(20));
  });

  test("for programs: as it is", () => {
    expect(JSON.parse(renderJson(actions))).toEqual(actions);
  });

  test("as a trace: each line at once, with its duration", () => {
    const written: string[] = [];
    const tracer = new Tracer({ json: false, isTerminal: false, write: (text) => written.push(text) });
    for (const action of actions) tracer.observe(action);
    tracer.finish();
    expect(written).toHaveLength(4);
    expect(written[0]).toMatch(/^mdocker itself.*\n {3}1 +0.50ms {2}file/);
    expect(written[1]).toMatch(/^\ninit as launcher.*\n {3}2 {12}syscall {2}close\(0\)/);
    expect(written[2]).toMatch(/^ {3}3 +12.3ms/);
  });

  test("as a JSON trace: one document at the end", () => {
    const written: string[] = [];
    const tracer = new Tracer({ json: true, isTerminal: false, write: (text) => written.push(text) });
    for (const action of actions) tracer.observe(action);
    expect(written).toEqual([]);
    tracer.finish();
    expect(JSON.parse(written.join(""))).toEqual(actions);
  });

  test("colours on terminals only, and never with NO_COLOR", () => {
    expect(palette(true, {}).bold("x")).toBe("\x1b[1mx\x1b[0m");
    expect(palette(true, { NO_COLOR: "1" }).bold("x")).toBe("x");
    expect(palette(true, { TERM: "dumb" }).colour(31, "x")).toBe("x");
    expect(palette(false, {}).dim("x")).toBe("x");
  });
});
