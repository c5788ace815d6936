import { superviseNames } from "../container/hold-names.ts";
import { type Instance, supervisorSocket } from "../core/paths.ts";
import { socketPathOf } from "../sys/socket.ts";
import { createApp } from "./http/app.ts";
import { Listener } from "./http/listener.ts";
import { listenOnPath } from "./http/socket.ts";
import { Supervisor } from "./supervisor.ts";
import type { Translators } from "./translate/translators.ts";

/** Who may write to the supervisor's sockets, besides root. */
const group = "mdocker";

export interface ServeOptions {
  /** Further unix sockets to listen on. */
  readonly paths: readonly string[];
  /** Descriptors that listen already, from systemd. */
  readonly fds: readonly number[];
  readonly translators: Translators;
  /** Where the host itself may ask for names. */
  readonly dns?: { readonly address: string; readonly port: number } | undefined;
  /** Shows a line to whoever reads the supervisor's own log. */
  readonly say: (line: string) => void;
}

/** A supervisor that can be talked to. */
export interface Service {
  /** Takes no more requests, lets go of the containers (or stops them), and drops the clients. */
  close(options: { readonly stop: boolean }): Promise<void>;
}

/** Keeps the containers of `instance` and serves the Docker Engine API. @throws SetupError where it cannot listen */
export async function serve(
  instance: Instance,
  { paths, fds, translators, say, dns }: ServeOptions,
): Promise<Service> {
  const supervisor = new Supervisor(instance, say);
  const app = await createApp(supervisor, translators);
  const listener = new Listener((request, response) => app.routing(request, response));
  // Before any container is started again: it may ask at once.
  const names = await superviseNames(instance, say, dns);
  try {
    // Who comes early waits until all is there: connections are taken, and answered when this has returned.
    await supervisor.open();
    for (const fd of fds) await listener.listen({ fd });
    const given = fds.map(socketPathOf);
    for (const path of [supervisorSocket(instance), ...paths])
      if (!given.includes(path)) await listenOnPath(listener, path, group);
  } catch (error) {
    names.close();
    await listener.close();
    await supervisor.close({ stop: false });
    throw error;
  }
  return {
    close: async (options) => {
      listener.refuse();
      await supervisor.close(options);
      names.close();
      await listener.close();
      await app.close();
    },
  };
}
