// Puts a request on the wire, whole or broken, and takes what comes back; never waits for long.
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Dice } from './dice.ts';
import type { Answer } from './judge.ts';
import type { Wire } from './requests.ts';

/** Long polls of the fuzzer end after a second. */
const ANSWER_MS = 20_000;
const RAW_MS = 1_000;
const STREAM_BYTES = 64 * 1024 * 1024;

export type Outcome = Answer | { none: 'refused' | 'hung' };

export class Sender {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** @param from a loopback address to come from, where the request is to be a stranger's */
  send({ method, path, headers, body }: Wire, from?: string): Promise<Outcome> {
    return new Promise((resolve) => {
      const request = httpRequest({
        host: this.#url.hostname,
        port: this.#url.port,
        method,
        path,
        headers: { ...headers, ...(body !== null && { 'content-length': body.length }) },
        agent: from === undefined ? this.#agent : false,
        ...(from !== undefined && { localAddress: from }),
      });
      const timer = setTimeout(() => {
        resolve({ none: 'hung' });
        request.destroy();
      }, ANSWER_MS);
      const done = (outcome: Outcome): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const end = (): void =>
          done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= STREAM_BYTES) chunks.push(chunk);
        });
        response.on('end', end).on('error', end);
        // A stream of events has no end; its head is enough.
        if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
          end();
          request.destroy();
        }
      });
      request.on('upgrade', (response, socket) => {
        socket.destroy();
        done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.alloc(0) });
      });
      request.on('error', () => done({ none: 'refused' }));
      request.end(body ?? undefined);
    });
  }

  /** Bytes that are not quite HTTP; what came back until the other side closed, or it was let go of. */
  raw(bytes: Buffer): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(Number(this.#url.port), this.#url.hostname, () => socket.write(bytes));
      let text = '';
      const timer = setTimeout(() => socket.destroy(), RAW_MS);
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        // Whoever is answered leaves.
        if (text.includes('\r\n\r\n')) setTimeout(() => socket.destroy(), 20);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(text);
      });
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const EOL = '\r\n';

/** Requests that no client library sends. @param token of a key, so that some of them get further */
export function rawBytes(dice: Dice, token: string): Buffer {
  const head = (line: string, ...headers: string[]): string =>
    [line, 'Host: x', ...headers, '', ''].join(EOL);
  const key = `Authorization: Bearer ${token}`;
  const json = 'Content-Type: application/json';
  const all: (string | Buffer)[] = [
    `GET /v1/jobs${EOL}${EOL}`,
    'GET / HTTP/9.9\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00',
    Buffer.from(Array.from({ length: 300 }, () => dice.below(256))),
    head('GET /v1/jobs HTTP/1.1', `X-Long: ${'a'.repeat(dice.pick([15_000, 17_000, 200_000]))}`),
    head('GET /v1/about HTTP/1.1', ...Array.from({ length: dice.pick([50, 3000]) }, (_, k) => `X-${k}: 1`)),
    head(`GET /${'a'.repeat(dice.pick([8000, 20_000]))} HTTP/1.1`),
    head('GET /v1/about HTTP/1.1', `X-Nul: a\0b`),
    head('GET /v1/about HTTP/1.1', 'X-Fold: a', ' b'),
    head('GET /v1/about HTTP/1.1', 'Bad Header: 1'),
    head('GET /\u00e9\u0001 HTTP/1.1'),
    head('POST /v1/jobs HTTP/1.1', key, json, 'Content-Length: -1'),
    head('POST /v1/jobs HTTP/1.1', key, json, 'Content-Length: 5', 'Content-Length: 6') + '{}',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Content-Length: 5', 'Transfer-Encoding: chunked') +
      '0\r\n\r\n',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Transfer-Encoding: chunked') + 'zz\r\n{}\r\n0\r\n\r\n',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Transfer-Encoding: chunked') + 'fffffffffffffffff\r\n',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Content-Length: 10000') + '{"model":',
    head('POST /v1/models HTTP/1.1', key, json, 'Content-Length: 99999999999999') + '{"couplings":',
    head('POST /v1/jobs HTTP/1.1', key, json, 'Content-Length: 2', 'Expect: 100-continue') + '{}',
    head('GET /v1/ws HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
    head(
      'GET /v1/ws HTTP/1.1',
      key,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 99',
      'Sec-WebSocket-Key: x',
    ),
    head(
      'GET /v1/ws HTTP/1.1',
      key,
      'Connection: Upgrade',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    ),
    Buffer.concat([
      Buffer.from(
        head(
          'GET /v1/ws HTTP/1.1',
          key,
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        ),
      ),
      Buffer.from(Array.from({ length: 100 }, () => dice.below(256))),
    ]),
    head('CONNECT x:80 HTTP/1.1', key),
    head('GET http://other/v1/about HTTP/1.1', key),
    head('OPTIONS * HTTP/1.1', key),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    head('GET /v1/about HTTP/1.1', key).repeat(30),
    `GET /v1/about HTTP/1.1${EOL}${EOL}`,
    head('GET /v1/about HTTP/1.0', key),
  ];
  const chosen = dice.pick(all);
  return typeof chosen === 'string' ? Buffer.from(chosen, 'latin1') : chosen;
}

/** The request for a shell; $KEY stands for the key that `as` names. */
export function asCurl(url: string, { method, path, headers, body, as }: Wire): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const words = ['curl -i --path-as-is', `-X ${method}`];
  for (const [name, value] of Object.entries(headers))
    words.push(
      name === 'authorization' ? `-H "Authorization: Bearer $KEY"` : `-H ${quote(`${name}: ${value}`)}`,
    );
  if (body !== null) words.push('--data-binary @-');
  const command = `${words.join(' ')} ${quote(url + path)}   # KEY: ${as}`;
  if (body === null) return command;
  const encoded = body.toString('base64');
  return encoded.length > 4000
    ? `${command}   # body of ${body.length} bytes, from ${quote(body.subarray(0, 200).toString('latin1'))}`
    : `echo ${encoded} | base64 -d | ${command}`;
}
