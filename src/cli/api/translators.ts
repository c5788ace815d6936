import type { Translators, UpdateBody } from "../../supervisor/translate/translators.ts";
import { readUpdate } from "../options/updating.ts";
import { hostView } from "../this-host.ts";
import { Collected } from "./collect.ts";
import { restartOf, translateCreate } from "./create.ts";
import { collectLimits } from "./limits.ts";
import { translateEndpoint } from "./networks.ts";

/** The translation of docker's bodies, by the parsers of the command line. */
export const translators: Translators = {
  create: translateCreate,
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
