import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readElf } from "../../rootfs/elf.ts";
import { explainExec } from "../../rootfs/exec-failure.ts";
import type { Image } from "../../rootfs/image.ts";
import { createLabImage, ensureLabImage } from "../../rootfs/lab/create.ts";
import { readLayer } from "../../rootfs/layer-tar.ts";
import { findInLayers } from "../../rootfs/lookup.ts";
import { lookupUser } from "../../rootfs/users.ts";
import type { Instance } from "../../src/core/paths.ts";
import { getXattr } from "../../src/sys/xattr.ts";
import { outputOf } from "../harness/command.ts";

let folder = "";
let lab: { readonly image: Image; readonly layer: string } | undefined;

function instance(name: string): Instance {
  const root = join(folder, name);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return { root, state: join(root, "run"), prefix: "test" };
}

function made(): { readonly image: Image; readonly layer: string } {
  return lab ?? expect.unreachable("the image could not be made");
}

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/mdocker-lab-");
  const { image } = await createLabImage(instance("one"));
  lab = { image, layer: image.layers[0] ?? "" };
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a shell script in the image, on an overlay of its own, in namespaces of its own; its output. */
function inLab(script: string): Promise<string> {
  const place = mkdtempSync(join(folder, "place-"));
  const setUp = `set -e
mount -t tmpfs tmpfs ${place}; cd ${place}; mkdir upper work merged
mount -t overlay overlay -o lowerdir=${made().layer},upperdir=upper,workdir=work merged
mount -t proc proc merged/proc; mount -t sysfs sysfs merged/sys; mount --rbind /dev merged/dev
ip link set lo up
exec chroot merged /usr/bin/env -i PATH=/usr/sbin:/usr/bin TERM=xterm HOME=/root LANG=C.UTF-8 /bin/bash -c "$1"`;
  const namespaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"];
  return outputOf(["unshare", ...namespaces, "bash", "-c", setUp, "bash", script]);
}

