// text/event-stream: the same messages as on the WebSocket, one way, for scripts and for proxies that break WebSockets.
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../clock/clock.ts';
import type { Channel } from './channel.ts';
import { LiveEvent } from './live-event.ts';
import type { ServerMessage } from './server-messages.ts';

/** Proxies close what is silent for half a minute or more. */
const HEARTBEAT_MS = 15_000;

export class SseChannel implements Channel {
  readonly #response: ServerResponse;
  readonly #epoch: string;
  readonly #clock: Clock;
  #heartbeat: Timer;

  constructor(response: ServerResponse, parts: { epoch: string; clock: Clock }) {
    this.#response = response;
    this.#epoch = parts.epoch;
    this.#clock = parts.clock;
    this.#heartbeat = this.#beatLater();
  }

  get bufferedAmount(): number {
    return this.#response.writableLength;
  }

  send(message: ServerMessage | LiveEvent, flushed?: () => void): void {
    this.#write(message instanceof LiveEvent ? message.sse : sseText(message, this.#epoch), flushed);
  }

  close(): void {
    this.#heartbeat.cancel();
    this.#response.end();
  }

  terminate(): void {
    this.#heartbeat.cancel();
    this.#response.destroy();
  }

  #write(data: Buffer | string, flushed?: () => void): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(data, () => flushed?.());
  }

  #beatLater(): Timer {
    return this.#clock.after(HEARTBEAT_MS, () => {
      this.#write(': heartbeat\n\n');
      this.#heartbeat = this.#beatLater();
    });
  }
}

/** A message that is no event of the stream; a snapshot sets the place in the stream, and goodbye when to come back. */
export function sseText(message: ServerMessage, epoch: string): string {
  const place =
    message.type === 'snapshot' || message.type === 'hello' ? `id: ${epoch}:${message.seq}\n` : '';
  const retry = message.type === 'goodbye' ? `retry: ${message.retryAfter_s * 1000}\n` : '';
  return `${place}${retry}event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
}
