import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { MdockerError } from "../../../src/core/errors.ts";
import { type Engine, openDescriptors, withEngine } from "../../harness/engine.ts";

/** A start that fails inside the container. */
interface Failure {
  readonly what: string;
  readonly changes: Partial<RunRequest>;
  /** Called when the writable layer is there and the child is not yet. */
  readonly spoil?: (directory: string) => void;
  readonly code: number;
  readonly line: RegExp;
}

const folder = mkdtempSync(join(tmpdir(), "mdocker-failure-"));
const source = join(folder, "source");

const failures: readonly Failure[] = [
  {
    what: "a bind source that disappears",
    changes: {
      mounts: [{ kind: "bind", source, target: "/data", readOnly: false, create: false }],
    },
    spoil: () => rmSync(source, { recursive: true }),
    code: 2,
    line: /source.*ENOENT/,
  },
  {
    what: "a bind target that is a file where a directory is needed",
    changes: {
      mounts: [{ kind: "bind", source, target: "/etc/passwd", readOnly: false, create: false }],
    },
    code: 2,
    line: /^bind .*\/source on \/etc\/passwd: EINVAL /,
  },
  {
    what: "a working directory that is a file",
    changes: { cwd: "/etc/passwd" },
    code: 2,
    line: /^enter the working directory \/etc\/passwd: ENOTDIR /,
  },
  {
    what: "a sysctl that does not exist",
    changes: { sysctl: { "net.ipv4.no_such_thing": "1" } },
    code: 2,
    line: /sysctl.*no_such_thing.*ENOENT/,
  },
  {
    what: "a sysctl with a value that the kernel refuses",
    changes: { sysctl: { "net.ipv4.ip_unprivileged_port_start": "many" } },
    code: 2,
    line: /sysctl.*ip_unprivileged_port_start.*EINVAL/,
  },
  {
    what: "a tmpfs with options that the kernel refuses",
    changes: { mounts: [{ kind: "tmpfs", target: "/scratch", options: ["no_such_option=1"] }] },
    code: 2,
    line: /\/scratch.*EINVAL/,
  },
  {
    what: "an upper directory that is none",
    changes: {},
    spoil: (directory) => {
      rmSync(join(directory, "upper"), { recursive: true });
      writeFileSync(join(directory, "upper"), "");
    },
    code: 2,
    line: /^mount overlay on .*: (EINVAL|ENOTDIR) /,
  },
  {
    what: "a root that disappears",
    changes: {},
    spoil: (directory) => rmSync(join(directory, "merged"), { recursive: true }),
    code: 2,
    line: /^mount overlay on .*merged: ENOENT /,
  },
  {
    what: "a command that does not exist",
    changes: { args: ["/bin/no-such-command"] },
    code: 127,
    line: /exec failed: \/bin\/no-such-command: no such file in the container/,
  },
  {
    what: "a command that is no program",
    changes: { args: ["/etc/passwd"] },
    code: 126,
    line: /exec failed: \/etc\/passwd: /,
  },
];

/** The place of the layers in a plan: after `reserve` and `files`. */
const layers = 2;

async function errorOf(
  { instance, run, request }: Engine,
  { changes, spoil }: Failure,
  network: RunRequest["network"],
): Promise<unknown> {
  mkdirSync(source, { recursive: true });
  const afterStep = (index: number): void => {
    if (index !== layers) return;
    const [id = ""] = readdirSync(join(instance.root, "containers"));
    spoil?.(join(instance.root, "containers", id));
  };
  try {
    return await run(request({ ...changes, network }), { afterStep });
  } catch (error) {
    return error;
  }
}

const networks: readonly RunRequest["network"][] = [
  { kind: "none" },
  { kind: "bridge", attachments: [{ network: "bridge", ifname: "eth0" }] },
];

test("what fails inside the container is one line that names the step, and leaves nothing", async () => {
  try {
    await withEngine(async (engine) => {
      const { run, request, said, expectSame, expectClean } = engine;
      for (const network of networks) {
        expect(await run(request({ network }))).toBe(0);
        await expectClean(openDescriptors());
        const descriptors = openDescriptors();
        for (const failure of failures) {
          // The parent builds the network meanwhile: the child fails before, during or after it.
          for (let round = 0; round < 5; round++) {
            const error = await errorOf(engine, failure, network);
            const seen = error instanceof MdockerError ? [error.exitCode, error.message] : error;
            const line = expect.stringMatching(failure.line);
            expect({ what: failure.what, seen }).toEqual({ what: failure.what, seen: [failure.code, line] });
            expect(String(error)).not.toContain("\n");
          }
          await expectSame(descriptors);
        }
        await expectClean(descriptors);
      }
      expect(said).toEqual([]);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
