// One scenario of the fault campaign: the real host link and the real firmware, one line that fails, one operation, and
// then a clean line on which the device must be found able to work. All time is virtual, so a seed always plays alike.
import { createHash } from 'node:crypto';
import { StreamDecoder, USB_MAX_PAYLOAD, type FrameRole } from '../../src/link/frame/index.ts';
import { connect, ImageCache, LinkError, type Link, type RunRequest } from '../../src/link/index.ts';
import { encodeProgramImage, quantise, UNLIMITED_RANGES } from '../../src/physics/index.ts';
import { ChaosPort, createMemoryPair, type Port } from '../../src/transports/index.ts';
import { seededRandom32, seededUniform } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { SMALL_UNITS as UNITS } from './bench-controller.ts';
import { Board } from './board.ts';
import type { ScenarioPlan } from './plan.ts';

/** Far above what any operation may take: requests give up after 10 s, silence ends a link after 4.5 s. */
const DEADLINE_MS = 300_000;
const SAMPLES = 200;

export interface Outcome {
  /** `correct`, `correct-by-image` where a patch was not taken, or the code of the LinkError. */
  ending: string;
  hung: boolean;
  wrongBytes: number;
  /** What was thrown and is no LinkError. */
  unnamedError: string | null;
  /** The device did not work on a clean line afterwards: why. */
  unrecovered: string | null;
}

/** A program, and what a fault-free run of it gives. */
interface Golden {
  image: Uint8Array;
  programId: string;
  bytes: Uint8Array;
}

/** Computed once: the program of all operations, and the one that patches turn it into. */
export interface Reference extends Golden {
  patched: Golden;
}

/** Couplings from a seed; one in five of the patched program's come from another. */
function programImage(isPatched: boolean): Uint8Array {
  const uniform = seededUniform(11);
  const other = seededUniform(12);
  const couplings = new Float64Array(UNITS * UNITS);
  for (let i = 0; i < UNITS; i += 1) {
    for (let j = i + 1; j < UNITS; j += 1) {
      const [value, changed] = [uniform(), other()];
      const isOther = isPatched && (i + j) % 5 === 0;
      couplings[i * UNITS + j] = couplings[j * UNITS + i] = ((isOther ? changed : value) - 0.5) * 0.02;
    }
  }
  couplings[1] = couplings[UNITS] = 0.01; // the largest: both programs have one scale
  const ones = new Float64Array(UNITS).fill(1);
  const biases = Float64Array.from({ length: UNITS }, () => uniform() - 0.5);
  const model = { units: UNITS, couplings, biases, j2: ones, j4: ones, noiseTemperature_E0: 0.1 };
  return encodeProgramImage(quantise(model, UNLIMITED_RANGES));
}

function runRequest(programId: string): RunRequest {
  const phases = [
    { duration_ns: 40, coupled: false },
    { duration_ns: 40, coupled: true, readAt_ns: [0, 40] },
  ];
  return { programId, samples: SAMPLES, initial: 'zero', phases, seed: 42n, step_ns: 10 };
}

/** The fault-free bytes. */
export async function reference(): Promise<Reference> {
  return { ...(await golden(false)), patched: await golden(true) };
}

async function golden(isPatched: boolean): Promise<Golden> {
  const image = programImage(isPatched);
  const programId = createHash('sha256').update(image).digest('hex');
  const none: Golden = { image, programId, bytes: new Uint8Array(0) };
  const bench = new ScenarioBench(0, { ...none, patched: none });
  const link = await bench.clock.settle(bench.connectClean());
  const bytes = await bench.clock.settle(bench.loadAndRun(link, none));
  await bench.clock.settle(link.close());
  bench.board.close();
  return { image, programId, bytes };
}

export async function playScenario(plan: ScenarioPlan, ref: Reference): Promise<Outcome> {
  const bench = new ScenarioBench(plan.seed, ref);
  const outcome: Outcome = {
    ending: 'correct',
    hung: false,
    wrongBytes: 0,
    unnamedError: null,
    unrecovered: null,
  };
  try {
    await bench.prepare(plan);
    outcome.ending = await bench.within(bench.operate(plan));
  } catch (error) {
    if (error instanceof LinkError) outcome.ending = error.code;
    else if (error instanceof Hung) outcome.hung = true;
    else outcome.unnamedError = String(error);
  }
  await bench.within(bench.link?.close() ?? Promise.resolve()).catch(() => (outcome.hung = true));
  try {
    await bench.within(bench.recover(plan));
  } catch (error) {
    outcome.unrecovered = String(error);
  }
  outcome.wrongBytes = bench.wrongBytes;
  bench.board.close();
  return outcome;
}

class Hung extends Error {
  override readonly name = 'Hung';
}

class ScenarioBench {
  readonly clock = new VirtualClock();
  readonly board: Board;
  readonly #ref: Reference;
  readonly #seed: number;
  readonly #random32: () => number;
  readonly #uniform: () => number;
  /** Frames of the session before, by receiver, for stale ones. */
  readonly #images = new ImageCache();
  readonly #oldFrames: Record<FrameRole, Uint8Array[]> = { device: [], host: [] };
  #recording = true;
  #connections = 0;
  link: Link | null = null;
  wrongBytes = 0;

  constructor(seed: number, ref: Reference) {
    this.#seed = seed;
    this.#ref = ref;
    this.board = new Board(this.clock, seed);
    this.#random32 = seededRandom32(seed * 3 + 1);
    this.#uniform = seededUniform(seed * 3 + 2);
  }

