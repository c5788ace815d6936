import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

test("a pipe of 1 GiB is exact", async () => {
  // Pseudo-random, so that a block that is missing, doubled or moved is seen.
  const script = `cd ${folder()}
run() { "$MDOCKER" run --net none "$@"; }
source() { openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 1073741824; }
source | tee >(sha256sum > want) | run -i /bin/cat | sha256sum > got
wait; until test -s want; do sleep 0.01; done
cmp want got && wc -c < want`;
  const seen = await host().hostRun(["bash", "-c", script], { deadline: 200_000 });
  expect(Number(seen)).toBeGreaterThan(64);
}, 240_000);
