import { join } from "node:path";
import { translators } from "../../src/cli/api/translators.ts";
import { createApp } from "../../src/supervisor/http/app.ts";
import { Listener } from "../../src/supervisor/http/listener.ts";
import { listenOnPath } from "../../src/supervisor/http/socket.ts";
import { Supervisor } from "../../src/supervisor/supervisor.ts";
import { type Engine, withEngine } from "./engine.ts";

/** The Docker Engine API of this process, on a socket of its own. */
export interface Api {
  readonly engine: Engine;
  readonly supervisor: Supervisor;
  readonly listener: Listener;
  readonly socket: string;
}

/** Runs `act` with a supervisor that is served in this process, and takes everything away again. */
export async function withApi<T>(act: (api: Api) => Promise<T>): Promise<T> {
  return withEngine(async (engine) => {
    const supervisor = new Supervisor(engine.instance, (line) => engine.said.push(line));
    const app = await createApp(supervisor, translators);
    const listener = new Listener((request, response) => app.routing(request, response));
    const socket = join(engine.instance.state, "mdocker.sock");
    await listenOnPath(listener, socket, "mdocker");
    try {
      return await act({ engine, supervisor, listener, socket });
    } finally {
      await listener.close();
      await supervisor.close({ stop: true });
      await app.close();
    }
  });
}
