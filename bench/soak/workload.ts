// What goes on while the line is troubled: loads and runs of a few programs, again and again, each result compared with the
// bytes of a fault-free run, and a new connection whenever the old one is lost.
import { createHash } from 'node:crypto';
import { sleep, systemClock } from '../../src/clock/clock.ts';
import { connect, LinkError, type Link, type RunRequest } from '../../src/link/index.ts';
import type { Port } from '../../src/transports/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { encodeProgramImage } from '../../src/physics/index.ts';
import { randomProgram, withScatteredChanges } from '../link/images.ts';

/** Requests give up after 10 s, silence ends a link after 4.5 s: nothing honest takes so long. */
const DEADLINE_MS = 90_000;
/** As many again differ from these in a few couplings, so that they come by patch. */
const PROGRAMS = 3;
const CHANGED_SHARE = 0.01;
const SEEDS = 3;
const SAMPLES = 200;
const RECONNECT_PAUSE_MS = 100;

export interface Tally {
  operations: number;
  completed: number;
  connects: number;
  /** Named errors by code. */
  errors: Map<string, number>;
  wrongBytes: number;
  hung: number;
  /** What was thrown and is no LinkError; the first of them. */
  unnamed: string[];
}

interface Task {
  image: Uint8Array;
  programId: string;
  seed: bigint;
  /** Of the fault-free run. */
  bytes: Uint8Array;
}

export class Workload {
  readonly tally: Tally = {
    operations: 0,
    completed: 0,
    connects: 0,
    errors: new Map(),
    wrongBytes: 0,
    hung: 0,
    unnamed: [],
  };
  readonly #newPort: () => Port;
  readonly #units: number;
  readonly #random32: () => number;
  readonly #clientId: number;
  readonly #tasks: Task[] = [];
  #link: Link | null = null;

  constructor(options: { newPort: () => Port; units: number; seed: number }) {
    this.#newPort = options.newPort;
    this.#units = options.units;
    this.#random32 = seededRandom32(options.seed);
    this.#clientId = 1_000_000 + options.seed;
  }

  /** The fault-free bytes of every task, over a clean line. */
  async learn(): Promise<void> {
    const programs = Array.from({ length: PROGRAMS }, (_, k) => randomProgram(this.#units, k + 1));
    const variants = programs.map((program, k) => withScatteredChanges(program, CHANGED_SHARE, k + 1));
    for (const image of [...programs, ...variants].map(encodeProgramImage)) {
      const programId = createHash('sha256').update(image).digest('hex');
      for (let seed = 0; seed < SEEDS; seed += 1) {
        const task = { image, programId, seed: BigInt(seed), bytes: new Uint8Array(0) };
        this.#tasks.push({ ...task, bytes: await this.#work(await this.#connected(), task, false) });
      }
    }
  }

  /** Operations until the signal; resolves when the last one has ended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const task = this.#tasks[this.#random32() % this.#tasks.length];
      this.tally.operations += 1;
      try {
        const bytes = await this.#within(this.#connected().then((link) => this.#work(link, task, true)));
        this.#compare(task, bytes, 0);
        if (bytes.length !== task.bytes.length) this.tally.wrongBytes += 1;
        this.tally.completed += 1;
      } catch (error) {
        await this.#failed(error);
      }
    }
    await this.#link?.close();
  }

  async #failed(error: unknown): Promise<void> {
    const { tally } = this;
    if (error instanceof LinkError) tally.errors.set(error.code, (tally.errors.get(error.code) ?? 0) + 1);
    else if (error instanceof Hung) tally.hung += 1;
    else tally.unnamed.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    await this.#link?.close();
    this.#link = null;
    await sleep(systemClock, RECONNECT_PAUSE_MS);
  }

  async #connected(): Promise<Link> {
    if (this.#link !== null) return this.#link;
    this.tally.connects += 1;
    const link = await connect({
      port: this.#newPort(),
      clock: systemClock,
      random32: this.#random32,
      clientId: this.#clientId,
      hostVersion: 'soak',
    });
    link.onClosed(() => {
      if (this.#link === link) this.#link = null;
    });
    this.#link = link;
    return link;
  }

  async #work(link: Link, task: Task, isCompared: boolean): Promise<Uint8Array> {
    const { programId } = await link.load(task.image, { kind: 'program', units: this.#units });
    if (programId !== task.programId) this.tally.wrongBytes += 1;
    await link.activate(programId);
    let at = 0;
    const { bytes } = await link.run(runRequest(programId, task.seed), {
      onRecords: (records) => {
        if (isCompared) this.#compare(task, records, at);
        at += records.length;
      },
    });
    return bytes;
  }

  #compare({ bytes: expected }: Task, got: Uint8Array, at: number): void {
    if (Buffer.compare(got, expected.subarray(at, at + got.length)) === 0) return;
    for (let k = 0; k < got.length; k += 1) if (got[k] !== expected[at + k]) this.tally.wrongBytes += 1;
  }

  #within<T>(work: Promise<T>): Promise<T> {
    const deadline = Promise.withResolvers<never>();
    const timer = systemClock.after(DEADLINE_MS, () => deadline.reject(new Hung()));
    return Promise.race([work, deadline.promise]).finally(() => timer.cancel());
  }
}

class Hung extends Error {
  override readonly name = 'Hung';
  constructor() {
    super(`nothing within ${DEADLINE_MS / 1000} s`);
  }
}

function runRequest(programId: string, seed: bigint): RunRequest {
  const phases = [
    { duration_ns: 40, coupled: false },
    { duration_ns: 40, coupled: true, readAt_ns: [0, 40] },
  ];
  return { programId, samples: SAMPLES, initial: 'zero', phases, seed, step_ns: 10 };
}
