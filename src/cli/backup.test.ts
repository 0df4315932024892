// The commands as a person runs them: on a folder, and what they say when something is wrong.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSchema3 } from '../store/contract/schema-3.test-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'thermoloop-backup-'));
const at = (name: string): string => join(folder, name);
beforeAll(() => makeSchema3(at('data')));
afterAll(() => rmSync(folder, { recursive: true }));

function thermoloop(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, THERMOLOOP_DATABASE_URL: '', THERMOLOOP_BLOBS: '', THERMOLOOP_DATA: '' };
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/thermoloop.js', ...words], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

describe('thermoloop backup and restore', () => {
  it('copy a data directory out and back in, and say how much that was', async () => {
    const made = await thermoloop('backup', at('b'), '--data', at('data'));
    expect([made.code, made.out]).toEqual([
      0,
      expect.stringMatching(/^backed up: 9 rows, 4 blobs \(0\.0 MB\), schema 3/),
    ]);
    expect(made.err).toContain('rows');
    expect(statSync(at('b')).mode & 0o077).toBe(0);
    const back = await thermoloop('restore', at('b'), '--data', at('new'), '--json');
    expect(back.code).toBe(0);
    expect(JSON.parse(back.out)).toMatchObject({
      format: 'thermoloop-backup',
      schema: 3,
      blobs: { count: 4 },
    });
    expect(back.err).toBe('');
    const next = await thermoloop('backup', at('c'), '--data', at('new'), '--json');
    expect(JSON.parse(next.out)).toMatchObject({ blobs: { count: 4 } });
  });

  it('say what is wrong and what to do', async () => {
    const cases: [string[], RegExp][] = [
      [['backup', at('x'), '--data', at('nowhere')], /there is no database.*\nName the data directory/],
      [['backup', at('data'), '--data', at('data')], /exists already\n.*nothing is yet/],
      [['restore', at('data'), '--data', at('y')], /no backup: it has no manifest/],
      [['restore', at('b'), '--data', at('data')], /is not empty/],
      [['backup', at('x'), '--database', 'mysql://u:hunter2@h/d'], /not one of PostgreSQL/],
      [['backup', at('x'), '--database', 'postgres://u:hunter2@h/d'], /THERMOLOOP_BLOBS/],
    ];
    for (const [words, says] of cases) {
      const { code, out, err } = await thermoloop(...words);
      expect([words, out, err]).toEqual([words, '', expect.stringMatching(says)]);
      expect(code).toBeGreaterThan(0);
      expect(err).not.toContain('hunter2');
    }
    writeFileSync(
      at('b/tables/audit.jsonl'),
      readFileSync(at('b/tables/audit.jsonl'), 'utf8').replace('done', 'DONE'),
    );
    const damaged = await thermoloop('restore', at('b'), '--data', at('z'), '--json');
    expect(damaged.code).toBe(1);
    expect(JSON.parse(damaged.out)).toMatchObject({
      error: { code: 'bad-backup', message: expect.stringContaining('audit.jsonl') as string },
    });
  });
});
