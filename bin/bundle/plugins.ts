/**
 * What esbuild needs told so that packages written for node_modules work as one CommonJS file inside a binary:
 * no top-level await, no files read from beside the module, no computed require, one native addon. Every edit of
 * a package's source counts its matches and fails the build when the package no longer looks as it did.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { OnLoadResult, Plugin } from "esbuild";

/** One edit: `find` must match exactly `times` times in the file. */
interface Edit {
  readonly find: RegExp;
  readonly times: number;
  readonly put: string | ((...match: string[]) => string);
}

function edited(file: string, edits: readonly Edit[], head = ""): OnLoadResult {
  let source = readFileSync(file, "utf8");
  for (const { find, times, put } of edits) {
    let count = 0;
    source = source.replace(find, (...match) => {
      count++;
      return typeof put === "string" ? put : put(...(match as string[]));
    });
    if (count !== times) throw new Error(`${file}: ${String(find)} matched ${count} times, expected ${times}`);
  }
  return { contents: head + source, loader: "js", resolveDir: path.dirname(file) };
}

/**
 * yoga-layout instantiates its WebAssembly with a top-level await. Here the constants exist at once (ink reads them
 * while loading) and `ready()` from src/ui/yoga.ts, awaited before the first render, fills in the rest.
 */
function yoga(root: string): Plugin {
  return {
    name: "yoga",
    setup(build) {
      const resolveDir = path.join(root, "node_modules");
      build.onResolve({ filter: /^yoga-layout$/ }, () => ({ path: "yoga", namespace: "yoga" }));
      build.onLoad({ filter: /^yoga$/, namespace: "yoga" }, () => ({
        resolveDir,
        contents: `import constants from "./yoga-layout/dist/src/generated/YGEnums.js";
          import { loadYoga } from "./yoga-layout/dist/src/load.js";
          const Yoga = { ...constants };
          let loading;
          export const ready = () => (loading ??= loadYoga().then((real) => void Object.assign(Yoga, real)));
          export default Yoga;
          export * from "./yoga-layout/dist/src/generated/YGEnums.js";`,
      }));
      build.onLoad({ filter: /[\\/]src[\\/]ui[\\/]yoga\.ts$/ }, () => ({
        resolveDir,
        contents: `export { ready } from "yoga-layout";`,
      }));
      // The WebAssembly lies in the file as base64; fetching it from there would load Node's whole fetch, 40 ms.
      build.onLoad({ filter: /[\\/]yoga-wasm-base64-esm\.js$/ }, ({ path: file }) =>
        edited(file, [{ find: /"function"!=typeof fetch/g, times: 2, put: "!0" }]),
      );
      // The WebAssembly lies in the file as base64; fetching it from there would load Node's whole fetch, 40 ms.
      build.onLoad({ filter: /[\\/]yoga-wasm-base64-esm\.js$/ }, ({ path: file }) =>
        edited(file, [{ find: /"function"!=typeof fetch/g, times: 2, put: "!0" }]),
      );
    },
  };
}

/** ink loads its developer tools behind two top-level awaits, which CommonJS cannot hold. */
const ink: Plugin = {
  name: "ink",
  setup(build) {
    build.onLoad({ filter: /[\\/]ink[\\/]build[\\/]reconciler\.js$/ }, ({ path: file }) =>
      edited(file, [{ find: /^if \(process\.env\['DEV'\] === 'true'\) \{\n[\s\S]*?^\}\n/gm, times: 2, put: "" }]),
    );
    const optional = /^(react-devtools-core|term\.js|pty\.js)$/;
    build.onResolve({ filter: optional }, () => ({ path: "absent", namespace: "absent" }));
    build.onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "module.exports = {};" }));
  },
};

const TERMINFO = ["xterm", "xterm-256color", "linux"] as const;