describe("the default image", () => {
  test("made again elsewhere, under another umask, it is the same", async () => {
    const before = process.umask(0o077);
    try {
      const { image, changed } = await createLabImage(instance("two"));
      expect(changed).toBe(true);
      expect([image.id, image.manifest]).toEqual([made().image.id, made().image.manifest]);
      expect(basename(image.layers[0] ?? "")).toBe(basename(made().layer));
    } finally {
      process.umask(before);
    }
  });

  test("made again in the same place nothing is written", async () => {
    const index = lstatSync(join(folder, "one/images/index.json"), { bigint: true });
    const { changed } = await createLabImage(instance("one"));
    expect(changed).toBe(false);
    expect(lstatSync(join(folder, "one/images/index.json"), { bigint: true }).ino).toBe(index.ino);
    expect(readdirSync(join(folder, "one/layers"))).toHaveLength(1);
  });

  test("is made when it is needed, and says so once", async () => {
    const lines: string[] = [];
    const first = await ensureLabImage(instance("ensured"), (line) => lines.push(line));
    expect(first.id).toBe(made().image.id);
    expect(lines[0]).toBe("image lab: making it from this host's programs, once");
    const told = lines.length;
    expect(await ensureLabImage(instance("ensured"), (line) => lines.push(line))).toEqual(first);
    expect(lines).toHaveLength(told);
  });

  test("is mended with force, and only then", async () => {
    const place = instance("damaged");
    const { image } = await createLabImage(place);
    const file = findInLayers(image.layers, "/etc/passwd") ?? "";
    const good = readFileSync(file);
    writeFileSync(file, "damaged");
    expect((await createLabImage(place)).changed).toBe(false);
    expect((await createLabImage(place, { force: true })).changed).toBe(true);
    expect(readFileSync(file)).toEqual(good);
    expect((await createLabImage(place, { force: true })).changed).toBe(false);
    expect(readdirSync(join(place.root, "layers"))).toHaveLength(1);
  });

  test("takes further programs, under a name of its own", async () => {
    const place = instance("more");
    const script = join(folder, "hello");
    writeFileSync(script, "#!/bin/sh\necho hello\n");
    const { image } = await createLabImage(place, {
      name: "team/tools:v1",
      programs: [script, process.execPath],
    });
    expect(image.reference).toBe("team/tools:v1");
    expect(image.id).not.toBe(made().image.id);
    expect(explainExec(image.layers, "/usr/local/bin/hello")).toBeUndefined();
    expect(explainExec(image.layers, "/usr/local/bin/node")).toBeUndefined();
    const python = join(folder, "snake");
    writeFileSync(python, "#!/usr/bin/snake\n");
    for (const [program, message] of [
      [join(folder, "ghost"), "no such file"],
      [folder, "no such file"],
      ["/etc/passwd", "expected an ELF program or a script with #!"],
      [python, "needs /usr/bin/snake, which is not in the image"],
    ] as const) {
      await expect(createLabImage(place, { programs: [program] })).rejects.toThrow(message);
    }
    expect(readdirSync(join(place.root, "layers"))).toHaveLength(1);
  });

  test("has nothing that gives privileges, and everything belongs to its owner", () => {
    const { layer } = made();
    for (const entry of readLayer(layer)) {
      const owner = entry.path.startsWith("home/student") ? 1000 : 0;
      expect([entry.path, entry.uid, entry.gid]).toEqual([entry.path, owner, owner]);
      if (entry.kind !== "file") continue;
      const capability = getXattr(join(layer, entry.path), "security.capability");
      expect([entry.path, entry.mode & 0o7022, capability]).toEqual([entry.path, 0, undefined]);
    }
    expect(lstatSync(join(layer, "tmp")).mode & 0o7777).toBe(0o1777);
    expect(lstatSync(layer).mode & 0o7777).toBe(0o755);
  });

  test("has its users", () => {
    const { layers } = made().image;
    expect(lookupUser(layers, "")).toMatchObject({ uid: 0, gid: 0, home: "/root", name: "root" });
    expect(lookupUser(layers, "student")).toMatchObject({ uid: 1000, gid: 1000, home: "/home/student" });
    expect(lookupUser(layers, "nobody:nogroup")).toMatchObject({ uid: 65534, gid: 65534 });
    expect(() => lookupUser(layers, "ghost")).toThrow("--user: no user ghost in /etc/passwd of the image");
  });

  test("every program in it finds its loader and libraries", async () => {
    const { layers, layer } = { ...made().image, ...made() };
    const programs = ["usr/bin", "usr/sbin"].flatMap((path) =>
      readdirSync(join(layer, path)).map((name) => `/${path}/${name}`),
    );
    expect(programs.length).toBeGreaterThan(150);
    expect(programs.filter((path) => explainExec(layers, path) !== undefined)).toEqual([]);
    // The image's own loader is the judge.
    const loader = readElf(join(layer, "usr/bin/bash"))?.interpreter ?? "";
    const dynamic = programs.filter(
      (path) => readElf(findInLayers(layers, path) ?? "")?.interpreter === loader,
    );
    expect(dynamic.length).toBeGreaterThan(150);
    const script = `for p in ${dynamic.join(" ")}; do ${loader} --list $p >/tmp/out 2>&1 || { echo $p; cat /tmp/out; }; done`;
    expect(await inLab(script)).toBe("");
  });

  test("its tools work", async () => {
    const checks = [
      `test "$(awk 'BEGIN{print 6*7}')" = 42`,
      "sh -c true && bash -ic true 2>/dev/null && bash -lc true",
      "ps -o comm= -p 1 | grep -q bash",
      "top -bn1 | grep -q PID",
      "free -m | grep -q Mem",
      "ip -br address show lo | grep -q 127.0.0.1",
      "ss -Htln",
      "bridge link && tc qdisc show dev lo",
      "ping -c1 -W2 127.0.0.1",
      "nc -l 127.0.0.1 7 >/tmp/got & until ss -Htln | grep -q :7; do kill -0 $! || break; done; echo hi | nc -N 127.0.0.1 7; wait; grep -q hi /tmp/got",
      "traceroute -n 127.0.0.1",
      "curl -s file:///etc/os-release | grep -q mdocker-lab",
      "iperf3 --version",
      "dig -v && host -V",
      "getent passwd student",
      "find / -xdev -maxdepth 1 -name etc | xargs ls",
      "less --version && tput -T tmux-256color colors && tput -T linux clear",
      "vi -es +'normal ihello' +wq /tmp/vi </dev/null; grep -q hello /tmp/vi",
      "vi -u /etc/vim/vimrc -es +q",
      "mount | grep -q overlay && hostname && date +%Z | grep -q UTC",
      "tcpdump --version && ethtool --version && strace -V && mtr --version",
      "nft list ruleset && iptables -S",
      "setpriv --reuid student --regid student --init-groups id -un | grep -q student",
      "test $(printf ä | wc -m) = 1",
    ];
    const script = checks.map(
      (check, i) => `{ ${check}; } >/tmp/out 2>&1 </dev/null || { echo ${i}; cat /tmp/out; }`,
    );
    expect(await inLab(script.join("\n"))).toBe("");
  });

  test("captures packets, as the user that tcpdump changes to", async () => {
    const script = `tcpdump -i lo -c1 -n --immediate-mode icmp 2>/tmp/log & pid=$!
until grep -q listening /tmp/log; do kill -0 $pid || { cat /tmp/log; exit; }; done
ping -c1 -W2 127.0.0.1 >/dev/null; wait $pid`;
    expect(await inLab(script)).toMatch(/ICMP echo re(quest|ply)/);
  });

  test("has places for what is mounted into a container", () => {
    const { layer } = made();
    for (const name of ["hosts", "hostname", "resolv.conf"])
      expect(lstatSync(join(layer, "etc", name)).size).toBe(0);
    for (const name of ["dev", "proc", "sys", "run"]) expect(readdirSync(join(layer, name))).toEqual([]);
    expect(existsSync(join(layer, "etc/ssl/certs/ca-certificates.crt"))).toBe(true);
  });
});
