// The validator as a Worker: its `fetch` handler and the Durable Object of its log.

import { DurableObject } from "cloudflare:workers";
import module from "./validator_bg.wasm";
import * as glue from "sluis-glue";
import * as platform from "sluis-platform";
import { handler, settled } from "./serve.mjs";

const instance = new WebAssembly.Instance(module, {
  "./validator_bg.js": glue,
  // What needs no conversion is imported without glue.
  "sluis-platform": platform,
});
glue.__wbg_set_wasm(instance.exports);
platform.bind(glue, settled);
instance.exports.__wbindgen_start?.();

export default { fetch: handler(glue) };

/**
 * The log. Everything it does is in Rust; the runtime wants a class that extends
 * its own. Called by RPC and not by `fetch`: 32 µs of CPU a call against 60,
 * Worker and object together, for an entry of 4.5 kB.
 */
export class AuditLog extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.log = new glue.AuditLog(state, env);
  }

  append(entry) {
    return this.log.append(entry);
  }

  read(from, limit) {
    return this.log.read(from, limit);
  }
}
