// Computes the golden states of the twin's kernel on the Node that runs this, and compares them with
// test/vectors/kernel-states.json; with --print it shows the states of a new version of that file instead (which asks for
// a bump of its `version` and a reason in the changelog).
import { computeGoldenStates, readGoldenFile } from '../../test/support/golden-states.ts';

const results = await computeGoldenStates();
if (process.argv.includes('--print')) {
  const states = results.map(({ name, about, sha256 }) => ({ name, about, sha256: sha256.oracle }));
  console.log(JSON.stringify(states, null, 2));
  process.exit(0);
}
const golden = readGoldenFile();
const expected = new Map(golden.states.map(({ name, sha256 }) => [name, sha256]));
let wrong = golden.states.length === results.length ? 0 : 1;
console.log(
  `kernel states, version ${golden.version}: Node ${process.version}, V8 ${process.versions.v8}, ${process.arch}`,
);
for (const { name, sha256 } of results) {
  const ways = Object.entries(sha256);
  const different = ways.filter(([, hash]) => hash !== expected.get(name));
  wrong += different.length;
  console.log(
    `  ${expected.get(name) ?? 'not recorded'}  ${name}: ${ways.length - different.length} of ${ways.length} ways`,
  );
  for (const [way, hash] of different) console.log(`  ${hash}  ${name}, ${way}: DIFFERENT`);
}
if (wrong > 0) {
  console.error(
    'kernel states differ from test/vectors/kernel-states.json: the samples of every seed would change',
  );
  process.exit(1);
}
