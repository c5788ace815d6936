import type { ConnectionWish } from "../../container/connect.ts";
import type { RunRequest } from "../../container/request.ts";
import type { UpdateRequest } from "../../container/update.ts";
import type { CreateBody, EndpointBody, ResourcesBody, RestartBody } from "./body.ts";

/** The body of POST /containers/ID/update. */
export interface UpdateBody extends ResourcesBody {
  readonly RestartPolicy?: RestartBody | null | undefined;
}

/**
 * What turns docker's bodies into requests of ours. Given by the command line, whose parsers read the same things said by
 * flags: every limit and every rule is in one place.
 */
export interface Translators {
  /** The users of a container whose body names none, as --userns has them; undefined: those of the host. */
  readonly users?: string;
  /** @throws UsageError, NotSupportedError */
  create(body: CreateBody, name: string | undefined): Promise<RunRequest>;
  /** @throws UsageError */
  update(body: UpdateBody): Promise<UpdateRequest>;
  /** @throws UsageError, NotSupportedError */
  endpoint(network: string, body: EndpointBody | null | undefined): ConnectionWish;
}
