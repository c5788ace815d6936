import type { Translators, UpdateBody } from "../../supervisor/translate/translators.ts";
import { readNamespaces } from "../options/namespaces.ts";
import { readUpdate } from "../options/updating.ts";
import { hostView } from "../this-host.ts";
import { Collected } from "./collect.ts";
import { restartOf, translateCreate } from "./create.ts";
import { collectLimits } from "./limits.ts";
import { translateEndpoint } from "./networks.ts";

/** The translation of docker's bodies, by the parsers of the command line. */
export const translators: Translators = {
  create: (body, name) => translateCreate(body, name),
  endpoint: translateEndpoint,
  update: async (body: UpdateBody) => {
    const collected = new Collected();
    collectLimits(collected, body, "");
    const { Name, MaximumRetryCount } = body.RestartPolicy ?? {};
    const policy = restartOf({ Name, MaximumRetryCount });
    collected.add(
      "restart",
      "RestartPolicy",
      policy && `${policy.policy}${policy.maximumRetries === 0 ? "" : `:${policy.maximumRetries}`}`,
    );
    return readUpdate(collected.flags, await hostView());
  },
};

/** The same where a container whose body names no users gets `users`, a value of --userns. @throws UsageError */
export function translatorsFor(users: string | undefined): Translators {
  if (users === undefined) return translators;
  const asked = new Collected();
  asked.add("userns", "--userns-remap", users);
  readNamespaces(asked.flags);
  return { ...translators, users, create: (body, name) => translateCreate(body, name, users) };
}