/** blessed requires its widgets by computed name and reads terminfo and fonts from its own folder. */
function blessed(root: string): Plugin {
  const embedded = Object.fromEntries(
    TERMINFO.map((name) => [name, readFileSync(path.join(root, "node_modules/blessed/usr", name)).toString("base64")]),
  );
  return {
    name: "blessed",
    setup(build) {
      build.onLoad({ filter: /[\\/]blessed[\\/]lib[\\/]widget\.js$/ }, ({ path: file }) => {
        const list = /widget\.classes = \[([\s\S]*?)\]/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
        const names = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name ?? "");
        if (names.length < 30) throw new Error(`${file}: expected over 30 widget classes, found ${names.length}`);
        const requires = names.map((name) => {
          const low = name.toLowerCase();
          return `widget[${JSON.stringify(name)}] = widget["${low}"] = require("./widgets/${low}");`;
        });
        return edited(file, [
          { find: /widget\.classes\.forEach\([\s\S]*?\n\}\);/g, times: 1, put: () => requires.join("\n") },
        ]);
      });
      build.onLoad({ filter: /[\\/]blessed[\\/]lib[\\/]tput\.js$/ }, ({ path: file }) =>
        edited(
          file,
          [
            { find: /__dirname \+ '\/\.\.\/usr\/xterm\.termcap'/g, times: 1, put: "'/nonexistent'" },
            { find: /__dirname \+ '\/\.\.\/usr\/' \+ name \+ '\.termcap'/g, times: 1, put: "'/nonexistent'" },
            { find: /__dirname \+ '\/\.\.\/usr\/xterm'/g, times: 1, put: "'embedded:xterm'" },
            { find: /__dirname \+ '\/\.\.\/usr\/' \+ name/g, times: 1, put: "'embedded:' + name" },
            {
              find: /Tput\.prototype\.readTerminfo = function\(term\) \{/g,
              times: 1,
              put: (head) => `${head}
  var inside = /^embedded:(.*)$/.exec(String(term));
  if (inside) {
    if (!__terminfo[inside[1]]) throw new Error("no embedded terminfo " + inside[1]);
    return this.parseTerminfo(Buffer.from(__terminfo[inside[1]], "base64"), inside[1]);
  }`,
            },
          ],
          `var __terminfo = ${JSON.stringify(embedded)};\n`,
        ),
      );
      build.onLoad({ filter: /[\\/]blessed[\\/]lib[\\/]widgets[\\/]bigtext\.js$/ }, ({ path: file }) =>
        edited(file, [{ find: /__dirname \+ '[^']*\.json'/g, times: 2, put: "'/nonexistent'" }]),
      );
    },
  };
}

/** `new Buffer(size)` warns on every start once it is no longer inside node_modules. */
const buffers: Plugin = {
  name: "buffers",
  setup(build) {
    build.onLoad({ filter: /[\\/]blessed[\\/]lib[\\/]gpmclient\.js$/ }, ({ path: file }) =>
      edited(file, [{ find: /new Buffer\(/g, times: 2, put: "Buffer.alloc(" }]),
    );
    build.onLoad({ filter: /[\\/]drawille-blessed-contrib[\\/]index\.js$/ }, ({ path: file }) =>
      edited(file, [{ find: /new Buffer\(/g, times: 1, put: "Buffer.alloc(" }]),
    );
  },
};

/** Every command measures text somewhere, few meet more than ASCII: the segmenter's tables are loaded when one does. */
const width: Plugin = {
  name: "width",
  setup(build) {
    build.onLoad({ filter: /[\\/]string-width[\\/]index\.js$/ }, ({ path: file }) => {
      // Older copies that a library brings along load nothing early.
      if (!readFileSync(file, "utf8").includes("new Intl.Segmenter")) return undefined;
      return edited(file, [
        {
          find: /^const segmenter = new Intl\.Segmenter\(\);$/gm,
          times: 1,
          put: `let loaded;
const segmenter = { segment: (text) => (loaded ??= new Intl.Segmenter()).segment(text) };`,
        },
      ]);
    });
  },
};

/** The addon's own loader searches node_modules; ours looks beside the bundle or inside the binary. */
function addon(root: string): Plugin {
  return {
    name: "addon",
    setup(build) {
      build.onLoad({ filter: /[\\/]classic-level[\\/]binding\.js$/ }, () => ({
        resolveDir: path.join(root, "bin/bundle"),
        contents: `module.exports = require("./native.ts").loadAddon("classic-level.node");`,
      }));
    },
  };
}

/** What few starts need and Node takes milliseconds to bring up. */
const LATE = [
  "https",
  "crypto",
  "child_process",
  "worker_threads",
  "dns/promises",
  "fs/promises",
  "perf_hooks",
  "tls",
  "tty",
  "v8",
];

/** Node's own modules that are slow to load are loaded when something of theirs is first used. */
const late: Plugin = {
  name: "late",
  setup(build) {
    const require = createRequire(import.meta.url);
    build.onResolve({ filter: /^(?:node:)?[a-z_/0-9]+$/ }, ({ path: asked }) => {
      const name = asked.replace(/^node:/, "");
      return LATE.includes(name) ? { path: `node:${name}`, namespace: "late" } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: "late" }, ({ path: name }) => {
      const names = Object.keys(require(name) as object).filter((key) => /^\w+$/.test(key));
      const of = `process.getBuiltinModule(${JSON.stringify(name)})`;
      return {
        contents: `module.exports = {${names.map((key) => `get ${key}() { return ${of}.${key}; }`).join(",")}};`,
      };
    });
  },
};

/** Packages that are large to bring up and seldom asked; their exports may be used inside functions only. */
const LATE_PACKAGES = { re2js: ["RE2JS"] } as const;

/** The same for packages: what lies in the bundle runs when something of it is first used. */
function latePackages(root: string): Plugin {
  return {
    name: "late-packages",
    setup(build) {
      const names = new RegExp(`^(?:${Object.keys(LATE_PACKAGES).join("|")})$`);
      build.onResolve({ filter: names }, ({ path: name, namespace }) =>
        namespace === "late-package" ? undefined : { path: name, namespace: "late-package" },
      );
      build.onLoad({ filter: /.*/, namespace: "late-package" }, ({ path: name }) => ({
        resolveDir: root,
        contents: `module.exports = {${LATE_PACKAGES[name as keyof typeof LATE_PACKAGES]
          .map((key) => `get ${key}() { return require(${JSON.stringify(name)}).${key}; }`)
          .join(",")}};`,
      }));
    },
  };
}

/** A bundle for one command: the engine starts without reading the screens. */
export function only(command: string): Plugin {
  return {
    name: "only",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]cli[\\/]registry\.ts$/ }, ({ path: file }) => ({
        resolveDir: path.dirname(file),
        contents: `import { ${command} } from "./commands/${command}.ts";
          export const COMMANDS = [${command}];`,
      }));
    },
  };
}

/** Large packages that an engine needs to tell somebody something, or to scrape through a proxy. */
const APART = ["undici", "grammy"] as const;

/** What is bundled under its own name, for `apart` to find. */
export const APART_CODE: string = `module.exports = {${APART.map((name) => `get ${name}() { return require("${name}"); }`).join(",")}};`;

/** Leaves those packages to a file beside the bundle: a start would read half as much text again for nothing. */
export function apart(file: string): Plugin {
  return {
    name: "apart",
    setup(build) {
      const names = new RegExp(`^(?:${APART.join("|")})$`);
      build.onResolve({ filter: names }, ({ path: name }) => ({ path: name, namespace: "apart" }));
      build.onLoad({ filter: /.*/, namespace: "apart" }, ({ path: name }) => ({
        contents: `module.exports = require(__dirname + "/${file}").${name};`,
      }));
    },
  };
}

export function bundlePlugins(root: string): Plugin[] {
  return [yoga(root), ink, blessed(root), buffers, width, late, latePackages(root), addon(root)];
}
