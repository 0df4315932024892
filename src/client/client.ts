// The typed client of the REST API, for programs, the command line and pages: openapi-fetch over the generated types, and
// on top of it what every caller would write again: waiting with progress, downloads as arrays, uploads from arrays.
// Nothing here needs Node.
import createClient, { type Client } from 'openapi-fetch';
import {
  modelNpz,
  samplesOf,
  sampleSetOf,
  type ModelArrays,
  type SampleSet,
  type Samples,
} from './arrays.ts';
import { verifyDigest } from './digest.ts';
import { ClientError } from './errors.ts';
import { liveMessages, type EventOptions, type LiveMessage } from './events.ts';
import { pause, RETRY, send, type Outgoing, type RetryPolicy, type SendingOptions } from './sending.ts';
import type {
  Answer,
  Calibration,
  Job,
  JobBatchAnswer,
  JobSubmission,
  JobValidation,
  KeyRequest,
  Method,
  NewKey,
  paths,
  Route,
} from './types.ts';
import { untilEnded, type Ending, type WaitOptions } from './waiting.ts';

/** Headers of an answer come within this time, unless a long poll adds its own. */
const TIMEOUT_S = 60;
/** A body of 48 MB over a line of 1 Mbit/s. */
const TRANSFER_TIMEOUT_S = 600;

export interface ClientOptions {
  /** For example http://127.0.0.1:8080 */
  baseUrl: string;
  /** tlk_<id>_<secret> */
  key?: string;
  /** Ends every request of this client. */
  signal?: AbortSignal;
  /** Retryable answers are asked for again; `{ attempts: 1 }` never does. */
  retry?: Partial<RetryPolicy>;
  onRetry?: SendingOptions['onRetry'];
  /** Instead of the platform's, for tests. */
  fetch?: typeof fetch;
}

/** A body and headers for a path that the types do not know. */
export interface RawRequest {
  body?: Uint8Array | object;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** An answer of a shape that the types do not know. */
export interface Resource extends Ending {
  id: string;
  result?: Record<string, unknown> | null;
  [field: string]: unknown;
}

export class ThermoloopClient {
  /** The openapi-fetch client itself. Its answers have `data` and `response`; refusals are thrown as ClientError. */
  readonly api: Client<paths>;
  /** Typed routes: `await client.get('/v1/jobs/{id}', { params: { path: { id } } })`. @throws {ClientError} */
  readonly get: Route<'get'>;
  readonly post: Route<'post'>;
  readonly put: Route<'put'>;
  readonly patch: Route<'patch'>;
  readonly delete: Route<'delete'>;
  readonly #baseUrl: string;
  readonly #sending: SendingOptions;

