// Clients that write and read without a pause, remember every answer that came in full, and send again, under the same
// Idempotency-Key, what a kill left in doubt.
import { seededUniform } from '../../test/support/seeded-random.ts';
import {
  digestOfCalibration,
  digestOfJob,
  hasEnded,
  Ledger,
  type CalibrationView,
  type JobView,
} from './ledger.ts';
import { ask, isOk, jsonOf, sha256, type Answer, type Outgoing } from './requests.ts';

const CLIENTS = 4;
/** Jobs that wait at most: the load must not run away from the device. */
const OPEN_JOBS_MAX = 20;
const OPEN_CALIBRATIONS_MAX = 1;
const UNITS = 4;
/** Between two tries while the service is away or says "later". */
const PAUSE_MS = 20;
const DEVICE = 'chip-0';

export interface LoadOptions {
  key: string;
  seed: number;
}

export class Load {
  readonly ledger = new Ledger();
  readonly #key: string;
  readonly #uniform: () => number;
  readonly #clients: Promise<void>[] = [];
  /** Where the service is; null while it is down, and while it is being checked. */
  #url: string | null = null;
  #ending = false;
  #requests = 0;
  readonly #openJobs: string[] = [];
  readonly #openCalibrations: string[] = [];

  constructor({ key, seed }: LoadOptions) {
    this.#key = key;
    this.#uniform = seededUniform(seed);
  }

  start(): void {
    for (let k = 0; k < CLIENTS; k++) this.#clients.push(this.#client());
  }

  /** The service is there. */
  resume(url: string): void {
    this.#url = url;
  }

  /** The service is gone, or about to be looked at. */
  pause(): void {
    this.#url = null;
  }

  /** Makes no new requests, brings those in doubt to an answer, and follows every job to its end. */
  async finish(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#clients);
    while (this.#openJobs.length + this.#openCalibrations.length > 0) {
      await this.#followJob();
      await this.#followCalibration();
    }
  }

  async #client(): Promise<void> {
    while (!this.#ending) {
      const draw = this.#uniform();
      if (this.ledger.models.size === 0 || draw < 0.15) await this.#model();
      else if (this.#openJobs.length > OPEN_JOBS_MAX) await this.#followJob();
      else if (draw < 0.6) await this.#job();
      else if (draw < 0.7) await this.#newKey();
      else if (draw < 0.75) await this.#cancel();
      else if (draw < 0.77) await this.#calibration();
      else if (draw < 0.8) await this.#followCalibration();
      else await this.#followJob();
    }
  }

