// The validator as a Worker: its `fetch` handler, the Durable Object of its log, and those of what was used once.

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

/** Time between two looks for keys that are no longer needed. */
const CLEAR_EVERY_MS = 10 * 60 * 1000;

/** What was used once. Each object has the keys of one prefix. */
export class ReplayStore extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.used = new glue.ReplayStore(state, env);
    this.alarmed = false;
  }

  consume(key, until) {
    const answer = this.used.consume(key, until);
    if (!this.alarmed) {
      this.alarmed = true;
      // Not awaited: nothing may come between two uses, and no answer leaves before it is stored.
      this.ctx.storage.setAlarm(Date.now() + CLEAR_EVERY_MS).catch(() => (this.alarmed = false));
    }
    return answer;
  }

  /** Clears away, and comes back for as long as there is something left. */
  async alarm() {
    this.alarmed = this.used.clear(Date.now() / 1000);
    if (this.alarmed) await this.ctx.storage.setAlarm(Date.now() + CLEAR_EVERY_MS);
  }
}
