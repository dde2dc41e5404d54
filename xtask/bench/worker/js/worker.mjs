// The validator's Worker without a durable log, to be measured.

import module from "./bench_bg.wasm";
import * as glue from "sluis-glue";
import * as platform from "sluis-platform";
import { handler, settled } from "../../../../functions/validator/js/serve.mjs";

const instance = new WebAssembly.Instance(module, { "./bench_bg.js": glue, "sluis-platform": platform });
glue.__wbg_set_wasm(instance.exports);
platform.bind(glue, settled);
instance.exports.__wbindgen_start?.();

export default { fetch: handler(glue) };
