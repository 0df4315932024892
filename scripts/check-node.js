// First test of all: say in one sentence which Node runs, and stop where it cannot strip types.
// Install scripts may be disabled, and then `npm run` silently falls back to the system's Node.
var have = process.versions.node.split('.').map(Number);
if (have[0] < 22 || (have[0] === 22 && have[1] < 18)) {
  process.stderr.write(
    'thermoloop needs Node.js 22.18 or newer; npm run found ' +
      process.versions.node +
      '.\n' +
      'The devDependency `node` brings 24 with an install script; if scripts are disabled, run: npm rebuild node --ignore-scripts=false\n',
  );
  process.exit(1);
}
