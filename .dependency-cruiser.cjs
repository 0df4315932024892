// The floors of the house (docs/architecture.md): an import may only point down. One rule per room says what it
// may import from the rest of the product; anything else fails the build.
const rooms = {
  cli: [
    'service',
    'monitoring',
    'jobs',
    'store',
    'calibration',
    'training',
    'device',
    'link',
    'transports',
    'physics',
    'client',
    'certificate',
    'clock',
    'firmware-sim',
  ],
  service: [
    'monitoring',
    'jobs',
    'store',
    'calibration',
    'training',
    'device',
    'certificate',
    'physics',
    'threads',
    'clock',
  ],
  monitoring: [],
  jobs: ['store', 'calibration', 'device', 'physics', 'threads', 'clock'],
  store: ['clock'],
  calibration: ['training', 'device', 'physics', 'clock'],
  training: ['physics'],
  device: ['link', 'transports', 'physics', 'clock'],
  link: ['transports', 'clock'],
  transports: ['clock'],
  certificate: ['physics'],
  physics: [],
  threads: [],
  clock: [],
  client: ['physics'],
};
const forbid = (name, path, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path, pathNot: '\\.test\\.ts$' },
  to,
});
const roomRules = Object.entries(rooms).map(([room, below]) => {
  const allowed = below
    .map((r) => (r === 'firmware-sim' ? '^firmware-sim/' : `^src/${r}/`))
    .concat([`^src/${room}/`]);
  return forbid(
    `floor-${room}`,
    `^src/${room}/`,
    { path: '^(src|firmware-sim|bench|scripts|test)/', pathNot: allowed },
    `src/${room} may import only: ${below.join(', ') || 'nothing of the house'}`,
  );
});

module.exports = {
  forbidden: [
    ...roomRules,
    forbid(
      'link-frame',
      '^src/link/frame/',
      { path: '^src/', pathNot: '^src/link/frame/' },
      'frame imports nothing',
    ),
    forbid(
      'link-messages',
      '^src/link/messages/',
      { path: '^src/', pathNot: '^src/link/(frame|messages)/' },
      'messages <- frame',
    ),
    forbid(
      'link-session',
      '^src/link/session/',
      { path: '^src/link/', pathNot: '^src/link/(frame|messages|session)/' },
      'session <- messages <- frame',
    ),
    forbid(
      'link-transfers',
      '^src/link/transfers/',
      { path: '^src/link/', pathNot: '^src/link/(frame|messages|session|transfers)/' },
      'transfers <- session',
    ),
    forbid(
      'link-capture',
      '^src/link/capture/',
      { path: '^src/link/', pathNot: '^src/link/(frame|messages|capture)/' },
      'capture <- messages <- frame',
    ),
    forbid(
      'link-public',
      '^src/(cli|service|jobs|device)/',
      { path: '^src/link/', pathNot: '^src/link/index\\.ts$' },
      'above the link only src/link/index.ts is visible',
    ),
    forbid(
      'twin-shares-codec-only',
      '^firmware-sim/',
      { path: '^src/', pathNot: '^src/link/(frame|messages)/' },
      'the twin shares the codec and the schema with the host, nothing it tests',
    ),
    forbid(
      'twin-ports',
      '^firmware-sim/firmware/',
      { path: '^firmware-sim/(ports|control)/' },
      'ports -> firmware -> chip',
    ),
    forbid(
      'twin-chip',
      '^firmware-sim/chip/',
      { path: '^(firmware-sim/(ports|control|firmware|faults)|src)/' },
      'the analog core knows no firmware, no link and no fault by name',
    ),
    forbid(
      'twin-faults',
      '^firmware-sim/faults/',
      { path: '^(firmware-sim/(ports|control|firmware)|src)/' },
      'ports -> faults -> chip',
    ),
    forbid(
      'twin-control',
      '^firmware-sim/ports/',
      { path: '^firmware-sim/control/' },
      'the control channel acts on the twin, the twin does not know of it',
    ),
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-to-dev-dep',
      severity: 'error',
      from: {
        path: '^(src|firmware-sim)/',
        pathNot: ['\\.test(-support)?\\.ts$', '^src/store/contract/'],
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(firmware-sim/chip/kernel/assembly|src/link/messages/generated|dist)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
