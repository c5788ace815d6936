import { get } from "node:http";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { withApi } from "../../harness/api.ts";

/** A path of the API, read to its end. `seen` is called with all that has come so far. */
function read(socketPath: string, path: string, seen: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path }, (answer: Readable) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part.toString();
        seen(text);
      });
      answer.once("end", () => resolve(text));
      answer.once("error", reject);
    }).once("error", reject);
  });
}

test("many can follow one log: each sees all of it, and its end", async () => {
  await withApi(async ({ engine, supervisor, socket }) => {
    const args = ["/bin/sh", "-c", "echo begun; read word; seq 1 5000; echo $word"];
    const { record } = await supervisor.create(
      engine.request({ args, interactive: true, terminal: true, network: { kind: "none" } }),
    );
    await supervisor.start(record.id);
    const path = `/containers/${record.id}/logs?stdout=1&follow=1`;
    const begun: Promise<void>[] = [];
    const ended = Array.from({ length: 12 }, () => {
      let text: Promise<string> = Promise.resolve("");
      begun.push(
        new Promise((resolve) => {
          text = read(socket, path, (so) => {
            if (so.includes("begun")) resolve();
          });
        }),
      );
      return text;
    });
    await Promise.all(begun);
    const { stdin, detach } = supervisor.attach(record.id);
    stdin?.write("over\n");
    // Who is attached and does not read holds up the container.
    detach();
    const numbers = Array.from({ length: 5_000 }, (_, i) => `${i + 1}\r\n`).join("");
    for (const text of await Promise.all(ended))
      expect(
        text === `begun\r\nover\r\n${numbers}over\r\n`,
        `${text.length}: ${text.slice(0, 60)} ... ${text.slice(-60)}`,
      ).toBe(true);
    await supervisor.remove(record.id, { force: true, volumes: false });
  });
});
