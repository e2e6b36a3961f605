#!/usr/bin/env node
// The JavaScript build of solc behind the two calls that forge makes of a native one:
// `--version`, and `--standard-json` with the input on stdin. Sources come inside the input, so
// imports are never looked up on disk.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";

const solc = createRequire(import.meta.url)("solc");
const args = process.argv.slice(2);

/** Writes all of `text`; a pipe takes it in pieces. */
function print(text) {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

if (args.includes("--version")) {
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes("--standard-json")) {
  print(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc.mjs: expected --version or --standard-json\n");
  process.exit(2);
}
