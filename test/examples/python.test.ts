// examples/python against the real service: what it measures agrees with the exact values, and a wrong answer is noticed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PYTHON_MISSING, pythonWithNumpy } from '../support/python.ts';
import { startRealService, type RealService } from '../support/real-service.ts';
import type { Said } from '../support/processes.ts';

if (pythonWithNumpy === null) process.stderr.write(`examples/python: skipped, ${PYTHON_MISSING}\n`);

let service: RealService;
beforeAll(async () => {
  service = await startRealService();
});
afterAll(() => service.close());

/** The service runs in this process, so that the child must not block it. */
function python(words: string[], env: Record<string, string> = {}): Promise<Said> {
  const child = spawn(pythonWithNumpy ?? 'python3', words, {
    env: {
      ...process.env,
      PYTHONPATH: 'examples/python',
      PYTHONDONTWRITEBYTECODE: '1',
      THERMOLOOP_URL: service.url,
      THERMOLOOP_KEY: service.key,
      ...env,
    },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? -1, ...said })));
}

describe.skipIf(pythonWithNumpy === null)('examples/python', () => {
  it('moments.py finds every moment of the linear system within its error', async () => {
    const said = await python(['examples/python/moments.py']);
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(said.out).toMatch(/1500 samples of chip-0, a twin/);
    expect(said.out.match(/^(<x|cov)/gm)).toHaveLength(9);
  });

  it('moments.py notices samples of another system', async () => {
    // Its own program with one entry of A changed after the upload.
    const source = readFileSync('examples/python/moments.py', 'utf8');
    const wrong = source.replace('return 0 if compare(x)', 'A[0, 0] += 1.0\n    return 0 if compare(x)');
    expect(wrong).not.toBe(source);
    const said = await python(['-c', wrong]);
    expect([said.code, said.err]).toEqual([1, '']);
  });

  it('says what to do when it is refused, and when nobody is there', async () => {
    const refused = await python(['examples/python/moments.py', 'chip-9']);
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/unknown-device/)]);
    const stranger = await python(['examples/python/moments.py'], { THERMOLOOP_KEY: 'tlk_no_one' });
    expect([stranger.code, stranger.err]).toEqual([1, expect.stringMatching(/unauthenticated/)]);
    const nobody = await python(['examples/python/moments.py'], { THERMOLOOP_URL: 'http://127.0.0.1:1' });
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringMatching(/thermoloop serve/)]);
  });
});
