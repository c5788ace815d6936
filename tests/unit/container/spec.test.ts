import { describe, expect, test } from "vitest";
import { buildSpec, commandLine, mountsOfNames, type SpecFacts } from "../../../src/container/spec.ts";
import { facts, request } from "./samples.ts";

describe("from request to OCI document", () => {
  test("a plain request", () => {
    const spec = buildSpec(request({ args: ["/bin/true"] }), facts());
    expect(spec.ociVersion).toBe("1.2.0");
    expect(spec.hostname).toBe("a".repeat(12));
    expect(spec.process.args).toEqual(["/bin/true"]);
    expect(spec.process.cwd).toBe("/");
    expect(spec.linux.namespaces.map(({ type }) => type)).toEqual([
      "pid",
      "ipc",
      "uts",
      "mount",
      "cgroup",
      "network",
    ]);
    expect(spec.mounts.map(({ destination }) => destination)).toEqual([
      "/proc",
      "/dev",
      "/dev/pts",
      "/sys",
      "/sys/fs/cgroup",
      "/dev/mqueue",
      "/dev/shm",
      "/etc/resolv.conf",
      "/etc/hostname",
      "/etc/hosts",
    ]);
  });

  test("a word of the image's environment without a value is no variable", () => {
    const image = { ...facts().image, env: ["WORD", "=x", "A=1"] };
    const { process } = buildSpec(request({}), facts({ image }));
    expect(process.env.slice(-2)).toEqual(["HOME=/root", "A=1"]);
  });

  test("the last of a name counts in the environment", () => {
    const image = { ...facts().image, env: ["A=image", "B=image"] };
    const { process } = buildSpec(
      request({ env: ["A=user", "PATH=/bin"], terminal: true }),
      facts({ image }),
    );
    expect(process.env).toEqual([
      "PATH=/bin",
      `HOSTNAME=${"a".repeat(12)}`,
      "TERM=xterm",
      "HOME=/root",
      "A=user",
      "B=image",
    ]);
  });

  test("an argument-less request runs the image's command, a new entrypoint drops it", () => {
    const image: SpecFacts["image"] = { env: [], cmd: ["serve", "-p"], entrypoint: ["/bin/app"], cwd: "" };
    expect(commandLine(request({}), image)).toEqual(["/bin/app", "serve", "-p"]);
    expect(commandLine(request({ args: ["x"] }), image)).toEqual(["/bin/app", "x"]);
    expect(commandLine(request({ entrypoint: ["/bin/sh"] }), image)).toEqual(["/bin/sh"]);
    expect(commandLine(request({ entrypoint: ["/bin/sh"], args: ["-c", "y"] }), image)).toEqual([
      "/bin/sh",
      "-c",
      "y",
    ]);
    expect(commandLine(request({ entrypoint: [], args: ["z"] }), image)).toEqual(["z"]);
  });

  test("networks decide about namespaces and files", () => {
    const host = buildSpec(request({ network: { kind: "host" } }), facts());
    expect(host.linux.namespaces.map(({ type }) => type)).not.toContain("network");
    expect(host.mounts).toContainEqual(expect.objectContaining({ source: "/etc-files/hosts" }));
    const joined = buildSpec(
      request({ network: { kind: "container", container: "x" } }),
      facts({ joined: { networkPath: "/proc/7/ns/net", hostname: "x", etc: mountsOfNames(host) } }),
    );
    expect(joined.hostname).toBe("x");
    expect(mountsOfNames(joined)).toEqual(mountsOfNames(host));
    expect(joined.linux.namespaces).toContainEqual({ type: "network", path: "/proc/7/ns/net" });
  });

  test("mounts of each kind; a user's own /etc/hosts replaces ours", () => {
    const spec = buildSpec(
      request({
        mounts: [
          { kind: "bind", source: "/a", target: "/b", readOnly: true, create: false },
          { kind: "volume", name: "v", target: "/v", readOnly: false },
          { kind: "tmpfs", target: "/t", options: ["size=1m"] },
          {
            kind: "bind",
            source: "/h",
            target: "/etc/hosts",
            readOnly: false,
            create: false,
            propagation: "rslave",
          },
        ],
      }),
      facts(),
    );
    expect(spec.mounts.slice(7)).toEqual([
      { destination: "/b", type: "bind", source: "/a", options: ["rbind", "ro", "rprivate"] },
      { destination: "/v", type: "bind", source: "/volumes/v", options: ["rbind", "rw", "rprivate"] },
      { destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "size=1m"] },
      { destination: "/etc/hosts", type: "bind", source: "/h", options: ["rbind", "rw", "rslave"] },
      {
        destination: "/etc/resolv.conf",
        type: "bind",
        source: "/etc-files/resolv.conf",
        options: ["rbind", "rw", "rprivate"],
      },
      {
        destination: "/etc/hostname",
        type: "bind",
        source: "/etc-files/hostname",
        options: ["rbind", "rw", "rprivate"],
      },
    ]);
  });

  test("mounts above others come first, the order given decides among equals", () => {
    const targets = ["/a/b/c", "/z", "/a/b", "/", "/a", "/y/x"];
    const mounts = targets.map((target) => ({ kind: "tmpfs", target, options: [] }) as const);
    const spec = buildSpec(request({ mounts }), facts());
    expect(spec.mounts.slice(7, -3).map(({ destination }) => destination)).toEqual([
      ...["/", "/z", "/a", "/a/b", "/y/x", "/a/b/c"],
    ]);
  });
});
