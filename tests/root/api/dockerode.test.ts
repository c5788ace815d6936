import { PassThrough, Readable } from "node:stream";
import Docker from "dockerode";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { dockerClients, withDocker } from "../../harness/docker.ts";

async function textOf(stream: Readable | NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Buffer));
  return Buffer.concat(parts).toString();
}

/** Runs `act` with dockerode connected to a supervisor. */
async function withDockerode(act: (docker: Docker) => Promise<void>): Promise<void> {
  await withDocker(String(dockerClients[0]), async ({ socket }) => {
    await act(new Docker({ socketPath: socket }));
  });
}

test("creates, starts, waits for, inspects and removes a container", async () => {
  await withDockerode(async (docker) => {
    const container = await docker.createContainer({
      Image: "lab",
      Cmd: ["/bin/sh", "-c", "exit 4"],
      name: "one",
    });
    await container.start();
    expect(await container.wait()).toMatchObject({ StatusCode: 4 });
    expect((await container.inspect()).State).toMatchObject({ Status: "exited", ExitCode: 4 });
    expect((await docker.listContainers({ all: true })).map(({ Names }) => Names)).toEqual([["/one"]]);
    await container.remove();
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });
});

test("attaches to a terminal, and to streams apart", async () => {
  await withDockerode(async (docker) => {
    const terminal = await docker.createContainer({
      Image: "lab",
      Cmd: ["/bin/sh", "-c", "read word; stty size; echo got $word"],
      Tty: true,
      OpenStdin: true,
    });
    const raw = await terminal.attach({
      stream: true,
      hijack: true,
      stdin: true,
      stdout: true,
      stderr: true,
    });
    await terminal.start();
    await terminal.resize({ h: 40, w: 99 });
    raw.write("this\n");
    expect(await textOf(raw)).toBe("this\r\n40 99\r\ngot this\r\n");
    await terminal.remove();
    const plain = await docker.createContainer({
      Image: "lab",
      Cmd: ["/bin/sh", "-c", "cat; echo err >&2"],
      OpenStdin: true,
      StdinOnce: true,
    });
    const both = await plain.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const [out, err] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(both, out, err);
    both.on("end", () => {
      out.end();
      err.end();
    });
    await plain.start();
    both.end("typed\n");
    expect(await Promise.all([textOf(out), textOf(err)])).toEqual(["typed\n", "err\n"]);
    await plain.remove();
  });
});

test("executes with stdin, follows logs, samples stats and hears of events", async () => {
  await withDockerode(async (docker) => {
    const events = (await docker.getEvents({ filters: { type: ["container"] } })) as Readable;
    const container = await docker.createContainer({
      Image: "lab",
      Cmd: ["/bin/sh", "-c", "echo first; read x; echo last"],
      OpenStdin: true,
    });
    await container.start();
    const exec = await container.exec({ Cmd: ["/bin/cat"], AttachStdin: true, AttachStdout: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const out = new PassThrough();
    docker.modem.demuxStream(stream, out, new PassThrough());
    stream.on("end", () => out.end());
    stream.end("through cat");
    expect(await textOf(out)).toBe("through cat");
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 0 });
    const stats = (await container.stats({ stream: false })) as {
      readonly name: string;
      readonly pids_stats: object;
    };
    expect(stats.name).toMatch(/^\/./);
    expect(stats.pids_stats).toMatchObject({ current: expect.any(Number) as number });
    const logs = await container.logs({ follow: true, stdout: true, stderr: true });
    const shown = new PassThrough();
    docker.modem.demuxStream(logs, shown, new PassThrough());
    logs.on("end", () => shown.end());
    const typing = await container.attach({ stream: true, hijack: true, stdin: true });
    typing.write("\n");
    expect(await textOf(shown)).toBe("first\nlast\n");
    await container.remove();
    const seen: string[] = [];
    for await (const part of events) {
      for (const line of String(part).trim().split("\n"))
        seen.push(String((JSON.parse(line) as { Action: string }).Action));
      if (seen.includes("destroy")) break;
    }
    expect(seen).toEqual(expect.arrayContaining(["create", "start", "die", "destroy"]));
  });
});

test("puts and gets archives", async () => {
  await withDockerode(async (docker) => {
    const container = await docker.createContainer({ Image: "lab", Cmd: ["/bin/cat", "/root/put"] });
    const tar = pack();
    tar.entry({ name: "put" }, "by archive\n");
    tar.finalize();
    await container.putArchive(Readable.from(tar), { path: "/root" });
    const got = await textOf(await container.getArchive({ path: "/root/put" }));
    expect(got).toContain("by archive\n");
    await container.start();
    await container.wait();
    const logs = await container.logs({ stdout: true, stderr: true });
    expect(logs.toString()).toContain("by archive\n");
    await container.remove();
  });
});
