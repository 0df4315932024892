#!/usr/bin/env node
// Entry of the command line. Kept in the JavaScript that any old Node can parse, so that a Node which is too
// old gets a sentence instead of a stack trace; everything else starts in src/cli/main.ts (or its build).
var need = [22, 18];
var have = process.versions.node.split('.').map(Number);
if (have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])) {
  process.stderr.write(
    'thermoloop needs Node.js ' +
      need.join('.') +
      ' or newer; this is ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').\n' +
      'In a checkout, run it through npm (for example: npm run thermoloop -- --help), which brings its own Node;\n' +
      'if install scripts were disabled, fetch that Node once with: npm rebuild node --ignore-scripts=false\n',
  );
  process.exit(1);
}
// Node refuses to strip types below node_modules: a published package runs its build, a checkout its sources.
import('node:fs').then(function (fs) {
  var sources = new URL('../src/cli/main.ts', import.meta.url);
  var build = new URL('../dist/src/cli/main.js', import.meta.url);
  return import((fs.existsSync(sources) ? sources : build).href);
});
