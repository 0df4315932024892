// What the service knows of faults planted in its twin: from the twin's control channel, because it was configured, never
// from the link. Asked for ever; while the channel does not answer nobody knows, which counts as planted.
import { z } from 'zod';
import type { Clock, Timer } from '../../clock/clock.ts';
import type { InjectedFaults } from '../../device/index.ts';
import { TwinControl } from '../control/client.ts';
import { ControlClientError } from '../control/errors.ts';

const AGAIN_MS = 1000;

const listed = z.looseObject({
  faults: z.array(z.looseObject({ id: z.string(), component: z.string(), type: z.string() })),
});

const NO_LIST = 'what it calls its planted faults is no list of faults';

export interface TwinWatchOptions {
  /** HOST:PORT. */
  address: string;
  clock: Clock;
  onLog(level: 'info' | 'warn', message: string, fields: object): void;
}

export class TwinWatch implements InjectedFaults {
  readonly #options: TwinWatchOptions;
  readonly #listeners = new Set<() => void>();
  #control: TwinControl | null = null;
  #uid: string | null = null;
  #planted: readonly string[] = [];
  #timer: Timer | null = null;
  /** Why the last attempt failed, so that it is logged once. */
  #failure = '';
  #closed = false;

  constructor(options: TwinWatchOptions) {
    this.#options = options;
  }

  get uid(): string | null {
    return this.#uid;
  }

  get active(): boolean {
    return this.#uid === null || this.#planted.length > 0;
  }

  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /**
   * Asks for the first time, and goes on for ever. A twin that is away may come later.
   * @throws {ControlClientError} when what answers is no twin's control channel
   */
  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (!(error instanceof ControlClientError) || !error.retryable) throw error;
      this.#failed(error);
    }
  }

  /**
   * Asks the twin something else.
   * @throws {ControlClientError} control-unreachable while the channel is not open; control-refused, control-lost
   */
  call(method: string, params?: object): Promise<unknown> {
    if (this.#control !== null) return this.#control.call(method, params);
    const message = `the twin at ${this.#options.address} does not answer`;
    return Promise.reject(new ControlClientError('control-unreachable', message));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#control?.close();
  }

  async #connect(): Promise<void> {
    const { control, twin } = await TwinControl.connect(this.#options.address);
    if (this.#closed) return control.close();
    control.onNotification((method, params) => {
      if (method !== 'faults.changed' || this.#control !== control) return;
      const list = listed.safeParse(params);
      if (list.success) this.#take(list.data);
      else control.dismiss(NO_LIST);
    });
    control.onClosed((why) => this.#lost(why));
    this.#control = control;
    try {
      const first = listed.safeParse(await control.call('faults.watch'));
      if (!first.success) throw new ControlClientError('not-a-control-channel', NO_LIST);
      this.#uid = twin.uid;
      this.#take(first.data);
    } catch (error) {
      control.close();
      this.#control = null;
      throw error;
    }
    this.#failure = '';
    this.#log('info', 'the control channel of the twin is open', { uid: twin.uid });
  }

  #take({ faults }: z.infer<typeof listed>): void {
    const before = this.#planted.join();
    this.#planted = faults.map(({ id, component, type }) => `${id} ${component} ${type}`);
    if (this.#planted.join() !== before) {
      this.#log('warn', 'the planted faults of the twin have changed', { faults: this.#planted });
    }
    this.#changed();
  }

  #lost(why: ControlClientError): void {
    this.#control = null;
    this.#uid = null;
    this.#failed(why);
    this.#changed();
  }

  #failed(why: unknown): void {
    if (this.#closed || this.#timer !== null) return;
    const { message } = why as Error;
    if (message !== this.#failure) {
      this.#log('warn', 'nobody can say whether faults are planted in the twin', { detail: message });
    }
    this.#failure = message;
    this.#timer = this.#options.clock.after(AGAIN_MS, () => {
      this.#timer = null;
      this.#connect().catch((error: unknown) => this.#failed(error));
    });
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #log(level: 'info' | 'warn', message: string, fields: object): void {
    this.#options.onLog(level, message, { control: this.#options.address, ...fields });
  }
}
