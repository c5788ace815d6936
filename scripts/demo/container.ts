import type { Running } from "../../tests/harness/command.ts";
import type { TestHost } from "../../tests/harness/host.ts";
import { command, output } from "./show.ts";

/** A container whose shell reads commands from a pipe, so that each can be shown with what it says. */
export interface DemoContainer {
  readonly name: string;
  /** From the start of `mdocker run` to the first word of its shell, in milliseconds. */
  readonly startMs: number;
  /** Runs one line in the container, shows it and its output; returns the output and exit code. */
  readonly type: (line: string) => Promise<{ readonly text: string; readonly code: number }>;
  /** Ends the shell: the container exits. Returns the exit code of `mdocker run`. */
  readonly exit: () => Promise<number>;
}

/** Waits for the line `== <serial> <exit code>` and returns what was said before it. */
async function answer(
  shell: Running,
  serial: number,
  from: number,
): Promise<{ text: string; code: number; end: number }> {
  const found = await shell.says(new RegExp(`^== ${serial} (\\d+)\n`, "m"));
  return {
    text: shell.output().slice(from, found.index),
    code: Number(found[1]),
    end: found.index + found[0].length,
  };
}

/** Starts `mdocker run -i --name NAME --hostname NAME --net bridge /bin/bash` and waits until its shell answers. */
export async function startContainer(host: TestHost, name: string): Promise<DemoContainer> {
  const args = ["run", "-i", "--name", name, "--hostname", name, "--net", "bridge", "/bin/bash"];
  command("$", `mdocker ${args.join(" ")}`);
  const begin = performance.now();
  const shell = host.start(args);
  let serial = 0;
  let end = 0;
  const ask = async (line: string) => {
    serial += 1;
    shell.child.stdin.write(`{ ${line}; } 2>&1; echo "== ${serial} $?"\n`);
    const { text, code, end: next } = await answer(shell, serial, end);
    end = next;
    return { text, code };
  };
  await ask("true");
  const startMs = performance.now() - begin;
  return {
    name,
    startMs,
    type: async (line) => {
      command(`${name}#`, line);
      const { text, code } = await ask(line);
      output(text);
      return { text, code };
    },
    exit: async () => {
      command(`${name}#`, "exit");
      shell.child.stdin.end("exit\n");
      return (await shell.ended).code;
    },
  };
}
