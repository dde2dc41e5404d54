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

/** From an entry to the round that publishes it, so that one round takes many. */
const PUBLISH_AFTER_MS = 400;

/**
 * The log. Everything it does is in Rust; the runtime wants a class that extends
 * its own. Called by RPC and not by `fetch`, which took about twice the CPU a
 * call, Worker and object together.
 */
export class AuditLog extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.log = new glue.AuditLog(state, env);
    this.alarmed = false;
    this.round = undefined;
  }

  /** An entry of an object that has just started waits until its storage was found to be what was signed. */
  append(head, sealed) {
    if (this.log.takes_entries()) return this.add(head, sealed);
    return this.publish().then(() => this.add(head, sealed));
  }

  add(head, sealed) {
    const answer = this.log.append(head, sealed);
    this.publishAfter(PUBLISH_AFTER_MS);
    return answer;
  }

  /** Something of the tree; brought up to date first. */
  async ask(question) {
    if (this.log.wants_round(question)) await this.publish();
    return this.log.ask(question);
  }

  publishAfter(milliseconds) {
    if (this.alarmed) return;
    this.alarmed = true;
    // Not awaited: nothing may come between two entries, and no answer leaves before it is stored.
    this.ctx.storage.setAlarm(Date.now() + milliseconds).catch(() => (this.alarmed = false));
  }

  /** One round of the sequencer at a time; the milliseconds until the next one, or 0. */
  publish() {
    this.round ??= new Promise((resolve) => this.log.publish(resolve)).finally(() => (this.round = undefined));
    return this.round;
  }

  async alarm() {
    this.alarmed = false;
    const next = await this.publish();
    if (next > 0) this.publishAfter(next);
  }

  read(from, limit) {
    return this.log.read(from, limit);
  }
}

/** The last tree head of a log that may be signed, and the wrapped keys of its payloads: storage of its own, apart from the log's. */
export class CheckpointStore extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.heads = new glue.CheckpointStore(state, env);
  }

  ask(question) {
    return this.heads.ask(question);
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
