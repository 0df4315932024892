// `replay:FILE` as a device: plays the device's side of a capture and holds the host to the host's side of it. Each
// arrival is released only after the host has sent what it had sent by then; a byte that differs ends the replay.
//
//   events of the capture, in order:  write -> wait until the host has sent it
//                                     arrival, timer, drained, closed -> the host gets it, at its recorded time
//                                     full, queued -> what the host is told when it writes or asks
import { systemClock, type Clock } from '../../clock/clock.ts';
import { captureError } from '../capture/errors.ts';
import type { Capture, CaptureNote } from '../capture/format.ts';
import { readCapture } from '../capture/read.ts';
import { PortEvents } from '../port-events.ts';
import { TransportError, type HostTap, type Port, type PortCloseReason } from '../port.ts';
import { HostScript, type Mismatch } from './host-script.ts';
import { ReplayClock } from './replay-clock.ts';

export interface ReplayOptions {
  path: string;
  /** `recorded`: nothing happens before its time; `full`: as fast as the host goes along. Default full. */
  speed?: 'full' | 'recorded';
  /** How long (real time) the host's caller may do nothing when it is its turn; default for ever. */
  patience_ms?: number;
  /** Real time, for `recorded` and for the patience. */
  clock?: Clock;
}

/** Turns of the event loop in which the host does by itself what it can. */
const HOST_TURNS = 2;
/** Real time without anything until a timer rings that did not ring in the recording. */
const STUCK_MS = 1_000;
/** Real time that the host gets for what follows from what it has got; only its caller may take longer. */
const HOST_PATIENCE_MS = 10_000;

/** The capture, made ready to be compared with. */
interface Script {
  capture: Capture;
  host: HostScript;
  /** For each event: how many writes of the host there were before it. */
  writesBefore: number[];
  choices: Map<string, (number | string)[]>;
}

export class ReplayPort implements Port {
  readonly label: string;
  readonly tap: HostTap;
  readonly #options: ReplayOptions;
  readonly #realClock: Clock;
  readonly #clock = new ReplayClock({ onTimer: () => this.#wake(), onTurn: () => this.#onTurn() });
  readonly #events = new PortEvents();
  #script: Script | null = null;
  /** The event that comes next. */
  #at = 0;
  /** Told to the host when it asks; `reads` since the last event. */
  #queued_bytes = 0;
  #reads = 0;
  /** Turns that an early caller of the host has had before their time. */
  readonly #takenTurns = new Set<number>();
  #failure: TransportError | null = null;
  #started_ms = 0;
  #wakeUp: () => void = () => undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#realClock = options.clock ?? systemClock;
    this.label = `replay:${options.path}`;
    this.tap = {
      isReplay: true,
      clock: this.#clock,
      choose: (what, value) => this.#recordedChoice(what, value),
      linkEnded: () => undefined,
    };
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#events.phase !== 'new') throw this.#notOpened('was opened before');
    this.#events.phase = 'opening';
    try {
      const capture = await readCapture(this.#options.path);
      signal.throwIfAborted();
      // close() may have been called meanwhile
      if ((this.#events.phase as string) !== 'opening')
        throw this.#notOpened('was closed while it was being opened');
      this.#script = scriptOf(capture, this.#options.path);
    } catch (error) {
      this.#events.phase = 'closed';
      throw error;
    }
    this.#clock.startAt(this.#script.capture.facts.opened_wall_ms);
    this.#started_ms = this.#realClock.now_ms();
    this.#events.phase = 'open';
    void this.#play(this.#script);
  }

  #notOpened(why: string): TransportError {
    const remedy = 'Make a new port for every connection.';
    return new TransportError('open-failed', `${this.label} ${why}`, { remedy, retryable: false });
  }

  get queuedBytes(): number {
    const note = this.#nextNote();
    if (note?.event !== 'queued') return this.#queued_bytes;
    this.#reads += 1;
    if (this.#reads > note.reads) this.#pass(note);
    return this.#queued_bytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#events.phase !== 'open' || this.#script === null) return false;
    if (this.#failure !== null) return true;
    const mismatch = this.#script.host.take(bytes);
    if (mismatch !== null) this.#fail(this.#mismatchError(mismatch));
    this.#passWrites(this.#script);
    this.#wake();
    const note = this.#nextNote();
    if (note?.event !== 'full') return true;
    this.#pass(note);
    return false;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#events.onData(callback);
  }

  onDrain(callback: () => void): void {
    this.#events.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#events.onClosed(callback);
  }

  close(): Promise<void> {
    this.#events.closed({ code: 'asked', message: `${this.label} closed` });
    this.#wake();
    return Promise.resolve();
  }

  #wake(): void {
    this.#wakeUp();
  }

  get #isOpen(): boolean {
    return this.#events.phase === 'open';
  }

  #nextNote(): CaptureNote | undefined {
    const event = this.#script?.capture.events[this.#at];
    return event?.kind === 'note' ? event.note : undefined;
  }

