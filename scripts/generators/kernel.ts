// Compiles the twin's integer kernel (AssemblyScript) to WebAssembly; compared byte for byte with what is committed, so
// that nobody runs other bits than the sources say. (The Gaussian table is built at start-up and checked by its hash.)
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const compiler = 'node_modules/assemblyscript/bin/asc.js';
const source = 'firmware-sim/chip/kernel/assembly/index.ts';
const target = 'firmware-sim/chip/kernel/wasm/kernel.wasm';

// No runtime and no managed objects; shared memory from outside; static data (there is none) stays in page 0.
const flags = [
  ...['--runtime', 'stub', '--noAssert', '--optimizeLevel', '3', '--shrinkLevel', '0', '--converge'],
  ...['--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory'],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--memoryBase', '1024'],
];

export async function outputs(): Promise<Map<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), 'thermoloop-kernel-'));
  try {
    const file = join(folder, 'kernel.wasm');
    await promisify(execFile)(process.execPath, [compiler, source, '--outFile', file, ...flags]);
    return new Map([[target, await readFile(file)]]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
