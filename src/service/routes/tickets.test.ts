// Tickets open one socket each, as the key that asked for them; the audit is paged and filtered.
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
let port: number;
const logged: string[] = [];
beforeAll(async () => {
  service = await startTestService({
    logger: pino({ level: 'trace' }, { write: (line) => void logged.push(line) }),
  });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
});
afterAll(() => service.close());

const ticketFor = async (headers: Record<string, string>): Promise<string> => {
  const made = await service.call('POST', '/v1/tickets', { headers });
  expect(made.statusCode).toBe(201);
  return made.json<{ ticket: string }>().ticket;
};

/** What a socket is told first, or the status that refuses it. */
function open(query: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws${query}`);
    socket.on('message', (data: Buffer) => {
      resolve((JSON.parse(data.toString('utf8')) as { type: string }).type);
      socket.close();
    });
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode);
      socket.terminate();
    });
    socket.on('error', reject);
  });
}

describe('a ticket', () => {
  it('opens one socket, and of several at the same time one', async () => {
    const ticket = await ticketFor(service.as.viewer);
    const query = `?ticket=${ticket}`;
    const answers = await Promise.all([1, 2, 3, 4].map(() => open(query)));
    expect(answers.map(String).sort()).toEqual(['401', '401', '401', 'hello']);
    expect(await open(query)).toBe(401);
  });

  it('lives 30 s, and is kept as a hash', async () => {
    const before_ms = Date.now();
    const made = await service.call('POST', '/v1/tickets', { role: 'researcher' });
    const { ticket, expiresAt } = made.json<{ ticket: string; expiresAt: string }>();
    expect(ticket).toMatch(/^tlt_[\w-]{43}$/);
    expect(Date.parse(expiresAt) - before_ms).toBeGreaterThanOrEqual(30_000);
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(30_000);
    expect(await service.store.tickets.take(ticket.slice(4))).toBeNull();
  });

  it('is worth nothing once its key is revoked', async () => {
    const { id, headers } = await service.addKey('viewer');
    const ticket = await ticketFor(headers);
    await service.store.keys.revoke(id);
    expect(await open(`?ticket=${ticket}`)).toBe(401);
  });

  it('does not stand in for a key elsewhere', async () => {
    const ticket = await ticketFor(service.as.admin);
    expect((await service.call('GET', `/v1/about?ticket=${ticket}`)).statusCode).toBe(401);
    const headers = { authorization: `Bearer ${ticket}` };
    expect((await service.call('GET', '/v1/about', { headers })).statusCode).toBe(401);
    expect(await open(`?ticket=${ticket}`)).toBe('hello');
  });

  it.each([
    '',
    '?ticket=',
    '?ticket=x',
    `?ticket=tlt_${'A'.repeat(43)}`,
    `?ticket=tlt_${'A'.repeat(4000)}`,
    '?ticket=a&ticket=b',
    '?ticket[]=a',
    '?__proto__[ticket]=a',
    '?ticket=%F0%9F%94%A5',
  ])('that is "%s" opens nothing', async (query) => {
    expect(await open(query)).toBe(401);
  });

  it('is not repeated in a replayed answer, and is audited once', async () => {
    const { id, headers } = await service.addKey('viewer');
    const ask = () =>
      service.call('POST', '/v1/tickets', { headers: { ...headers, 'idempotency-key': 'once' } });
    const first = await ask();
    const again = await ask();
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json()).toEqual({ ...first.json<object>(), ticket: null });
    const rows = await service.store.audit.list({ keyId: id });
    expect(rows.map((row) => [row.action, row.outcome])).toEqual([['ticket.create', 'done']]);
  });

  it('never stands in the log, nor does a key in a URL', async () => {
    const ticket = await ticketFor(service.as.viewer);
    await open(`?ticket=${ticket}`);
    const key = service.as.viewer.authorization.slice('Bearer '.length);
    await service.call('GET', `/v1/about?key=${key}`);
    await service.call('GET', `/v1/keys/${key}`, { role: 'admin' });
    const text = logged.join('');
    expect(text).toContain('/v1/ws?ticket=tlt_[redacted]');
    expect(text).not.toContain(ticket.slice(-43));
    expect(text).not.toContain(key.slice(-43));
  });
});

describe('GET /v1/audit', () => {
  interface Page {
    items: { id: string; time: string; key: string | null; action: string; target: string | null }[];
    nextCursor: string | null;
  }
  const read = async (query: string): Promise<Page> => {
    const response = await service.call('GET', `/v1/audit${query}`, { role: 'admin' });
    expect(response.statusCode).toBe(200);
    return response.json<Page>();
  };

  it('tells who did what, by key, action, target and time', async () => {
    const { id, headers } = await service.addKey('admin');
    const body = { name: 'audited', role: 'viewer' };
    const made = await service.call('POST', '/v1/keys', { headers, body });
    const target = made.json<{ id: string }>().id;
    await service.call('POST', '/v1/keys', { headers, body: { ...body, role: 'nobody' } });
    await service.call('DELETE', `/v1/keys/${target}`, { headers });
    const mine = await read(`?key=${id}`);
    expect(mine.items.map((row) => row.action)).toEqual(['key.revoke', 'POST /v1/keys', 'key.create']);
    expect(mine.items[1]).toMatchObject({ target: null, outcome: 'refused: validation-failed', key: id });
    expect(mine.items[2]).toMatchObject({ target, outcome: 'done', detail: { role: 'viewer' } });
    expect((await read(`?target=${target}`)).items).toHaveLength(2);
    expect((await read(`?target=${target}&action=key.create`)).items).toHaveLength(1);
    expect((await read(`?key=${id}&since=2999-01-01T00:00:00Z`)).items).toEqual([]);
    expect((await read(`?key=${id}&since=2001-01-01T00:00:00Z`)).items).toHaveLength(3);
  });

  it('is paged without holes', async () => {
    for (let k = 0; k < 5; k++) await ticketFor(service.as.operator);
    const all = (await read('?action=ticket.create&limit=500')).items.map((row) => row.id);
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page = await read(
        `?action=ticket.create&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      found.push(...page.items.map((row) => row.id));
      cursor = page.nextCursor;
    }
    expect(found).toEqual(all);
    expect(found.length).toBeGreaterThanOrEqual(5);
  });

  it.each(['?limit=0', '?since=yesterday', '?cursor=x', '?key=', '?order=asc', `?action=${'x'.repeat(201)}`])(
    'refuses %s',
    async (query) => {
      const response = await service.call('GET', `/v1/audit${query}`, { role: 'admin' });
      expect(response.statusCode).toBe(422);
    },
  );
});
