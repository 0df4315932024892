// One scenario of the fault campaign: the real host link and the real firmware, one line that fails, one operation, and
// then a clean line on which the device must be found able to work. All time is virtual, so a seed always plays alike.
import { createHash } from 'node:crypto';
import { StreamDecoder, USB_MAX_PAYLOAD, type FrameRole } from '../../src/link/frame/index.ts';
import { connect, LinkError, type Link, type RunRequest } from '../../src/link/index.ts';
import { encodeProgramImage, quantise, UNLIMITED_RANGES } from '../../src/physics/index.ts';
import { ChaosPort, createMemoryPair, type Port } from '../../src/transports/index.ts';
import { seededRandom32, seededUniform } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { Board, UNITS } from './board.ts';
import type { ScenarioPlan } from './plan.ts';

/** Far above what any operation may take: requests give up after 10 s, silence ends a link after 4.5 s. */
const DEADLINE_MS = 300_000;
const SAMPLES = 200;

export interface Outcome {
  /** `correct`, or the code of the LinkError. */
  ending: string;
  hung: boolean;
  wrongBytes: number;
  /** What was thrown and is no LinkError. */
  unnamedError: string | null;
  /** The device did not work on a clean line afterwards: why. */
  unrecovered: string | null;
}

/** What a fault-free run gives; computed once. */
export interface Reference {
  image: Uint8Array;
  programId: string;
  bytes: Uint8Array;
}

function programImage(): Uint8Array {
  const uniform = seededUniform(11);
  const couplings = new Float64Array(UNITS * UNITS);
  for (let i = 0; i < UNITS; i += 1) {
    for (let j = i + 1; j < UNITS; j += 1) {
      couplings[i * UNITS + j] = couplings[j * UNITS + i] = (uniform() - 0.5) * 0.02;
    }
  }
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
  const image = programImage();
  const programId = createHash('sha256').update(image).digest('hex');
  const bench = new ScenarioBench(0, { image, programId, bytes: new Uint8Array(0) });
  const link = await bench.clock.settle(bench.connectClean());
  const bytes = await bench.clock.settle(bench.loadAndRun(link));
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
    await bench.within(bench.recover());
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
      await this.within(this.loadAndRun(link));
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
    if (plan.operation === 'load') {
      const { programId } = await link.load(this.#ref.image, { kind: 'program', units: UNITS });
      if (programId !== this.#ref.programId) this.wrongBytes += 1;
      await link.activate(programId);
      return 'correct';
    }
    const running = this.#run(link);
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

  async #run(link: Link): Promise<Uint8Array> {
    let at = 0;
    const { bytes } = await link.run(runRequest(this.#ref.programId), {
      onRecords: (records) => {
        this.#compare(records, at);
        at += records.length;
      },
    });
    this.#compare(bytes, 0);
    if (this.#ref.bytes.length > 0 && bytes.length !== this.#ref.bytes.length) this.wrongBytes += 1;
    return bytes;
  }

  #compare(bytes: Uint8Array, at: number): void {
    if (this.#ref.bytes.length === 0) return; // this is the run that others are compared with
    for (let k = 0; k < bytes.length; k += 1) if (bytes[k] !== this.#ref.bytes[at + k]) this.wrongBytes += 1;
  }

  async loadAndRun(link: Link): Promise<Uint8Array> {
    const { programId } = await link.load(this.#ref.image, { kind: 'program', units: UNITS });
    await link.activate(programId);
    return this.#run(link);
  }

  /** On a clean line, as the same client. */
  async recover(): Promise<void> {
    const link = await this.connectClean();
    await this.loadAndRun(link);
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
