// A thin client of the REST API for programs and for the demo: fetch, the key, long polls, and problems as errors.

/** A problem document (RFC 9457) as the service sends it. */
export interface Problem {
  code: string;
  title: string;
  status: number;
  detail?: string;
  remedy?: string;
  retryable?: boolean;
}

/** The service refused, or could not be reached; `remedy` says what to do. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly status: number | null;
  constructor(problem: Partial<Problem> & { code: string }, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = problem.code;
    this.remedy = problem.remedy ?? '';
    this.retryable = problem.retryable ?? false;
    this.status = problem.status ?? null;
  }
}

/** A job or a calibration while it runs and when it ended. Fields beyond these stay available as unknown. */
export interface Resource {
  id: string;
  state: string;
  phase?: string | null;
  cause?: string | null;
  progress?: { phase: string; done: number; total: number } | null;
  result?: Record<string, unknown> | null;
  [field: string]: unknown;
}

const finished = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

export interface ClientOptions {
  /** For example http://127.0.0.1:8080 */
  baseUrl: string;
  key?: string;
  signal?: AbortSignal;
}

export class ThermoloopClient {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** One request; throws ClientError on a problem document, on another failure status and when nothing answers. */
  async request(
    method: string,
    path: string,
    more: { body?: Uint8Array | object; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { baseUrl, key, signal } = this.options;
    const raw = more.body instanceof Uint8Array;
    const headers: Record<string, string> = { ...more.headers };
    if (key !== undefined) headers['authorization'] = `Bearer ${key}`;
    if (more.body !== undefined && !raw) headers['content-type'] = 'application/json';
    const body =
      more.body === undefined
        ? undefined
        : raw
          ? Buffer.from(more.body as Uint8Array)
          : JSON.stringify(more.body);
    let response: Response;
    try {
      response = await fetch(new URL(path, baseUrl), { method, headers, body, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ClientError(
        { code: 'unreachable', retryable: true, remedy: 'Check that `thermoloop serve` runs there.' },
        `no answer from ${baseUrl}`,
        error,
      );
    }
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
    const code = problem.code ?? `http-${response.status}`;
    throw new ClientError(
      { ...problem, code, status: response.status },
      `${method} ${path}: ${problem.detail ?? problem.title ?? code}`,
    );
  }

  async json(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Resource> {
    return (await (await this.request(method, path, { body, headers })).json()) as Resource;
  }

  /** Uploads a model as .npz (members J, b, j2, j4, kT); returns its digest. */
  async uploadModel(npz: Uint8Array): Promise<string> {
    const response = await this.request('POST', '/v1/models', {
      body: npz,
      headers: { 'content-type': 'application/x-npz' },
    });
    return ((await response.json()) as { digest: string }).digest;
  }

  /** Long-polls a job or a calibration until it has ended; `onState` sees every answer. */
  async wait(path: string, onState?: (state: Resource) => void): Promise<Resource> {
    for (;;) {
      const state = await this.json('GET', path, undefined, { prefer: 'wait=1' });
      onState?.(state);
      if (finished.has(state.state)) return state;
    }
  }

  async download(path: string, mediaType: string): Promise<Uint8Array> {
    const response = await this.request('GET', path, { headers: { accept: mediaType } });
    return new Uint8Array(await response.arrayBuffer());
  }
}
