// A Node that is too old gets a sentence: the entry refuses by version before anything newer is parsed or loaded.
import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';

/** Runs a plain script as if under another version; returns what it said and how it exited. */
function underNode(version: string, file: string): { said: string; exit: number | null } {
  let said = '';
  let exit: number | null = null;
  const stop = new Error('exit');
  const process = {
    versions: { node: version },
    execPath: '/usr/bin/node',
    stderr: { write: (text: string) => (said += text) },
    exit: (code: number) => {
      exit = code;
      throw stop;
    },
  };
  // A dynamic import has no meaning in this sandbox: only the part before it is of interest.
  const source = readFileSync(file, 'utf8').replace(/^#!.*/, '').split('// Node refuses to strip')[0];
  try {
    vm.runInNewContext(source, { process });
  } catch (error) {
    if (error !== stop) throw error;
  }
  return { said, exit };
}

describe.each(['bin/thermoloop.js', 'scripts/check-node.js'])('%s', (file) => {
  it.each(['20.20.2', '22.17.1', '18.0.0'])('refuses Node %s and says what to do', (version) => {
    const { said, exit } = underNode(version, file);
    expect(exit).toBe(1);
    expect(said).toContain(version);
    expect(said).toMatch(/22\.18.*\n.*npm (run|rebuild)/s);
  });

  it.each(['22.18.0', '24.21.0', '26.1.0'])('accepts Node %s', (version) => {
    expect(underNode(version, file)).toEqual({ said: '', exit: null });
  });
});
