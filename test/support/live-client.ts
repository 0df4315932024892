// A WebSocket client for tests: keeps what it was told, and holds every message, both ways, against the AsyncAPI document.
import type WebSocket from 'ws';
import { messageName } from './async-api.ts';
import type { TestService } from './test-service.ts';

export interface LiveMessage {
  type: string;
  topic?: string;
  seq?: number;
  data?: { id?: string; state?: string; [name: string]: unknown };
  state?: { id: string; state: string; [name: string]: unknown }[];
  [name: string]: unknown;
}

export interface LiveTestClient {
  messages: LiveMessage[];
  frames: Buffer[];
  /** Names in the AsyncAPI document of all that was heard. */
  heardNames: Set<string>;
  /** What did not fit the document. */
  misfits: string[];
  /** Text is sent as it is, whatever it is; objects must fit the document. */
  say(message: object | string | Buffer): void;
  /** The first message like this, of those that came or will come. */
  heard(want: (m: LiveMessage) => boolean): Promise<LiveMessage>;
  /** Events alone. */
  events(topic?: string): LiveMessage[];
  closed(): Promise<{ code: number; reason: string }>;
  end(): void;
}

/** @param path with its query */
export async function joinLive(
  service: Pick<TestService, 'app'>,
  headers: Record<string, string>,
  path = '/v1/ws',
): Promise<LiveTestClient> {
  const messages: LiveMessage[] = [];
  const frames: Buffer[] = [];
  const misfits: string[] = [];
  const heardNames = new Set<string>();
  const waiting = new Set<{ want: (m: LiveMessage) => boolean; done: (m: LiveMessage) => void }>();
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const hear = (message: LiveMessage): void => {
    messages.push(message);
    try {
      heardNames.add(messageName('tell', message));
    } catch (error) {
      misfits.push(String(error));
    }
    for (const waiter of [...waiting])
      if (waiter.want(message)) {
        waiting.delete(waiter);
        waiter.done(message);
      }
  };
  const socket: WebSocket = await service.app.injectWS(
    path,
    { headers },
    {
      onInit: (ws: WebSocket) => {
        ws.on('message', (data: Buffer, isBinary: boolean) => {
          if (isBinary) frames.push(data);
          else hear(JSON.parse(data.toString()) as LiveMessage);
        });
        ws.on('close', (code: number, reason: Buffer) => closed.resolve({ code, reason: reason.toString() }));
      },
    },
  );
  return {
    messages,
    frames,
    misfits,
    heardNames,
    say: (message) => {
      if (typeof message === 'string' || Buffer.isBuffer(message)) return socket.send(message);
      messageName('hear', message);
      socket.send(JSON.stringify(message));
    },
    heard: (want) => {
      const already = messages.find(want);
      if (already !== undefined) return Promise.resolve(already);
      return new Promise((done) => waiting.add({ want, done }));
    },
    events: (topic) =>
      messages.filter((m) => m.type === 'event' && (topic === undefined || m.topic === topic)),
    closed: () => closed.promise,
    end: () => socket.terminate(),
  };
}