  /** Goes beyond the present event. */
  #pass(note?: CaptureNote): void {
    if (note?.event === 'queued') this.#queued_bytes = note.bytes;
    this.#at += 1;
    this.#reads = 0;
  }

  /** Goes beyond what the host has sent already. */
  #passWrites({ capture, host, writesBefore }: Script): void {
    for (;;) {
      const event = capture.events[this.#at];
      if (event?.kind !== 'bytes' || event.direction !== 'host_to_device') return;
      if (!host.hasSent(writesBefore[this.#at])) return;
      this.#pass();
    }
  }

  async #play(script: Script): Promise<void> {
    while (this.#isOpen) {
      await this.#turns(1);
      if (!this.#isOpen) return;
      if (this.#failure !== null) return this.#end('error', this.#failure.message, this.#failure);
      const event = script.capture.events[this.#at];
      if (event === undefined) return this.#end('disconnected', 'the recording ends here');
      await this.#awaitRecordedTime(event.at_ms);
      if (event.kind === 'note') await this.#playNote(event.note, event.at_ms);
      else if (event.direction === 'host_to_device') await this.#awaitWrite(script, event.at_ms);
      else {
        this.#clock.stimulus(event.at_ms);
        this.#pass();
        this.#events.data(Uint8Array.from(event.bytes));
      }
    }
  }

  async #playNote(note: CaptureNote, at_ms: number): Promise<void> {
    switch (note.event) {
      case 'timer':
        return this.#playTimer(note, at_ms);
      case 'turn':
        return this.#playTurn();
      case 'drained':
        this.#clock.stimulus(at_ms);
        this.#pass();
        return this.#events.drain();
      case 'closed':
        return this.#playClosed(note, at_ms);
      default:
        // Told to the host when it asks, within a stimulus: one that has not asked by now does not.
        return this.#pass(note);
    }
  }

  /** A host that has not set the timer yet still does something real. */
  async #playTimer({ due_ms, order }: CaptureNote & { event: 'timer' }, at_ms: number): Promise<void> {
    const isSet = (): boolean => this.#clock.hasTimer(due_ms) || this.#clock.timers >= order;
    if (!isSet()) await this.#letHostAct(isSet, HOST_PATIENCE_MS);
    this.#pass();
    this.#clock.ring(due_ms, order, at_ms);
  }

  /** Somebody above the host acted, which may take its real time: for ever, if the host sent something then. */
  async #playTurn(): Promise<void> {
    const at = this.#at;
    if (this.#takenTurns.delete(at)) return this.#pass();
    const write = this.#writeOfTurn(at);
    const isDone = (): boolean => this.#at !== at || (write !== null && this.#hasSent(write));
    if (!isDone())
      await this.#letHostAct(isDone, write === null ? HOST_PATIENCE_MS : this.#options.patience_ms);
    if (write !== null && !isDone() && this.#isOpen) this.#fail(this.#silentError('sent more'));
    if (this.#at === at) this.#pass();
  }

  /** The last write of the stimulus that begins there, null when there is none: the first may be a lone 0x00. */
  #writeOfTurn(turn: number): number | null {
    const events = this.#script?.capture.events ?? [];
    let last: number | null = null;
    for (let at = turn + 1; at < events.length; at += 1) {
      const event = events[at];
      if (event.kind === 'bytes' && event.direction === 'host_to_device') last = at;
      else if (event.kind === 'bytes' || !['choice', 'queued', 'full'].includes(event.note.event)) break;
    }
    return last;
  }

  #hasSent(at: number): boolean {
    const script = this.#script;
    return script !== null && script.host.hasSent(script.writesBefore[at]);
  }

  /** The host looks at the time: somebody above it acts as in the recording, and it is as late as then. */
  #onTurn(): void {
    const turn = this.#comingTurn();
    const event = turn === null ? undefined : this.#script?.capture.events[turn];
    if (turn === null || event === undefined) return;
    this.#clock.stimulus(event.at_ms);
    if (turn === this.#at) this.#pass();
    else this.#takenTurns.add(turn);
    this.#wake();
  }

  /** The next turn that is not taken, unless the host had sent something before it: a caller may be early. */
  #comingTurn(): number | null {
    const events = this.#script?.capture.events ?? [];
    for (let at = this.#at; at < events.length; at += 1) {
      const event = events[at];
      if (event.kind === 'bytes' && event.direction === 'host_to_device' && !this.#hasSent(at)) return null;
      if (event.kind === 'note' && event.note.event === 'turn' && !this.#takenTurns.has(at)) return at;
    }
    return null;
  }

  async #playClosed(note: CaptureNote & { event: 'closed' }, at_ms: number): Promise<void> {
    if (note.by === 'device') {
      this.#clock.stimulus(at_ms);
      return this.#end(note.code === 'error' ? 'error' : 'disconnected', `recorded: ${note.message}`);
    }
    await this.#letHostAct(() => !this.#isOpen, this.#options.patience_ms);
    if (this.#isOpen) this.#fail(this.#silentError('closed the port'));
  }

  /** Nobody has to ask the host for this: it follows from what it got. A timer may be due in a host that has changed. */
  async #awaitWrite(script: Script, at_ms: number): Promise<void> {
    const at = this.#at;
    this.#passWrites(script);
    const isSent = (): boolean => this.#at !== at;
    if (!isSent()) await this.#letHostAct(isSent, STUCK_MS);
    while (!isSent() && this.#isOpen && this.#clock.ringFirst(at_ms)) await this.#turns(HOST_TURNS);
    if (!isSent()) await this.#letHostAct(isSent, this.#options.patience_ms ?? HOST_PATIENCE_MS);
    if (!isSent() && this.#isOpen) this.#fail(this.#silentError('sent more'));
  }

  /** Waits until `done`, a failure or the close; gives up when the host does nothing for so long. */
  async #letHostAct(done: () => boolean, patience_ms: number | undefined): Promise<void> {
    for (;;) {
      await this.#turns(HOST_TURNS);
      if (done() || !this.#isOpen || this.#failure !== null) return;
      if (!(await this.#woken(patience_ms))) return;
    }
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Waits for anything that the host does; false when it does nothing for so long. */
  #woken(limit_ms: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isWoken: boolean) => (): void => {
        this.#wakeUp = () => undefined;
        timer?.cancel();
        resolve(isWoken);
      };
      const timer = limit_ms === undefined ? null : this.#realClock.after(limit_ms, end(false));
      this.#wakeUp = end(true);
    });
  }

  async #awaitRecordedTime(at_ms: number): Promise<void> {
    if (this.#options.speed !== 'recorded') return;
    const wait_ms = this.#started_ms + at_ms - this.#realClock.now_ms();
    if (wait_ms >= 1) await new Promise<void>((resolve) => void this.#realClock.after(wait_ms, resolve));
  }

  #recordedChoice<T extends number | string>(what: string, value: T): T {
    const recorded = this.#script?.choices.get(what)?.shift();
    return typeof recorded === typeof value ? (recorded as T) : value;
  }

  /** The first failure stays; the player ends the replay with it. */
  #fail(error: TransportError): void {
    this.#failure ??= error;
    this.#wake();
  }

  #end(code: 'error' | 'disconnected', why: string, cause?: TransportError): void {
    this.#events.closed({ code, message: cause === undefined ? `${this.label}: ${why}` : why, cause });
  }

  #mismatchError({ at_byte, expected, actual }: Mismatch): TransportError {
    const message =
      `${this.label}: the host sends something else than the recorded one did at byte ${at_byte} ` +
      `of host_to_device (${this.#time()}): expected ${expected}, got ${actual}`;
    return new TransportError('replay-mismatch', message, {
      remedy:
        'Let the host do what it did in the recording, in the same order, or find out what has changed since.',
      retryable: false,
    });
  }

  #silentError(what: string): TransportError {
    const message = `${this.label}: the host does nothing where the recorded one ${what} (${this.#time()})`;
    return new TransportError('replay-silent', message, {
      remedy: 'Let the host do what it did in the recording, or give it more time with patience=SECONDS.',
      retryable: false,
    });
  }

  #time(): string {
    return `${(this.#clock.now_ms() / 1000).toFixed(3)} s after the opening`;
  }
}

/** @throws {TransportError} capture-incomplete */
function scriptOf(capture: Capture, path: string): Script {
  const { facts, events } = capture;
  if (facts.dropped_bytes > 0)
    throw captureError(
      'capture-incomplete',
      path,
      `it begins in the middle of the connection, ${facts.dropped_bytes} bytes before it were forgotten`,
    );
  const writes: Uint8Array[] = [];
  const writesBefore: number[] = [];
  const choices = new Map<string, (number | string)[]>();
  for (const event of events) {
    writesBefore.push(writes.length);
    if (event.kind === 'bytes' && event.direction === 'host_to_device') writes.push(event.bytes);
    if (event.kind === 'note' && event.note.event === 'choice') {
      const { what, value } = event.note;
      choices.set(what, [...(choices.get(what) ?? []), value]);
    }
  }
  return { capture, host: new HostScript(writes), writesBefore, choices };
}
