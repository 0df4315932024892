import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceError, deviceErrorCodes } from '../../device/index.ts';
import { JobErrorCode } from '../../jobs/index.ts';
import { linkErrorCodes } from '../../link/index.ts';
import { PhysicsError, physicsErrorCodes } from '../../physics/index.ts';
import { StoreError, StoreErrorCode } from '../../store/index.ts';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import {
  deviceProblems,
  fromLowerFloor,
  jobProblems,
  linkProblems,
  physicsProblems,
  storeProblems,
} from './lower.ts';
import { isProblemCode, problemCodes, problemTable } from './table.ts';

const documented = readFileSync('docs/problems.md', 'utf8');

describe('the problem table', () => {
  it.each(problemCodes)('%s says when it comes, what to do, and stands in docs/problems.md', (code) => {
    const { status, title, when, remedy } = problemTable[code];
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title.length).toBeGreaterThan(10);
    expect(when).toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
    expect(documented).toContain(`| \`${code}\` | ${status} |`);
  });

  it.each([
    ['store', Object.values(StoreErrorCode), storeProblems],
    ['physics', physicsErrorCodes, physicsProblems],
    ['jobs', Object.values(JobErrorCode), jobProblems],
    ['device', deviceErrorCodes, deviceProblems],
    ['link', linkErrorCodes, linkProblems],
  ] as [string, readonly string[], Record<string, string>][])(
    'every code of the %s floor has a problem, and no other has',
    (_floor, codes, table) => {
      expect(Object.keys(table).sort()).toEqual([...codes].sort());
      for (const problem of Object.values(table)) expect(isProblemCode(problem)).toBe(true);
    },
  );

  it('keeps place, range, outcome and remedy of the lower error', () => {
    const outOfRange = new PhysicsError('coupling-out-of-range', 'too much', {
      pointer: '/couplings/3/7',
      allowed: { min: -1, max: 1 },
    });
    expect(fromLowerFloor(outOfRange)).toMatchObject({
      code: 'coupling-out-of-range',
      extras: { errors: [{ pointer: '/couplings/3/7', allowed: { min: -1, max: 1 } }] },
    });
    const lost = fromLowerFloor(new DeviceError('link-lost', 'gone'));
    expect(lost).toMatchObject({ code: 'link-lost', retryable: true, extras: { outcome: 'unknown' } });
    const full = new StoreError('storage-full', 'no room');
    expect(fromLowerFloor(full)).toMatchObject({
      code: 'storage-full',
      statusCode: 507,
      remedy: full.remedy,
    });
    expect(fromLowerFloor(new TypeError('a defect'))).toBeNull();
  });
});

describe('/problems', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  it.each(problemCodes)('%s has a page for people and one for programs', async (code) => {
    const html = await service.call('GET', `/problems/${code}`, { headers: { accept: 'text/html' } });
    expect(html.headers['content-type']).toMatch(/^text\/html/);
    expect(html.body).toContain(code);
    const json = await service.call('GET', `/problems/${code}`);
    expect(json.json()).toMatchObject({ code, remedy: problemTable[code].remedy });
  });

  it('lists all codes, and answers an unknown one with a problem', async () => {
    const list = await service.call('GET', '/problems');
    expect(list.json<{ items: unknown[] }>().items).toHaveLength(problemCodes.length);
    const page = await service.call('GET', '/problems', { headers: { accept: 'text/html' } });
    expect(page.body).toContain('/problems/link-lost');
    const unknown = await service.call('GET', '/problems/no-such-code');
    expect(unknown.statusCode).toBe(404);
    expect(unknown.json()).toMatchObject({ code: 'unknown-problem' });
  });
});
