// Builds the published form: tsc for the sources, then the files beside them that tsc does not carry (wasm, tables, data,
// generated protobuf code). package.json and proto stay at the top and are found from dist by one more step up.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, rmSync } from 'node:fs';

const carried = [
  'firmware-sim/chip/kernel/wasm/*',
  'firmware-sim/chip/profile/profiles/*',
  'src/link/messages/generated/*.{js,d.ts}',
  'src/training/data/*.md',
];

rmSync('dist', { recursive: true, force: true });
const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
for (const pattern of carried)
  for (const path of globSync(pattern)) cpSync(path, `dist/${path}`, { recursive: true });
