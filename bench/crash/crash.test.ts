// That the bench finds what it is for, and nothing where there is nothing: two rounds of each.
import { describe, expect, it } from 'vitest';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Figure } from '../figure.ts';
import { run } from '../benches/crash.ts';
import { check, checkEnds, Findings } from './check.ts';
import { digestOfJob, Ledger, type JobView } from './ledger.ts';

const figuresOf = async (...options: string[]): Promise<Record<string, Figure>> => {
  const figures = await run({ say: () => undefined, options: ['--postgres-rounds', '0', ...options] });
  return Object.fromEntries(figures.map((figure) => [figure.name, figure]));
};

describe('the crash bench', () => {
  it('finds nothing lost of a service that commits before it answers', { timeout: 300_000 }, async () => {
    const figures = await figuresOf('--rounds', '2', '--seed', '3');
    expect([figures['sqlite.lost'].value, figures['sqlite.doubled'].value]).toEqual([0, 0]);
    expect(figures['sqlite.acknowledged'].value).toBeGreaterThan(0);
  });

  it('finds the losses of one that commits a moment later', { timeout: 300_000 }, async () => {
    const figures = await figuresOf('--rounds', '3', '--seed', '3', '--break', 'late-commit');
    expect(figures['sqlite.lost'].value).toBeGreaterThan(0);
    expect(figures['sqlite.lost'].holds).toBe(false);
  });

  it('refuses words it does not know', async () => {
    await expect(figuresOf('--break', 'nothing')).rejects.toThrow('late-commit');
    await expect(figuresOf('--rounds', 'many')).rejects.toThrow('whole number');
  });
});

describe('the check', () => {
  const job = (change: Partial<JobView>): JobView => ({
    id: 'a',
    state: 'succeeded',
    labels: { request: '1' },
    result: { bytes: 8 },
    finishedAt: 't',
    ...change,
  });
  /** What is found when the service shows these lists, after job `a` was acknowledged and followed to its end. */
  const found = async (lists: Record<string, object[]>): Promise<Findings> => {
    const server = createServer((request, response) => {
      const path = request.url?.split('?')[0] ?? '';
      response.end(JSON.stringify({ items: lists[path.slice('/v1/'.length)] ?? [], nextCursor: null }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const ledger = new Ledger();
    ledger.jobs.set('a', 1);
    ledger.endedJobs.set('a', {
      view: digestOfJob(job({})),
      state: 'succeeded',
      samples: null,
      certificate: null,
    });
    const findings = new Findings();
    const { port } = server.address() as AddressInfo;
    await check({ url: `http://127.0.0.1:${port}`, key: 'k' }, ledger, findings, []);
    checkEnds(ledger, findings);
    await new Promise((resolve) => server.close(resolve));
    return findings;
  };
  const audit = { action: 'job.submit', target: 'a' };

  it('is content when everything is there once', async () => {
    const { lost, doubled } = await found({ jobs: [job({})], audit: [audit] });
    expect([...lost, ...doubled]).toEqual([]);
  });

  it.each([
    ['a job', { jobs: [], audit: [audit] }],
    ['an audit row', { jobs: [job({})], audit: [] }],
    ['the result that was shown', { jobs: [job({ result: { bytes: 9 } })], audit: [audit] }],
  ])('misses %s', async (_what, lists) => {
    expect((await found(lists)).lost.size).toBe(1);
  });

  it.each([
    ['a second job of one request', { jobs: [job({}), job({ id: 'b' })], audit: [audit] }],
    ['a second audit row of one effect', { jobs: [job({})], audit: [audit, audit] }],
  ])('notices %s', async (_what, lists) => {
    const { lost, doubled } = await found(lists);
    expect([lost.size, doubled.size]).toEqual([0, 1]);
  });
});
