// The other end of a twin's control channel: JSON-RPC, one line each way. It makes sure that a twin answers before anything
// else is asked: what looks like another kind of port, or like a chip, is let go with the reason.
import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { controlAddress } from './address.ts';
import { ControlClientError } from './errors.ts';

/** A twin answers within milliseconds; a port that says nothing for so long is something else. */
const ANSWER_LIMIT_MS = 3000;
/** Larger than any answer of a twin; what sends more without a newline is something else. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;

const description = z.looseObject({ uid: z.string(), simulated: z.boolean(), units: z.int() });
const message = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.number().nullish(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z
    .looseObject({
      message: z.string(),
      data: z.looseObject({ code: z.string(), remedy: z.string() }).optional(),
    })
    .optional(),
});
type Message = z.output<typeof message>;

/** What the twin says of itself. */
export type TwinDescription = z.output<typeof description>;

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: ControlClientError) => void;
  timer: NodeJS.Timeout;
}

export class TwinControl {
  readonly #where: string;
  readonly #socket: Socket;
  readonly #limit_ms: number;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #unread = '';
  #isTwin = false;
  #end: ControlClientError | null = null;
  #onNotification: (method: string, params: unknown) => void = () => undefined;
  #onClosed: (why: ControlClientError) => void = () => undefined;

  private constructor(where: string, socket: Socket, limit_ms: number) {
    this.#where = where;
    this.#socket = socket;
    this.#limit_ms = limit_ms;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => undefined);
    socket.on('close', () =>
      this.#close(new ControlClientError('control-lost', `${where} closed the channel`)),
    );
  }

  /**
   * Connects and sees that a twin answers.
   * @throws {ControlClientError} bad-address, not-local, control-unreachable, not-a-control-channel, not-a-twin
   */
  static async connect(
    address: string,
    limit_ms = ANSWER_LIMIT_MS,
  ): Promise<{ control: TwinControl; twin: TwinDescription }> {
    const { host, port } = controlAddress(address);
    const socket = await opened(host, port);
    const control = new TwinControl(`${host}:${port}`, socket, limit_ms);
    try {
      return { control, twin: await control.#describe() };
    } catch (error) {
      control.close();
      throw error;
    }
  }

  /** @throws {ControlClientError} control-refused with the twin's own words, control-lost */
  call(method: string, params?: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) return reject(this.#end);
      const id = (this.#asked += 1);
      const timer = setTimeout(() => this.#close(this.#silent()), this.#limit_ms);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, ...(params && { params }) })}\n`);
    });
  }

  /** Says something that is not answered; nothing happens on a channel that is closed. */
  notify(method: string, params?: object): void {
    if (this.#end !== null) return;
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', method, ...(params && { params }) })}\n`);
  }

  onNotification(callback: (method: string, params: unknown) => void): void {
    this.#onNotification = callback;
  }

  /** Once; not after close(). */
  onClosed(callback: (why: ControlClientError) => void): void {
    this.#onClosed = callback;
  }

  /** Ends a channel that said something it cannot mean; onClosed is told. */
  dismiss(why: string): void {
    this.#close(this.#foreign(why));
  }

  close(): void {
    this.#onClosed = () => undefined;
    this.#close(new ControlClientError('control-lost', `the channel to ${this.#where} was closed`));
  }

  async #describe(): Promise<TwinDescription> {
    let answer: unknown;
    try {
      answer = await this.call('twin.describe');
    } catch (error) {
      if (!(error instanceof ControlClientError)) throw error;
      if (error.code === 'control-lost') throw this.#foreign('it closes the connection without an answer');
      if (error.reason === 'unknown-method') throw this.#foreign(error.message);
      throw error;
    }
    const result = description.safeParse(answer);
    if (!result.success) throw this.#foreign('it does not describe a twin');
    if (result.data.simulated) {
      this.#isTwin = true;
      return result.data;
    }
    throw new ControlClientError('not-a-twin', `${this.#where} says that it is no simulated chip`);
  }

  #take(text: string): void {
    this.#unread += text;
    if (this.#unread.length > LINE_CHARS_MAX) return this.#close(this.#foreign('it sends no lines'));
    for (let end = this.#unread.indexOf('\n'); end >= 0; end = this.#unread.indexOf('\n')) {
      const line = this.#unread.slice(0, end);
      this.#unread = this.#unread.slice(end + 1);
      this.#line(line);
    }
  }

  #line(line: string): void {
    if (line.startsWith('HTTP/')) return this.#close(this.#foreign('it speaks HTTP'));
    const parsed = message.safeParse(jsonOrNull(line));
    if (!parsed.success) return this.#close(this.#foreign('it does not speak JSON-RPC'));
    const { id, method, params } = parsed.data;
    if (method !== undefined) return this.#onNotification(method, params);
    const waiting = this.#waiting.get(id ?? 0);
    // An answer to nothing in particular: the channel itself is refused.
    if (waiting === undefined) return this.#close(refusal(parsed.data));
    this.#waiting.delete(id ?? 0);
    clearTimeout(waiting.timer);
    if (parsed.data.error === undefined) waiting.resolve(parsed.data.result);
    else waiting.reject(refusal(parsed.data));
  }

  #silent(): ControlClientError {
    if (!this.#isTwin) return this.#foreign('it stays silent');
    const words = `the twin at ${this.#where} does not answer any more`;
    return new ControlClientError('control-lost', words);
  }

  #foreign(why: string): ControlClientError {
    return new ControlClientError(
      'not-a-control-channel',
      `what answers at ${this.#where} is not the control channel of a twin: ${why}`,
    );
  }

  #close(why: ControlClientError): void {
    if (this.#end !== null) return;
    this.#end = why;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(why);
    }
    this.#waiting.clear();
    this.#onClosed(why);
  }
}

function refusal({ error }: Message): ControlClientError {
  const { message: words = 'no reason given', data } = error ?? {};
  return new ControlClientError('control-refused', words, { remedy: data?.remedy, reason: data?.code });
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function opened(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new ControlClientError('control-unreachable', `nothing answers at ${host}:${port} (${cause.code})`, {
          cause,
        }),
      ),
    );
  });
}
