// What the hosts are asked: jobs, each until somebody has acknowledged it, and their ends. A request that got no whole answer
// is sent again with the same Idempotency-Key, to whichever host is there; so every number has one job, or one too many.

interface Target {
  url: string;
}

export interface AcknowledgedJob {
  k: number;
  id: string;
}

export interface FinishedJob {
  id: string;
  state: string;
  cause: string | null;
  labels: Record<string, string>;
  result: { samples: { wireDigest: string } } | null;
}

const ANSWER_WITHIN_MS = 5_000;
const PAUSE_MS = 100;

export class Load {
  readonly #key: string;
  /** Those that answer now, best first. */
  readonly #targets: () => readonly Target[];

  constructor(key: string, targets: () => readonly Target[]) {
    this.#key = key;
    this.#targets = targets;
  }

  /** Tries for `within_ms`. */
  async submit(k: number, body: object, within_ms: number): Promise<AcknowledgedJob> {
    const headers = { 'idempotency-key': `job-${k}`, 'content-type': 'application/json' };
    const labelled = { ...body, labels: { k: String(k) } };
    const job = await this.#ask('POST', '/v1/jobs', within_ms, { headers, body: JSON.stringify(labelled) });
    return { k, id: (job as { id: string }).id };
  }

  get(path: string, within_ms: number, headers: Record<string, string> = {}): Promise<unknown> {
    return this.#ask('GET', path, within_ms, { headers });
  }

  /** The job once it has ended. */
  async ended(id: string, within_ms: number): Promise<FinishedJob> {
    for (const start = performance.now(); ;) {
      const job = (await this.get(`/v1/jobs/${id}`, within_ms, { prefer: 'wait=2' })) as FinishedJob;
      if (!['queued', 'held', 'running'].includes(job.state)) return job;
      if (performance.now() - start > within_ms)
        throw new Error(`job ${id} is still ${job.state} after ${within_ms / 1000} s`);
    }
  }

  async #ask(
    method: string,
    path: string,
    within_ms: number,
    more: { headers: Record<string, string>; body?: string },
  ): Promise<unknown> {
    let why: unknown = null;
    for (const start = performance.now(); performance.now() - start < within_ms;) {
      for (const { url } of this.#targets()) {
        try {
          const answer = await fetch(url + path, {
            method,
            ...(more.body !== undefined && { body: more.body }),
            headers: { ...more.headers, authorization: `Bearer ${this.#key}` },
            signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
          });
          if (answer.ok) return await answer.json();
          why = `${answer.status} ${(await answer.text()).slice(0, 300)}`;
          // 409: the first request with this key is still being answered.
          if (answer.status < 500 && answer.status !== 409)
            throw new Refused(`${method} ${path}: ${String(why)}`);
        } catch (error) {
          if (error instanceof Refused) throw error;
          why = error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error(`${method} ${path} was not answered within ${within_ms / 1000} s: ${String(why)}`);
  }
}

class Refused extends Error {}
