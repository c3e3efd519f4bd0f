// build.mjs: the console as one C file (console_files.c), or its tests as plain JavaScript (--tests).
// Runs in a copy of this folder beside node_modules (scripts/console makes both) and writes nothing
// elsewhere. The same sources, lock file and node give the same bytes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const TYPES = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
};
const COMMON = {
  bundle: true,
  charset: "utf8",
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none", // the whole licences are in licenses.txt
  logLevel: "warning",
  target: "es2022",
  write: false,
};

function hashOf(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

// The packages of which something is in the bundle, with their licences.
function licensesOf(inputs) {
  const names = new Set();
  for (const path of Object.keys(inputs)) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (match) names.add(match[1]);
  }
  const parts = ["The web console of Skald is made with the packages below.\n"];
  for (const name of [...names].sort()) {
    const folder = `node_modules/${name}`;
    const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} comes without the text of its licence`);
    parts.push(`${"-".repeat(80)}\n${name} ${about.version} (${about.license})\n`);
    parts.push(readFileSync(`${folder}/${file}`, "utf8"));
  }
  return Buffer.from(parts.join("\n"));
}

// Bytes as a C string: octal escapes, always three digits, lines of a bearable length.
function literalOf(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 40) {
    let line = "";
    for (const byte of bytes.subarray(at, at + 40)) {
      const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
      line += isPlain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`;
    }
    lines.push(`    "${line}"`);
  }
  return lines.join("\n");
}

function sourceOf(files) {
  const out = ["/* Made by console/build.mjs. */", '#include "api/console.h"', ""];
  const rows = [];
  files.forEach((file, i) => {
    const packed = gzipSync(file.bytes, { level: constants.Z_BEST_COMPRESSION });
    packed[9] = 255; // the system that packed it does not matter
    out.push(`static const char plain_${i}[] =\n${literalOf(file.bytes)};`);
    out.push(`static const char packed_${i}[] =\n${literalOf(packed)};`);
    rows.push(
      `    { "${file.path}", "${TYPES[file.path.split(".").pop()] ?? TYPES.html}",\n` +
        `      "W/\\"${hashOf(file.bytes)}\\"", ${file.path !== "/"},\n` +
        `      { plain_${i}, sizeof plain_${i} - 1 }, { packed_${i}, sizeof packed_${i} - 1 } },`,
    );
  });
  out.push("const struct sk_console_file sk_console_files[] = {", ...rows, "};");
  out.push(`const size_t sk_console_files_count = ${files.length};`, "");
  return out.join("\n");
}

async function makeConsole() {
  const result = await build({
    ...COMMON,
    entryPoints: { app: "src/main.tsx", style: "src/style.css" },
    metafile: true,
    minify: true,
    outdir: "out",
  });
  const files = [];
  const names = {};
  const add = (name, bytes) => {
    const dot = name.lastIndexOf(".");
    const path = `/console/${name.slice(0, dot)}.${hashOf(bytes).slice(0, 8)}${name.slice(dot)}`;
    files.push({ path, bytes });
    names[name] = path;
  };
  for (const file of result.outputFiles) {
    add(file.path.split("/").pop(), Buffer.from(file.contents));
  }
  add("icon.svg", readFileSync("src/icon.svg"));
  add("licenses.txt", licensesOf(result.metafile.inputs));
  const page = readFileSync("src/index.html", "utf8").replace(/%([a-z.]+)%/g, (_, name) => {
    if (!names[name]) throw new Error(`index.html names ${name}, which is not there`);
    return names[name];
  });
  files.unshift({ path: "/", bytes: Buffer.from(page) });
  const source = sourceOf(files);
  const target = "console_files.c";
  if (!existsSync(target) || readFileSync(target, "utf8") !== source) writeFileSync(target, source);
}

async function makeTests() {
  rmSync("out/test", { recursive: true, force: true });
  mkdirSync("out/test", { recursive: true });
  const result = await build({
    ...COMMON,
    entryPoints: readdirSync("test").filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`),
    outdir: "out/test",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    sourcemap: "inline",
  });
  for (const file of result.outputFiles) writeFileSync(file.path, file.contents);
}

await (process.argv[2] === "--tests" ? makeTests() : makeConsole());
