import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { CgroupHost } from "../../../cgroup/host.ts";
import { homeDirectory } from "../../../cgroup/place.ts";
import { processesIn } from "../../../cgroup/processes.ts";
import { type CgroupStats, readStats } from "../../../cgroup/stats.ts";
import type { ContainerRecord } from "../../container/record.ts";
import { findContainer } from "../../container/refresh.ts";
import { SetupError } from "../../core/errors.ts";
import { builtFile } from "../../core/home.ts";
import type { Instance } from "../../core/paths.ts";

/** How a container of an experiment is made. */
export interface LoadRequest {
  /** What the experiment calls it. */
  readonly label: string;
  /** Flags of `mdocker run`. */
  readonly flags: readonly string[];
  /** What init/load.c is to do: `spin`, `timer 1000`. */
  readonly load: readonly string[];
  /** It ends by itself after so many seconds, should nobody be there to end it. */
  readonly atMostSeconds: number;
}

/** How a container ended. */
export interface LoadEnd {
  readonly code: number;
  readonly stderr: string;
}

/** A container that takes what it can get: `mdocker run` of init/load.c, in a root where nothing else is. */
export class LoadContainer {
  readonly request: LoadRequest;
  readonly ended: Promise<LoadEnd>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #name: string;
  readonly #instance: Instance;
  readonly #host: CgroupHost;
  #output = "";
  #errors = "";
  #record: ContainerRecord | undefined;
  #running = true;

  constructor(instance: Instance, host: CgroupHost, name: string, request: LoadRequest) {
    this.request = request;
    this.#instance = instance;
    this.#host = host;
    this.#name = name;
    const where = ["--root", instance.root, "--state", instance.state, "--prefix", instance.prefix];
    const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
    this.#child = spawn(
      process.execPath,
      [
        ...[builtFile("mdocker.cjs"), ...where, "run", "-i", "--name", name, "--net", "none"],
        ...["--rootfs", builtFile(`lab-${process.arch}`), ...request.flags],
        ...["/load", String(request.atMostSeconds), ...request.load],
      ],
      { env, stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#child.stdin.on("error", () => undefined);
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#running = false;
        resolve({ code: code ?? 137, stderr: this.#errors });
      };
      this.#child.on("close", end);
      this.#child.on("error", ({ message }) => {
        this.#errors += message;
        end(2);
      });
    });
  }

  /** Resolves when its processes wait for {@link begin}. @throws SetupError when it has ended instead. */
  async ready(): Promise<void> {
    const said = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#output.includes("ready\n")) resolve();
      };
      this.#child.stdout.on("data", look);
      look();
    });
    const gone = this.ended.then(({ stderr }) => {
      const why = stderr.replace(/^mdocker: /, "").trim();
      throw new SetupError(`container ${this.request.label}: ${why === "" ? "ended at once" : why}`);
    });
    gone.catch(() => undefined);
    await Promise.race([said, gone]);
    this.#record = findContainer(this.#instance, this.#name);
  }

  /** Lets it do its work. */
  begin(): void {
    this.#child.stdin.write("x");
  }

  get running(): boolean {
    return this.#running;
  }

  /** What init/load.c has told since it was ready, as numbers, a line each; the last line may still be incomplete. */
  told(): number[][] {
    const text = this.#output.slice(this.#output.indexOf("ready\n") + "ready\n".length);
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => /^[\d ]+$/.test(line))
      .map((line) => line.split(" ").map(Number));
  }

  /** The same as text: what is no number is in there too. */
  get output(): string {
    return this.#output;
  }

  /** Path of its cgroup below the hierarchy. */
  get cgroup(): string {
    const cgroup = this.#record?.cgroup;
    if (cgroup === undefined) throw new SetupError(`container ${this.request.label} has no cgroup`);
    return cgroup;
  }

  stats(): CgroupStats {
    return readStats(this.#host, this.cgroup);
  }

  /** Its processes on the host, without init. */
  processes(): number[] {
    const init = this.#record?.init?.pid;
    return processesIn(homeDirectory(this.#host, this.cgroup)).filter((pid) => pid !== init);
  }

  /** Ends it, and waits until nothing is left of it. */
  async end(): Promise<LoadEnd> {
    if (this.#running) this.#child.kill("SIGTERM");
    return this.ended;
  }
}
