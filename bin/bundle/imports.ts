/**
 * How a bundle imports what is no ES module, Node's own modules above all. esbuild gives each importing file an object of its own with a
 * getter for every export: some thousands of closures, 2 ms of every start. Here that object has the module as its prototype.
 */

const NAME = String.raw`([\w$]+)`;

/** esbuild's helper `__toESM`, whether its names are shortened or not. */
const HELPER = new RegExp(
  String.raw`\(${NAME},${NAME},${NAME}\)=>\(\3=\1!=null\?${NAME}\(${NAME}\(\1\)\):\{\},` +
    String.raw`${NAME}\((\2\|\|!\1\|\|!\1\.__esModule)\?${NAME}(\(\3,"default",\{value:\1,enumerable:!0\}\)):\3,\1\)\)`,
  "g",
);

/** @throws Error when esbuild's helper no longer looks as it did. */
export function importsByPrototype(bundle: string): string {
  let count = 0;
  const text = bundle.replace(HELPER, (_, mod, mode, made, create, _proto, _copy, asDefault, define, how) => {
    count++;
    return `(${mod},${mode},${made})=>(${made}=${create}(Object(${mod})),${asDefault}?${define}${how}:${made})`;
  });
  if (count !== 1) throw new Error(`esbuild's __toESM was found ${count} times, expected once`);
  return text;
}