  /** Settles with the promise, or rejects with Hung when the virtual clock passes the deadline. */
  within<T>(promise: Promise<T>): Promise<T> {
    const deadline = Promise.withResolvers<never>();
    const timer = this.clock.after(DEADLINE_MS, () =>
      deadline.reject(new Hung(`nothing within ${DEADLINE_MS} ms`)),
    );
    return this.clock.settle(Promise.race([promise, deadline.promise])).finally(() => timer.cancel());
  }

  connectClean(): Promise<Link> {
    return this.#connect((port) => port, null, 0);
  }

  async #connect(wrap: (port: Port) => Port, rebootAt_bytes: number | null, stale: number): Promise<Link> {
    this.#connections += 1;
    const seed = this.#seed * 8 + this.#connections;
    const [near, far] = createMemoryPair({ clock: this.clock, seed, maxPieceBytes: 900 });
    let received = 0;
    let rebootAt = rebootAt_bytes ?? Infinity;
    this.board.plug(this.#withStale(far, 'host', stale), (bytes) => {
      received += bytes.length;
      if (received < rebootAt) return;
      rebootAt = Infinity;
      this.clock.after(0, () => this.board.reboot());
    });
    await far.open(new AbortController().signal);
    return connect({
      port: wrap(this.#withStale(near, 'device', stale)),
      clock: this.clock,
      random32: this.#random32,
      clientId: 1_000_000 + this.#seed,
      hostVersion: 'bench',
      images: this.#images,
    });
  }

  /** Records what is written to `receiver`, or slips recorded frames in between. */
  #withStale(port: Port, receiver: FrameRole, stale: number): Port {
    const write = port.write.bind(port);
    const old = this.#oldFrames[receiver];
    port.write = (bytes) => {
      if (this.#recording && isOfSession(bytes, receiver) && old.length < 200) old.push(bytes.slice());
      const result = write(bytes);
      if (this.#uniform() >= stale || old.length === 0) return result;
      return write(old[Math.floor(this.#uniform() * old.length)]) && result;
    };
    return port;
  }

  /** Runs need a program, stale frames an older session; a load starts on an empty device unless it wants those. */
  async prepare(plan: ScenarioPlan): Promise<void> {
    const needsProgram = plan.operation !== 'load' || plan.stale > 0;
    if (needsProgram) {
      const link = await this.within(this.connectClean());
      await this.within(this.loadAndRun(link, this.#ref));
      await this.within(link.close());
      // A load is a load again: the device forgets, the frames of its old session do not.
      if (plan.operation === 'load') this.board.reboot();
    }
    this.#recording = false;
  }

  async operate(plan: ScenarioPlan): Promise<string> {
    const { faults, seed } = plan;
    const chaos = (port: Port): Port => new ChaosPort(port, { faults, seed, clock: this.clock });
    const link = await this.#connect(chaos, plan.rebootAt_bytes, plan.stale);
    this.link = link;
    if (plan.operation === 'load' || plan.operation === 'patch') {
      const wanted = plan.operation === 'load' ? this.#ref : this.#ref.patched;
      const { programId, patched } = await link.load(wanted.image, { kind: 'program', units: UNITS });
      if (programId !== wanted.programId) this.wrongBytes += 1;
      await link.activate(programId);
      return plan.operation === 'load' || patched ? 'correct' : 'correct-by-image';
    }
    const running = this.#run(link, this.#ref);
    if (plan.operation === 'run') {
      await running;
      return 'correct';
    }
    const ended = running.then(
      () => 'correct',
      (error: unknown) => {
        if (error instanceof LinkError) return error.code;
        throw error;
      },
    );
    await new Promise<void>((resolve) => this.clock.after(plan.stopAfter_ms, resolve));
    const stopped = link.stop();
    await Promise.allSettled([stopped, ended]);
    await stopped;
    return ended;
  }

  async #run(link: Link, wanted: Golden): Promise<Uint8Array> {
    let at = 0;
    const { bytes } = await link.run(runRequest(wanted.programId), {
      onRecords: (records) => {
        this.#compare(records, wanted, at);
        at += records.length;
      },
    });
    this.#compare(bytes, wanted, 0);
    if (wanted.bytes.length > 0 && bytes.length !== wanted.bytes.length) this.wrongBytes += 1;
    return bytes;
  }

  #compare(bytes: Uint8Array, wanted: Golden, at: number): void {
    if (wanted.bytes.length === 0) return; // this is the run that others are compared with
    for (let k = 0; k < bytes.length; k += 1) if (bytes[k] !== wanted.bytes[at + k]) this.wrongBytes += 1;
  }

  async loadAndRun(link: Link, wanted: Golden): Promise<Uint8Array> {
    const { programId } = await link.load(wanted.image, { kind: 'program', units: UNITS });
    await link.activate(programId);
    return this.#run(link, wanted);
  }

  /** On a clean line, as the same client; what a patch left in the bank is what runs. */
  async recover(plan: ScenarioPlan): Promise<void> {
    const link = await this.connectClean();
    await this.loadAndRun(link, plan.operation === 'patch' ? this.#ref.patched : this.#ref);
    await link.close();
  }
}

/** Whether a write is one frame of a session, not a HELLO and no stray delimiter. */
function isOfSession(bytes: Uint8Array, role: FrameRole): boolean {
  let found = false;
  const decoder = new StreamDecoder({
    role,
    maxPayload: USB_MAX_PAYLOAD,
    onResult: (result) => (found = result.kind === 'frame' && result.frame.session !== 0),
  });
  decoder.push(bytes);
  return found;
}
