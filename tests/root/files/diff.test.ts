import { describe, expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

const changing = `
echo new > /new; mkdir /made; echo x > /made/x; echo more >> /etc/passwd; rm /etc/group; touch /srv 2>/dev/null
mkdir /etc/odd; ln -s /etc/shadow /link`;

const expected = "A /link\nA /made\nA /made/x\nA /new\nC /etc\nA /etc/odd\nC /etc/passwd\nD /etc/group\n";

function sorted(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith("/srv"))
    .sort();
}

describe("diff", () => {
  test("lists what was added, changed and deleted, of a running container and of an ended one", async () => {
    const { mdocker, start } = host();
    const running = start([
      "run",
      "--keep",
      "--name",
      "one",
      "--net",
      "none",
      "-i",
      "/bin/sh",
      "-c",
      `${changing}\necho done; read x`,
    ]);
    await running.says(/done/);
    expect(sorted((await mdocker(["diff", "one"])).stdout)).toEqual(sorted(expected));
    running.child.stdin.end("\n");
    await running.ended;
    const { code, stdout } = await mdocker(["diff", "one"]);
    expect(code).toBe(0);
    expect(sorted(stdout)).toEqual(sorted(expected));
    expect(stdout.split("\n")).toEqual(
      stdout
        .split("\n")
        .slice(0, -1)
        .sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1))
        .concat(""),
    );
    await mdocker(["rm", "one"]);
  });

  test("says nothing of what mdocker itself made to mount on", async () => {
    const { mdocker } = host();
    const data = folder();
    const mounts = ["-v", `${data}:/new/deep/data`, "-v", "some:/volume", "--tmpfs", "/scratch"];
    const script = "echo 1 > /volume/x; echo 2 > /scratch/y; echo 3 > /new/deep/data/z; echo 4 >> /etc/hosts";
    const { code } = await mdocker([
      "run",
      "--keep",
      "--name",
      "two",
      "--net",
      "none",
      ...mounts,
      "/bin/sh",
      "-c",
      script,
    ]);
    expect(code).toBe(0);
    expect(await mdocker(["diff", "two"])).toEqual({ code: 0, stdout: "", stderr: "" });
    await mdocker(["rm", "two"]);
  });

  test("shows a directory that was made anew as changed, and what it hides as deleted", async () => {
    const { mdocker } = host();
    const script = "ls -A /var; rm -r /var; mkdir /var; echo 1 > /var/mine";
    const run = ["run", "--keep", "--name", "three", "--net", "none", "/bin/sh", "-c", script];
    const before = (await mdocker(run)).stdout.split("\n").filter((name) => name !== "");
    expect(before.length).toBeGreaterThan(0);
    const wanted = ["C /var", "A /var/mine", ...before.map((name) => `D /var/${name}`)];
    expect(sorted((await mdocker(["diff", "three"])).stdout)).toEqual(wanted.sort());
    await mdocker(["rm", "three"]);
  });

  test("never follows a link that takes a directory's place while it looks", async () => {
    const { mdocker, start } = host();
    const script = `
mkdir /d; i=0; while [ $i -lt 300 ]; do mkdir /d/$i; i=$((i+1)); done; ln -s /etc /l; echo go
while :; do mv /d /e; mv /l /d; mv /d /l; mv /e /d; done`;
    const running = start(["run", "--name", "four", "--net", "none", "/bin/sh", "-c", script]);
    await running.says(/go/);
    for (let round = 0; round < 20; round += 1) {
      const { code, stdout } = await mdocker(["diff", "four"]);
      expect(code).toBe(0);
      // What is in /etc of the host would be listed below the link.
      expect(stdout).not.toMatch(/\/(d|l)\/[a-z]/);
    }
    await mdocker(["rm", "-f", "four"]);
    await running.ended;
  });

  test("fails in one line for what is not there", async () => {
    const { code, stderr } = await host().mdocker(["diff", "nothing"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mdocker: no such container: nothing\n$/);
  });
});