  constructor({ baseUrl, key, signal, retry, onRetry, fetch = globalThis.fetch }: ClientOptions) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.#sending = {
      key,
      signal,
      retry: { ...RETRY, ...retry },
      onRetry,
      // Called as a bare function: a browser's fetch refuses another `this`.
      fetch: (...request) => fetch(...request),
      pause,
      random: Math.random,
    };
    this.api = createClient<paths>({
      baseUrl: this.#baseUrl,
      fetch: async (request) => this.#send(await outgoingOf(request)),
    });
    const route = <M extends Method>(method: M): Route<M> =>
      (async (path: never, init: never) =>
        (await this.api.request(method, path, ...([init] as never))).data) as unknown as Route<M>;
    this.get = route('get');
    this.post = route('post');
    this.put = route('put');
    this.patch = route('patch');
    this.delete = route('delete');
  }

  /** Uploads a model from arrays, or bytes of a format of docs/api.md with their content type; returns its digest. */
  async uploadModel(model: ModelArrays | Uint8Array, contentType = 'application/x-npz'): Promise<string> {
    const body = model instanceof Uint8Array ? model : modelNpz(model);
    const answer = await this.request('POST', '/v1/models', {
      body,
      headers: { 'content-type': contentType },
    });
    return ((await answer.json()) as Answer<'/v1/models', 'post'>).digest;
  }

  /**
   * @param id Idempotency-Key: the same one and the same job give the same job again for 24 hours; made up by default,
   *   which makes retries of this call safe
   */
  submitJob(job: JobSubmission, { id }: { id?: string } = {}): Promise<Job> {
    return this.post('/v1/jobs', {
      body: job,
      params: { header: id === undefined ? {} : { 'idempotency-key': id } },
    });
  }

  /**
   * Up to 100 jobs, each with its job or its problem, in order; one that is refused keeps no other back.
   * @param id Idempotency-Key for the whole, as for submitJob
   */
  submitJobs(jobs: JobSubmission[], { id }: { id?: string } = {}): Promise<JobBatchAnswer> {
    return this.post('/v1/jobs/batch', {
      body: { jobs },
      params: { header: id === undefined ? {} : { 'idempotency-key': id } },
    });
  }

  /** What would become of the job; queues nothing. One that would be refused is an answer, not an error. */
  validateJob(job: JobSubmission): Promise<JobValidation> {
    return this.post('/v1/jobs/validate', { body: job });
  }

  job(id: string): Promise<Job> {
    return this.get('/v1/jobs/{id}', { params: { path: { id } } });
  }

  /** Submits and waits. @throws {ClientError} with the code of the job's cause when it does not succeed */
  async runJob(job: JobSubmission, options: WaitOptions<Job> = {}): Promise<Job> {
    const ended = await this.waitForJob((await this.submitJob(job)).id, options);
    return succeeded(ended, 'job');
  }

  /** Waits until the job has ended, also over a restart of the service. A job that failed is an answer, not an error. */
  waitForJob(id: string, options: WaitOptions<Job> = {}): Promise<Job> {
    return this.wait(`/v1/jobs/${encodeURIComponent(id)}`, options);
  }

  cancelJob(id: string): Promise<Job> {
    return this.post('/v1/jobs/{id}/cancel', { params: { path: { id } } });
  }

  /** The states of a finished job. @param signal ends the download */
  async samples(job: string, signal?: AbortSignal): Promise<Samples> {
    return samplesOf(await this.download(samplesPath(job), 'application/x-npy', signal));
  }

  /** The states with the times of the reads and the heat. */
  async sampleSet(job: string, signal?: AbortSignal): Promise<SampleSet> {
    return sampleSetOf(await this.download(samplesPath(job), 'application/x-npz', signal));
  }

  /** Starts a calibration and waits. @throws {ClientError} when it does not succeed */
  async calibrate(
    request: { device: string; kind: string; options?: Record<string, unknown>; force?: boolean },
    options: WaitOptions<Calibration> = {},
  ): Promise<Calibration> {
    const { id } = await this.post('/v1/calibrations', { body: request });
    return succeeded(await this.waitForCalibration(id, options), 'calibration');
  }

  waitForCalibration(id: string, options: WaitOptions<Calibration> = {}): Promise<Calibration> {
    return this.wait(`/v1/calibrations/${encodeURIComponent(id)}`, options);
  }

  /** The secret is in `key`, and nowhere else. @throws {ClientError} secret-lost */
  async createKey(request: KeyRequest): Promise<NewKey & { key: string }> {
    const made = await this.post('/v1/keys', { body: request });
    if (made.key !== null) return { ...made, key: made.key };
    throw new ClientError(
      { code: 'secret-lost', remedy: `Revoke the key ${made.id}, and make another one.` },
      `the answer with the secret of the key ${made.id} was lost on the way`,
    );
  }

  /**
   * Events as they happen, for ever: `for await (const message of client.events({ topics: ['job.*'] }))`. A line that
   * breaks is opened again, and goes on where it was while the service still knows.
   * @throws {ClientError} what is refused for good
   */
  events(options: EventOptions = {}): AsyncGenerator<LiveMessage> {
    const open = (query: string, lastId: string | null, signal: AbortSignal): Promise<Response> =>
      this.request('GET', `/v1/events${query}`, {
        headers: { accept: 'text/event-stream', ...(lastId !== null && { 'last-event-id': lastId }) },
        signal,
      });
    return liveMessages(open, this.#sending.pause, options);
  }

  /** Items of all pages of a list: `for await (const job of client.all('/v1/jobs'))`. */
  async *all<Path extends ListPath>(
    path: Path,
    query: Record<string, string> = {},
  ): AsyncGenerator<Item<Path>> {
    let cursor: string | null = null;
    do {
      const search: URLSearchParams = new URLSearchParams({ ...query, ...(cursor !== null && { cursor }) });
      const page: Page<Item<Path>> = await this.json('GET', `${path}?${search.toString()}`);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Long-polls a resource with a state until it has ended. @param path of the resource */
  wait<R extends Ending = Resource>(path: string, options: WaitOptions<R> = {}): Promise<R> {
    const read = async (
      wait_s: number,
      etag: string | null,
    ): Promise<{ state: R; etag: string | null } | null> => {
      const headers = { prefer: `wait=${wait_s}`, ...(etag !== null && { 'if-none-match': etag }) };
      const answer = await this.#request(
        'GET',
        path,
        { headers, signal: options.signal },
        TIMEOUT_S + wait_s,
      );
      if (answer.status === 304) return null;
      return { state: (await answer.json()) as R, etag: answer.headers.get('etag') };
    };
    return untilEnded(read, options);
  }

  /** The bytes of a path in a format, held to their digest. @throws {ClientError} damaged-download */
  async download(path: string, mediaType: string, signal?: AbortSignal): Promise<Uint8Array> {
    const options = { headers: { accept: mediaType }, signal };
    const answer = await this.#request('GET', path, options, TRANSFER_TIMEOUT_S);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    await verifyDigest(bytes, answer.headers.get('repr-digest'));
    return bytes;
  }

  /** A JSON answer of a path that the types do not know. @throws {ClientError} */
  async json<T = Resource>(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<T> {
    return (await (await this.request(method, path, { body, headers })).json()) as T;
  }

  /** Any request: for paths that the types do not know. @throws {ClientError} */
  request(method: string, path: string, options: RawRequest = {}): Promise<Response> {
    return this.#request(method, path, options, options.body === undefined ? TIMEOUT_S : TRANSFER_TIMEOUT_S);
  }

  #request(
    method: string,
    path: string,
    { body, headers, signal }: RawRequest,
    timeout_s: number,
  ): Promise<Response> {
    const all = new Headers(headers);
    const raw = body instanceof Uint8Array;
    if (body !== undefined && !raw) all.set('content-type', 'application/json');
    const bytes =
      body === undefined ? undefined : raw ? body : new TextEncoder().encode(JSON.stringify(body));
    return this.#send({
      method,
      url: `${this.#baseUrl}${path}`,
      headers: all,
      body: bytes as Outgoing['body'],
      signal,
      timeout_s,
    });
  }

  #send(outgoing: Outgoing): Promise<Response> {
    return send(outgoing, this.#sending);
  }
}

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}
type ListPath = {
  [P in keyof paths]: Answer<P, 'get'> extends { items: unknown[]; nextCursor: string | null } ? P : never;
}[keyof paths];
type Item<P extends ListPath> = Answer<P, 'get'> extends { items: (infer I)[] } ? I : never;

async function outgoingOf(request: Request): Promise<Outgoing> {
  const { method, url, headers, signal } = request;
  const wait_s = Number(/\bwait=(\d+)/.exec(headers.get('prefer') ?? '')?.[1] ?? 0);
  const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
  return { method, url, headers, body, signal, timeout_s: TIMEOUT_S + wait_s };
}

const samplesPath = (job: string): string => `/v1/jobs/${encodeURIComponent(job)}/samples`;

/** What ended well. @throws {ClientError} with the cause as its code */
export function succeeded<R extends Ending & { id: string }>(ended: R, what: string): R {
  if (ended.state === 'succeeded') return ended;
  const code = ended.cause ?? ended.state;
  const { message, remedy } = ended.failure ?? {};
  throw new ClientError(
    { code, remedy: remedy ?? '' },
    `the ${what} ${ended.id} ended as ${ended.state}${ended.cause ? ` (${ended.cause})` : ''}${message ? `: ${message}` : ''}`,
  );
}