  async #model(): Promise<void> {
    const draw = (): number => Math.round((this.#uniform() - 0.5) * 1e6) / 1e7;
    const couplings = Array.from({ length: UNITS }, () => new Array<number>(UNITS).fill(0));
    for (let i = 0; i < UNITS; i++)
      for (let j = i + 1; j < UNITS; j++) couplings[i][j] = couplings[j][i] = draw();
    const flat = (value: number): number[] => new Array<number>(UNITS).fill(value);
    const body = {
      name: `model ${this.#requests}`,
      couplings,
      biases: Array.from({ length: UNITS }, draw),
      j2: flat(1),
      j4: flat(1),
      noiseTemperature_E0: 0.1,
    };
    const answer = await this.#write({ method: 'POST', path: '/v1/models', body });
    if (answer !== null) this.ledger.models.add(jsonOf<{ digest: string }>(answer).digest);
  }

  async #job(): Promise<void> {
    const models = [...this.ledger.models];
    const number = this.#requests;
    const body = {
      model: models[Math.floor(this.#uniform() * models.length)],
      device: { id: DEVICE },
      relax: { duration_s: 1e-7 },
      samples: { count: 1 + Math.floor(this.#uniform() * 4) },
      record: { heat: this.#uniform() < 0.5 },
      labels: { request: `${number}` },
      onUnmet: 'wait',
    };
    const answer = await this.#write({ method: 'POST', path: '/v1/jobs', body });
    if (answer === null) return;
    const { id } = jsonOf<JobView>(answer);
    this.ledger.jobs.set(id, number);
    this.#openJobs.push(id);
  }

  async #newKey(): Promise<void> {
    const body = { name: `key ${this.#requests}`, role: 'viewer' };
    const answer = await this.#write({ method: 'POST', path: '/v1/keys', body });
    if (answer !== null) this.ledger.keys.add(jsonOf<{ id: string }>(answer).id);
  }

  async #calibration(): Promise<void> {
    if (this.#openCalibrations.length >= OPEN_CALIBRATIONS_MAX) return this.#followCalibration();
    const options = {
      units: UNITS,
      holds: 10,
      settle_timeUnits: 1,
      record_timeUnits: 0.2,
      readEvery_timeUnits: 0.1,
    };
    const body = { kind: 'noise-temperature', device: DEVICE, options, onUnmet: 'wait' };
    const answer = await this.#write({ method: 'POST', path: '/v1/calibrations', body });
    if (answer === null) return;
    const { id } = jsonOf<CalibrationView>(answer);
    this.ledger.calibrations.add(id);
    this.#openCalibrations.push(id);
  }

  async #cancel(): Promise<void> {
    const id = this.#openJobs.at(-1);
    if (id === undefined || this.ledger.cancelAsked.has(id)) return;
    this.ledger.cancelAsked.add(id);
    // Idempotent by nature: a repeated one finds the job finished.
    const answer = await this.#insist({ method: 'POST', path: `/v1/jobs/${id}/cancel` }, [409]);
    if (answer?.status === 200) this.ledger.cancelled.add(id);
    if (answer !== null && isOk(answer)) this.ledger.acknowledged++;
  }

  /** Reads a job until it has ended, then its samples and its certificate; what was read must never be different again. */
  async #followJob(): Promise<void> {
    const id = this.#openJobs.shift();
    if (id === undefined) return;
    const answer = await this.#insist({
      method: 'GET',
      path: `/v1/jobs/${id}`,
      headers: { prefer: 'wait=1' },
    });
    if (answer === null) return;
    const job = jsonOf<JobView>(answer);
    if (!hasEnded(job)) return void this.#openJobs.push(id);
    const digest = async (what: string): Promise<string | null> => {
      if (job.state !== 'succeeded') return null;
      const headers = what === 'samples' ? { accept: 'application/x-npy' } : undefined;
      const read = await this.#insist({ method: 'GET', path: `/v1/jobs/${id}/${what}`, headers });
      return read === null ? null : sha256(read.bytes);
    };
    this.ledger.endedJobs.set(id, {
      view: digestOfJob(job),
      state: job.state,
      samples: await digest('samples'),
      certificate: await digest('certificate'),
    });
  }

  async #followCalibration(): Promise<void> {
    const id = this.#openCalibrations.shift();
    if (id === undefined) return;
    const answer = await this.#insist({
      method: 'GET',
      path: `/v1/calibrations/${id}`,
      headers: { prefer: 'wait=1' },
    });
    if (answer === null) return;
    const calibration = jsonOf<CalibrationView>(answer);
    if (hasEnded(calibration)) this.ledger.endedCalibrations.set(id, digestOfCalibration(calibration));
    else this.#openCalibrations.push(id);
  }

  /** A write that is repeated until it is answered, and counts as acknowledged then. */
  async #write(request: Outgoing): Promise<Answer | null> {
    const headers = { 'idempotency-key': `request-${this.#requests++}` };
    const answer = await this.#insist({ ...request, headers });
    if (answer !== null) this.ledger.acknowledged++;
    return answer;
  }

  /** Asks again, over restarts, until there is an answer that says yes or no; null for no, which is noted. */
  async #insist(request: Outgoing, alsoFine: readonly number[] = []): Promise<Answer | null> {
    for (;;) {
      const url = this.#url;
      if (url !== null) {
        const answer = await ask(url, this.#key, request);
        if (answer !== null && (isOk(answer) || alsoFine.includes(answer.status))) return answer;
        if (answer !== null && !isLater(answer)) {
          const text = Buffer.from(answer.bytes).toString('utf8').slice(0, 500);
          this.ledger.unexpected.push(`${request.method} ${request.path}: ${answer.status} ${text}`);
          return null;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** The service asks to come again: it is stopping, the first request with this key still runs, and so on. */
function isLater(answer: Answer): boolean {
  if (answer.status < 400) return false;
  try {
    return jsonOf<{ retryable?: boolean }>(answer).retryable === true;
  } catch {
    return false;
  }
}
