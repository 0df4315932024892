// That the fuzzer can fail: its judge finds what it is there for; and that its requests come from their seed.
import { describe, expect, it } from 'vitest';
import { floorGrowth } from './campaign.ts';
import { Contract } from './contract.ts';
import { Dice } from './dice.ts';
import { Judge, type Answer } from './judge.ts';
import { Pools, RequestMaker } from './requests.ts';
import { asCurl } from './send.ts';
import { RAW, toJsonText } from './values.ts';

const contract = Contract.read();
const judge = new Judge(contract, ['the-secret-of-a-key']);
const operation = contract.operations.find(
  ({ method, path }) => method === 'GET' && path === '/v1/keys/{id}',
);
if (operation === undefined) throw new Error('GET /v1/keys/{id} is gone');
const problem = {
  type: '/problems/forbidden',
  title: 'x',
  status: 403,
  detail: 'x',
  instance: '/',
  code: 'forbidden',
  retryable: false,
  remedy: 'x',
  docs: '/problems/forbidden',
  correlationId: 'x',
};
const answer = (status: number, body: unknown, type = 'application/problem+json'): Answer => ({
  status,
  headers: { 'content-type': type },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const found = (of: Answer, sent = ''): string[] =>
  judge.judge(operation, 'GET', sent, of).map((finding) => finding.kind);

describe('the judge', () => {
  it('takes a problem as it should be', () => {
    expect(found(answer(403, problem))).toEqual([]);
  });

  it.each<[string, Answer, string[]]>([
    ['a 500', answer(500, { ...problem, status: 500, code: 'internal-error' }), ['5xx']],
    ['a 503 that is not documented', answer(503, { ...problem, status: 503 }), ['5xx']],
    ['another status in the problem', answer(403, { ...problem, status: 404 }), ['contract']],
    ['a code that does not exist', answer(403, { ...problem, code: 'nope' }), ['contract']],
    ['an error in HTML', answer(403, '<h1>no</h1>', 'text/html'), ['contract']],
    ['a problem that is not JSON', answer(403, '{'), ['contract']],
    [
      'a 429 without Retry-After',
      answer(429, { ...problem, status: 429, code: 'rate-limited' }),
      ['contract'],
    ],
    ['an undocumented status', answer(418, { ...problem, status: 418 }), ['contract']],
    ['an answer off its schema', answer(200, { id: 7 }, 'application/json'), ['contract']],
    ['a stack', answer(403, { ...problem, detail: 'x\n    at f (/srv/a/app.ts:3:4)' }), ['leak']],
    ['an engine', answer(403, { ...problem, detail: 'SQLITE_BUSY' }), ['leak']],
    ['a secret', answer(403, { ...problem, detail: 'the-secret-of-a-key' }), ['leak']],
  ])('finds %s', (_what, given, kinds) => {
    expect(found(given)).toEqual(kinds);
  });

  it('lets a name come back that the client sent', () => {
    expect(found(answer(403, { ...problem, detail: 'no key kysely' }), '/v1/keys/kysely')).toEqual([]);
  });
});

describe('the floor of the heap', () => {
  it('rises with what is kept, not with what is alive for a moment', () => {
    const noise = [0, 9, 1, 7, 0, 8, 2, 0, 9, 0];
    const samples = (leak: number): number[] =>
      Array.from({ length: 40 }, (_, k) => 50 + noise[k % 10] + leak * k);
    expect(floorGrowth(samples(0))).toBe(0);
    expect(floorGrowth(samples(0.25))).toBeGreaterThan(4);
    expect(floorGrowth([1, 2])).toBe(0);
  });
});

describe('requests', () => {
  const maker = new RequestMaker(contract, new Pools());
  const keys = [{ name: 'admin', token: 'tlk_1_x' }];
  const make = (seed: number) => maker.make(new Dice(seed), keys);

  it('come from their seed, and every operation has its turn', () => {
    expect(make(5)).toEqual(make(5));
    const made = Array.from({ length: 3000 }, (_, seed) => make(seed));
    const meant = new Set(
      made.flatMap(({ operation: of }) => (of === null ? [] : [`${of.method} ${of.path}`])),
    );
    expect(meant.size).toBe(contract.operations.length);
  });

  it('are printed without the key', () => {
    for (let seed = 0; seed < 300; seed++)
      expect(asCurl('http://127.0.0.1:1', make(seed))).not.toContain('tlk_1_x ');
    const wire = {
      method: 'POST',
      path: "/a'b",
      headers: { a: "it's" },
      body: Buffer.from('{}'),
      operation: null,
      as: 'admin',
    };
    expect(asCurl('http://h', wire)).toBe(
      `echo e30= | base64 -d | curl -i --path-as-is -X POST -H 'a: it'\\''s' --data-binary @- 'http://h/a'\\''b'   # KEY: admin`,
    );
  });

  it('can hold what JSON.stringify does not write', () => {
    expect(toJsonText({ a: `${RAW}1e999`, b: `${RAW}{"a":[1]}`, c: 'x' })).toBe(
      '{"a":1e999,"b":{"a":[1]},"c":"x"}',
    );
  });
});
