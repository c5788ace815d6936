// Entry of the bundles: runs one with V8's code cache, so that a start parses and compiles nothing.
"use strict";
const fs = require("node:fs");
const vm = require("node:vm");
// `run` and `exec`, also behind global flags, have bundles of their own, made for a quick start.
let at = 2;
while (/^--(root|state|prefix)(=|$)/.test(process.argv[at])) at += process.argv[at].includes("=") ? 1 : 2;
const name = ["run", "exec"].includes(process.argv[at]) ? process.argv[at] : "mdocker";
const bundle = `${__dirname}/${name}.bundle.cjs`;
const cache = `${__dirname}/${name}.cache`;
// The bundle is plain ASCII, and Latin-1 is the quickest way to have it as a string.
const source = fs.readFileSync(bundle, "latin1");
let cachedData;
try {
  cachedData = fs.readFileSync(cache);
} catch {
  // Not built with a cache: slower, not different.
}
const script = new vm.Script(source, {
  filename: bundle,
  cachedData,
  importModuleDynamically: undefined,
});
// What is seldom needed is opened now and read when it is: mdocker may be installed anew while this runs.
const restFile = `${__dirname}/${name}.rest.cjs`;
const rest = fs.openSync(restFile);
const readPart = (at, length) => {
  const text = Buffer.alloc(length);
  fs.readSync(rest, text, 0, length, at);
  return vm.runInThisContext(text.toString("latin1"), { filename: restFile });
};
script.runInThisContext()(exports, require, module, bundle, __dirname, readPart);
if (process.env.MDOCKER_WRITE_CACHE !== undefined) {
  process.once("exit", () => {
    fs.writeFileSync(cache, script.createCachedData());
    fs.writeFileSync(`${__dirname}/${name}.parts`, JSON.stringify(Object.keys(exports.parts)));
  });
}
