// The conversation on one WebSocket: what the client says, one message after the other, and the answers.
import type { ServiceContext } from '../context.ts';
import { fromLowerFloor } from '../problems/lower.ts';
import { ProblemError } from '../problems/problem.ts';
import { toTime } from '../schemas/common.ts';
import type { LiveClient } from './client.ts';
import type { LiveHub } from './hub.ts';
import { CloseCode, parseClientMessage, PROTOCOL_VERSION, type ClientMessage } from './messages.ts';

/** Messages that wait for the one before them. */
const WAITING_MAX = 100;

export class LiveSession {
  readonly #hub: LiveHub;
  readonly #client: LiveClient;
  readonly #clock: ServiceContext['clock'];
  readonly #correlationId: string;
  readonly #onUnexpected: (error: unknown) => void;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: {
    hub: LiveHub;
    client: LiveClient;
    clock: ServiceContext['clock'];
    correlationId: string;
    onUnexpected(error: unknown): void;
  }) {
    this.#hub = parts.hub;
    this.#client = parts.client;
    this.#clock = parts.clock;
    this.#correlationId = parts.correlationId;
    this.#onUnexpected = (error) => parts.onUnexpected(error);
  }

  /** One message of the client. A bad one is answered with `error` and changes nothing. */
  receive(text: string): void {
    if (this.#client.closed) return;
    if (this.#waiting >= WAITING_MAX)
      return this.#client.close(CloseCode.tooMany, `more than ${WAITING_MAX} messages wait for an answer`);
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      try {
        await this.#answer(parseClientMessage(text));
      } catch (error) {
        this.#refuse(error);
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  /** A binary message, which no client has a reason to send. */
  receiveBinary(): void {
    this.#client.send({
      type: 'error',
      code: 'validation-failed',
      detail: 'Only text is understood.',
      remedy: 'Send JSON in text messages.',
    });
  }

  async #answer(message: ClientMessage): Promise<void> {
    const client = this.#client;
    switch (message.type) {
      case 'hello':
        if (message.protocol !== PROTOCOL_VERSION)
          client.close(CloseCode.protocol, `only protocol ${PROTOCOL_VERSION} is spoken`);
        return;
      case 'ping':
        return client.send({
          type: 'pong',
          ...(message.nonce !== undefined && { nonce: message.nonce }),
          time: toTime(this.#clock.wall_ms()),
        });
      case 'subscribe':
        return this.#hub.subscribe(client, message);
      case 'unsubscribe':
        return this.#hub.unsubscribe(client, message.topics);
      case 'resume':
        return this.#hub.resume(client, message, message.subscriptions);
    }
  }

  #refuse(error: unknown): void {
    const { code, message, remedy, extras } = problemOf(error);
    if (code === 'internal-error') this.#onUnexpected(error);
    this.#client.send({
      type: 'error',
      code,
      detail: message,
      remedy,
      correlationId: this.#correlationId,
      ...(extras.errors !== undefined && {
        errors: extras.errors.map(({ pointer = '', detail }) => ({ pointer, detail })),
      }),
    });
  }
}

function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const detail = 'The service met an error it did not expect.';
  return fromLowerFloor(error) ?? new ProblemError('internal-error', detail, { cause: error });
}
