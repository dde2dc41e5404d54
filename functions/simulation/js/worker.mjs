// The simulation as a Worker. It is no hot path: each request is read whole and
// answered in one call.

import module from "./simulation_bg.wasm";
import * as glue from "sluis-glue";

const instance = new WebAssembly.Instance(module, { "./simulation_bg.js": glue });
glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start?.();

/** More than the simulation reads; it answers 413 itself. */
const MAX_BODY_BYTES = 64 * 1024;

let simulation;

export default {
  async fetch(request, env) {
    try {
      simulation ??= new glue.Worker(
        env.SLUIS_SIMULATION_KEYS_CBSS ?? "",
        env.SLUIS_SIMULATION_KEYS_NIC ?? "",
        env.SLUIS_PSEUDONYM_KEY ?? "",
      );
    } catch (error) {
      // Names the setting, never its value.
      console.error(`sluis-simulation: ${error}`);
      return new Response(null, { status: 503 });
    }
    const { origin, pathname } = new URL(request.url);
    const { headers } = request;
    const body = await bounded(request.body);
    const answer = simulation.handle(
      request.method,
      origin + pathname,
      headers.get("accept") ?? undefined,
      headers.get("sluis-assertion") ?? undefined,
      body,
      Date.now(),
    );
    return new Response(answer.body, {
      status: answer.status,
      headers: { "content-type": answer.content_type, "cache-control": answer.cache_control },
    });
  },
};

/** The body, or its beginning where it is too long to be one that the simulation takes. */
async function bounded(stream) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) break;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
