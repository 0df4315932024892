// The load's HTTP: kept-alive connections and as little else as possible, so that what is measured is the service.
import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export class Http {
  readonly #agent: Agent;
  readonly #base: URL;
  readonly #key: string;

  /** @param sockets connections at most */
  constructor(url: string, key: string, sockets: number) {
    this.#base = new URL(url);
    this.#key = key;
    this.#agent = new Agent({ keepAlive: true, maxSockets: sockets });
  }

  /** Rejects when the connection breaks; any status is an answer. */
  send(
    method: string,
    path: string,
    body?: object | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const raw = body instanceof Uint8Array ? body : undefined;
    const bytes = raw ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: this.#base.hostname,
          port: this.#base.port,
          agent: this.#agent,
          method,
          path,
          headers: {
            authorization: `Bearer ${this.#key}`,
            ...(bytes !== undefined && { 'content-length': bytes.length }),
            ...(body !== undefined && raw === undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
        },
        (response) => {
          const pieces: Buffer[] = [];
          response.on('data', (piece: Buffer) => pieces.push(piece));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(pieces),
            }),
          );
          response.on('error', reject);
        },
      );
      asked.on('error', reject);
      asked.end(bytes);
    });
  }

  /** Bytes of a body, counted and thrown away. */
  drain(path: string, headers: Record<string, string> = {}): Promise<{ status: number; bytes: number }> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: this.#base.hostname,
          port: this.#base.port,
          agent: this.#agent,
          path,
          headers: { authorization: `Bearer ${this.#key}`, ...headers },
        },
        (response) => {
          let bytes = 0;
          response.on('data', (piece: Buffer) => (bytes += piece.length));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
          response.on('error', reject);
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The JSON of an answer with one of the statuses. Throws what the service said otherwise. */
export function jsonOf<T>({ status, body }: Answer, ...expected: number[]): T {
  if (expected.includes(status)) return JSON.parse(body.toString()) as T;
  throw new Error(`the service answered ${status}: ${body.toString().slice(0, 400)}`);
}
