// @vm
import { describe, expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();
const run = (args: readonly string[], input?: string) =>
  host().mdocker(["run", "--net", "none", ...args], { input });
/** A shell line on the host, in a folder of its own: `run` is mdocker run. */
const line = (text: string) =>
  host().hostRun(["bash", "-c", `cd ${folder()}; run() { "$MDOCKER" run --net none "$@"; }\n${text}`]);

describe("stdin", () => {
  test("-i passes it on, to its end", async () => {
    expect(await run(["-i", "/bin/cat"], "hi\n")).toEqual({ code: 0, stdout: "hi\n", stderr: "" });
  });

  test("without -i it is empty", async () => {
    const script = "cat; readlink /proc/self/fd/0";
    expect(await run(["/bin/sh", "-c", script], "hi\n")).toEqual({
      code: 0,
      stdout: "/dev/null\n",
      stderr: "",
    });
  });

  test("-i=false means the same, and leaves the input to others", async () => {
    expect(await line("(run -i=false /bin/cat; cat) <<< kept")).toBe("kept\n");
  });

  test("a command that reads a part leaves the rest to the next", async () => {
    expect(await line('printf "one\\ntwo\\n" > f; (run -i /usr/bin/head -c 4; cat) < f')).toBe("one\ntwo\n");
  });

  test("an answer comes while the input is still open", async () => {
    const running = host().start(["run", "--net", "none", "-i", "/bin/cat"]);
    running.child.stdin.write("one\n");
    await running.says(/^one$/m);
    running.child.stdin.write("two\n");
    await running.says(/^two$/m);
    running.child.stdin.end();
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  test("input that nobody reads holds nothing up", async () => {
    const running = host().start(["run", "--net", "none", "-i", "/bin/sh", "-c", "exit 3"]);
    expect((await running.ended).code).toBe(3);
  });

  test("closed descriptors 0, 1 and 2 are no trouble", async () => {
    const script = '"$MDOCKER" run --net none -i /bin/sh -c "exit 4" <&- >&- 2>&-; echo $?';
    expect(await host().hostRun(["bash", "-c", script])).toBe("4\n");
  });
});

describe("stdout and stderr", () => {
  test("are two", async () => {
    const script = "echo out; echo err >&2; echo out again";
    expect(await run(["/bin/sh", "-c", script])).toEqual({
      code: 0,
      stdout: "out\nout again\n",
      stderr: "err\n",
    });
  });

  test("are the very files that mdocker was given", async () => {
    const seen = await line(`
run /bin/sh -c 'echo one; echo two >&2' >> both 2>&1
run /bin/sh -c 'echo three' >> both
cat both`);
    expect(seen).toBe("one\ntwo\nthree\n");
  });

  test("16 MiB on each at once arrive whole", async () => {
    const script = "head -c 16777216 /dev/zero >&2 & head -c 16777216 /dev/zero; wait";
    const { code, stdout, stderr } = await run(["/bin/sh", "-c", script]);
    expect([code, stdout.length, stderr.length]).toEqual([0, 16_777_216, 16_777_216]);
  });

  test("what a background process writes until the command ends is there", async () => {
    expect(await run(["/bin/sh", "-c", "(echo late) & wait; echo end"])).toMatchObject({
      stdout: "late\nend\n",
    });
  });

  test("end with the command, though a background process holds them", async () => {
    expect(await run(["/bin/sh", "-c", "sleep 1000 & echo end"])).toEqual({
      code: 0,
      stdout: "end\n",
      stderr: "",
    });
  });

  test("a reader that leaves ends the writer: 128 and SIGPIPE", async () => {
    expect(await line("run /bin/cat /dev/zero | head -c 1 | wc -c; echo $PIPESTATUS")).toBe("1\n141\n");
    expect(await line(`yes | run -i /bin/cat | head -n 1; echo "\${PIPESTATUS[@]}"`)).toBe("y\n141 141 0\n");
  });

  test("a reader that leaves does not hold up a command that does not care", async () => {
    const script = "trap '' PIPE; cat /dev/zero; exit 6";
    expect(
      await line(`run /bin/sh -c "${script}" 2>/dev/null | head -c 1 >/dev/null; echo $PIPESTATUS`),
    ).toBe("6\n");
  });

  test("a full disk is the command's own trouble", async () => {
    expect(await line("run /bin/sh -c 'echo x || exit 8' > /dev/full 2>/dev/null; echo $?")).toBe("8\n");
  });

  test("nothing of mdocker's own is on stdout", async () => {
    expect(await run(["/bin/missing"])).toMatchObject({ stdout: "" });
  });
});

test("the command gets default signal actions, none blocked, and no descriptor but its three", async () => {
  const { stdout } = await run([
    "/bin/sh",
    "-c",
    "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd",
  ]);
  expect(stdout).toMatch(/^SigBlk:\t0{16}\nSigIgn:\t0{16}\n0\n1\n2\n3\n$/);
});
