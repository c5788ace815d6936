import { messageOf } from "../../core/errors.ts";
import { library } from "../../sys/native.ts";
import { type Check, type Finding, fail, ok } from "./check.ts";

function loads(name: string, soname: string, what: string): Check {
  return {
    name,
    look: (): Finding => {
      try {
        library(soname);
        return ok(`${soname} loads`);
      } catch (error) {
        return fail(
          `${messageOf(error)} (${what})`,
          `apt-get install ${name === "libmnl" ? "libmnl0" : "libseccomp2"}`,
        );
      }
    },
  };
}

export const libmnl: Check = loads("libmnl", "libmnl.so.0", "it carries netlink messages");
export const libseccomp: Check = loads("libseccomp", "libseccomp.so.2", "it compiles seccomp filters");
