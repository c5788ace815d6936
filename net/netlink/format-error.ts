import { SetupError } from "../../src/core/errors.ts";

/** Bytes that came as netlink but are not: which field, what was expected there, what was found. */
export class NetlinkFormatError extends SetupError {
  readonly field: string;
  readonly expected: string;
  constructor(field: string, expected: string, found: string) {
    super(`netlink: ${field}: expected ${expected}, found ${found}`);
    this.field = field;
    this.expected = expected;
  }
}
