// Runs a model's code in QuickJS: gives it a console, timers and its input, and shows the value of its last expression.
// It is evaluated as a module: scriptArgs is [code], standard input is what the code is given as `input`.
import * as std from "qjs:std";
import * as os from "qjs:os";

const { apply } = Reflect;
const code = scriptArgs[0];
const input = std.in.readAsString();

// Values as a person would write them, to a depth and a length that a reader can bear.
const MAX_DEPTH = 4;
const MAX_ITEMS = 100;

function quoted(text) {
  return JSON.stringify(text);
}

function key(name) {
  if (typeof name === "symbol") return `[${String(name)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

function list(open, items, close) {
  if (items.length === 0) return open + close;
  const line = `${open} ${items.join(", ")} ${close}`;
  if (line.length <= 100 && !line.includes("\n")) return line;
  return `${open}\n  ${items.map((item) => item.replaceAll("\n", "\n  ")).join(",\n  ")}\n${close}`;
}

function some(count, item) {
  const items = [];
  for (let i = 0; i < count && i < MAX_ITEMS; i++) items.push(item(i));
  if (count > MAX_ITEMS) items.push(`… ${count - MAX_ITEMS} more`);
  return items;
}

function failure(error) {
  const head = String(error);
  const stack = typeof error.stack === "string" ? error.stack.trimEnd() : "";
  return stack ? `${head}\n${stack}` : head;
}

function shown(value, depth, above) {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return `${value}n`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "function":
      return `[${value.prototype && /^class\b/.test(String(value)) ? "class" : "function"} ${value.name || "(anonymous)"}]`;
    case "object":
      return value === null ? "null" : object(value, depth, above);
    default:
      return String(value);
  }
}

function object(value, depth, above) {
  if (above.includes(value)) return "[circular]";
  if (value instanceof Error) return failure(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "[promise]";
  const next = [...above, value];
  const inner = (item) => shown(item, depth + 1, next);
  const array = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  const name = value.constructor?.name ?? "";
  if (depth > MAX_DEPTH) return array ? `[${name || "Array"}]` : `[${name || "Object"}]`;
  if (array) {
    const items = some(value.length, (i) => (i in value ? inner(value[i]) : "<empty>"));
    return (name === "Array" ? "" : `${name} `) + list("[", items, "]");
  }
  if (value instanceof Map) {
    const pairs = [...value];
    return `Map(${pairs.length}) ` + list("{", some(pairs.length, (i) => pairs[i].map(inner).join(" => ")), "}");
  }
  if (value instanceof Set) {
    const items = [...value];
    return `Set(${items.length}) ` + list("{", some(items.length, (i) => inner(items[i])), "}");
  }
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return shown(value.valueOf(), depth, above);
  const names = Reflect.ownKeys(value).filter((name) => Object.getOwnPropertyDescriptor(value, name)?.enumerable);
  const items = some(names.length, (i) => `${key(names[i])}: ${inner(value[names[i]])}`);
  return (name === "Object" || name === "" ? "" : `${name} `) + list("{", items, "}");
}

// What a getter or a proxy of the code throws is the code's own failure, and not this script's.
function show(value) {
  try {
    return shown(value, 0, []);
  } catch (error) {
    return `[cannot be shown: ${String(error)}]`;
  }
}

function line(values) {
  return values.map((value) => (typeof value === "string" ? value : show(value))).join(" ") + "\n";
}

function write(file, text) {
  file.puts(text);
  file.flush();
}

const console = {};
for (const name of ["log", "info", "debug", "table", "dir"]) console[name] = (...values) => write(std.out, line(values));
for (const name of ["error", "warn", "trace"]) console[name] = (...values) => write(std.err, line(values));
console.assert = (fine, ...values) => {
  if (!fine) console.error("assertion failed:", ...values);
};

// Timers on a time that does not pass: the next one is due as soon as nothing else is left to do.
const timers = new Map();
let time = 0;
let last = 0;

function timer(call, after, args, every) {
  if (typeof call !== "function") throw new TypeError("a timer needs a function");
  const wait = Math.max(1, Number(after) || 0);
  timers.set(++last, { call, args, due: time + wait, every: every ? wait : 0 });
  return last;
}

function next() {
  let first;
  for (const [id, { due }] of timers) if (first === undefined || due < timers.get(first).due) first = id;
  return first;
}

function fire(id) {
  const { call, args, due, every } = timers.get(id);
  time = due;
  if (every) timers.get(id).due = due + every;
  else timers.delete(id);
  apply(call, undefined, args);
}

// Lets promises go on. A wait for the outer loop has it look for rejections that nobody handles, which end the program.
const TURNS = 1000;

async function settle() {
  for (let turn = 0; turn < TURNS; turn++) await null;
  await new Promise((resolve) => os.setTimeout(resolve, 1));
}

async function run() {
  const { value } = await std.evalScript(code, { async: true, backtrace_barrier: true });
  return await value;
}

function fail(error) {
  write(std.err, `${error instanceof Error ? failure(error) : `uncaught ${show(error)}`}\n`);
  std.exit(1);
}

Object.assign(globalThis, {
  console,
  input,
  print: console.log,
  setTimeout: (call, after, ...args) => timer(call, after, args, false),
  setInterval: (call, after, ...args) => timer(call, after, args, true),
  setImmediate: (call, ...args) => timer(call, 0, args, false),
  clearTimeout: (id) => void timers.delete(id),
  clearInterval: (id) => void timers.delete(id),
});
for (const name of ["scriptArgs", "execArgv", "argv0", "navigator", "gc"]) delete globalThis[name];

let done = false;
let value;
const running = run().then(
  (result) => {
    done = true;
    value = result;
  },
  (error) => fail(error),
);
await settle();
for (let id = next(); id !== undefined; id = next()) {
  try {
    fire(id);
  } catch (error) {
    fail(error);
  }
  await settle();
}
if (!done) {
  // Nothing can wake it any more but its own promises. A rejection that nobody handles ends the program when all of them are idle.
  const idle = Promise.reject(new Error("the code waits for a promise that nothing will ever resolve"));
  await running;
  idle.catch(() => {});
  await settle();
}
if (value !== undefined) write(std.out, `${typeof value === "string" ? value : show(value)}\n`);
