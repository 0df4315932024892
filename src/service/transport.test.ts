// What only a real socket shows: bodies that are too large, bytes that are not HTTP, clients that go away, shutdown.
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../test/support/test-service.ts';

let service: TestService;
let base: string;
let port: number;
const logged: string[] = [];
beforeAll(async () => {
  const logger = pino({ level: 'trace' }, { write: (line) => void logged.push(line) });
  service = await startTestService({ logger });
  base = await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
});
afterAll(() => service.close());

interface Problem {
  code: string;
  [name: string]: unknown;
}

/** Sends raw bytes and returns all that comes back until the other side closes. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

describe('a body that is too large', () => {
  const BODY_BYTES = 100 * 2 ** 20;

  it.each([
    ['with its length', true],
    ['in chunks', false],
  ])('of 100 MB %s gets 413 and the limit, and is not kept in memory', async (_how, declared) => {
    const chunk = Buffer.alloc(2 ** 20, 0x20);
    function* chunks(): Generator<Buffer> {
      for (let sent = 0; sent < BODY_BYTES; sent += chunk.length) yield chunk;
    }
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 5);
    const response = await fetch(`${base}/v1/models`, {
      method: 'POST',
      headers: {
        ...service.as.researcher,
        'content-type': 'application/json',
        ...(declared && { 'content-length': String(BODY_BYTES) }),
      },
      body: Readable.toWeb(Readable.from(chunks())),
      duplex: 'half',
    });
    clearInterval(watch);
    const problem = (await response.json()) as Problem;
    expect([response.status, problem.code, problem['limit_bytes']]).toEqual([
      413,
      'payload-too-large',
      48 * 2 ** 20,
    ]);
    // Chunks may be kept up to the limit, never the whole; with a length nothing is kept.
    expect(peak - before).toBeLessThan((declared ? 30 : 80) * 2 ** 20);
    const next = await fetch(`${base}/healthz`);
    expect(next.status).toBe(200);
  });

  it('has a small limit everywhere else', async () => {
    const response = await fetch(`${base}/v1/jobs`, {
      method: 'POST',
      headers: { ...service.as.researcher, 'content-type': 'application/json' },
      body: JSON.stringify(jobBody('x'.repeat(2 ** 21))),
    });
    expect([response.status, ((await response.json()) as Problem)['limit_bytes']]).toEqual([413, 2 ** 20]);
  });

  it('has next to none where nothing is read', async () => {
    for (const [method, path] of [
      ['POST', '/v1/tickets'],
      ['DELETE', '/v1/keys/nobody'],
      ['POST', '/v1/jobs/nothing/cancel'],
    ]) {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { ...service.as.admin, 'content-type': 'application/json' },
        body: JSON.stringify('x'.repeat(2000)),
      });
      expect([path, response.status, ((await response.json()) as Problem)['limit_bytes']]).toEqual([
        path,
        413,
        1024,
      ]);
    }
  });
});

describe('requests that are not well-formed', () => {
  it.each([
    ['GET\r\n\r\n', 400, 'bad-request'],
    ['GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    ['\x16\x03\x01\x02\x00\x01\x00', 400, 'bad-request'],
    [`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
  ])('answers %j with a problem and closes', async (bytes, status, code) => {
    const answer = await exchange(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    expect((JSON.parse(answer.split('\r\n\r\n')[1]) as Problem).code).toBe(code);
  });

  it.each([
    ['GET', '/nowhere', 404, 'not-found'],
    ['GET', '/v1/jobs/%zz', 400, 'bad-request'],
    ['GET', `/v1/jobs/${'a'.repeat(150)}`, 422, 'validation-failed'],
    ['DELETE', '/v1/jobs', 405, 'method-not-allowed'],
    ['PATCH', '/healthz', 405, 'method-not-allowed'],
  ])('%s %s is %d %s', async (method, path, status, code) => {
    const response = await service.call(method, path, { role: 'admin' });
    expect([response.statusCode, response.json<Problem>().code]).toEqual([status, code]);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    if (status === 405) expect(response.headers['allow']).toContain('GET');
  });

  it.each([
    ['{"model": ', 'application/json', 400, 'malformed-json'],
    ['', 'application/json', 400, 'malformed-json'],
    ['[]', 'application/json', 422, 'validation-failed'],
    ['null', 'application/json', 422, 'validation-failed'],
    ['{"__proto__": {"admin": true}}', 'application/json', 400, 'malformed-json'],
    ['model=1', 'application/x-www-form-urlencoded', 415, 'unsupported-format'],
    ['{}', 'text/plain', 415, 'unsupported-format'],
  ])('the body %j as %s is %d %s', async (body, type, status, code) => {
    const headers = { ...service.as.researcher, 'content-type': type };
    const response = await service.call('POST', '/v1/jobs', { headers, body });
    expect([response.statusCode, response.json<Problem>().code]).toEqual([status, code]);
  });
});

describe('what Node would answer by itself', () => {
  it('a request with an expectation that nobody knows is answered as without', async () => {
    const answer = await exchange(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('an upgrade without its key is told so in a problem', async () => {
    const answer = await exchange(
      `GET /v1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: ${service.as.viewer.authorization}\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((JSON.parse(answer.split('\r\n\r\n')[1]) as Problem).code).toBe('bad-request');
  });

  it('a client that goes away in the middle of a body is no defect of the service', async () => {
    const before = logged.length;
    await new Promise<void>((resolve, reject) => {
      const head =
        `POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: ${service.as.researcher.authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"model":';
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(head, () => setTimeout(() => socket.destroy(), 100)),
      );
      socket.on('close', () => resolve()).on('error', reject);
    });
    await vi.waitUntil(() => logged.slice(before).some((line) => line.includes('"url":"/v1/jobs"')));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(logged.slice(before).filter((line) => line.includes('internal-error'))).toEqual([]);
  });
});

describe('an upgrade that is refused', () => {
  const upgrade = (path: string, more = ''): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`;

  it.each([
    ['/v1/ws', '', 401],
    ['/v1/ws', 'Authorization: Bearer x\r\n', 401],
    ['/v1/ws?ticket=x', '', 401],
    ['/nowhere', '', 404],
    ['/%zz', '', 400],
  ])('GET %s %j is %d, and its connection is closed', async (path, more, status) => {
    // The exchange ends when the service closes; a connection that stays is one that nobody will ever close.
    expect(await exchange(upgrade(path, more))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});

describe('headers of every answer', () => {
  it.each(['/healthz', '/problems/link-lost', '/nowhere', '/v1/about'])('%s', async (path) => {
    const { headers } = await service.call('GET', path, { headers: { accept: 'text/html' } });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('server');
  });

  it.each(['/v1/jobs/%00', '/v1/jobs?label=a%00', '/%00'])('GET %s is refused whole', async (path) => {
    const response = await service.call('GET', path, { role: 'admin' });
    expect([response.statusCode, response.json<Problem>().code]).toEqual([400, 'bad-request']);
  });
});

describe('defects of the service', () => {
  it('answers 500 without a word about the inside, and logs the cause', async () => {
    vi.spyOn(service.store.jobs, 'find').mockRejectedValueOnce(new TypeError('secret-detail at /srv/app.ts'));
    const response = await service.call('GET', '/v1/jobs/x', { role: 'admin' });
    expect([response.statusCode, response.json<Problem>().code]).toEqual([500, 'internal-error']);
    expect(response.body).not.toMatch(/secret-detail|\.ts|stack/);
    expect(logged.some((line) => line.includes('secret-detail'))).toBe(true);
  });

  it('never logs a key', async () => {
    await service.call('GET', '/v1/about', { role: 'admin' });
    // The last 43 characters: an underscore may be one of them.
    const secret = service.as.admin.authorization.slice(-43);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(logged.length).toBeGreaterThan(0);
    expect(logged.join('')).not.toContain(secret);
  });
});

describe('waiting', () => {
  it('gives up a long poll when the client goes away and when the service closes', async () => {
    const own = await startTestService();
    try {
      const url = await own.app.listen({ host: '127.0.0.1', port: 0 });
      const model = await own.uploadPair();
      own.device.held = true;
      const started = own.device.started();
      const job = await own.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
      await started;
      const address = `${url}/v1/jobs/${job.json<{ id: string }>().id}`;
      const gone = new AbortController();
      const headers = { ...own.as.researcher, prefer: 'wait=60' };
      const first = fetch(address, { headers, signal: gone.signal });
      const second = fetch(address, { headers });
      await new Promise((resolve) => setTimeout(resolve, 50));
      gone.abort();
      await expect(first).rejects.toThrow();
      const closed = own.app.close();
      const answer = await second;
      expect([200, 503]).toContain(answer.status);
      await closed;
    } finally {
      own.device.release();
      await own.close();
    }
  });
});
