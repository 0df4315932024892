// One service, thousands of requests at it, and what was found: once with keys that are exempt from the rate limit, once
// with keys that are not.
import { HelperProcess } from '../link/processes.ts';
import { Contract, type Operation } from './contract.ts';
import { Dice } from './dice.ts';
import { Judge, type Answer, type Finding, type FindingKind } from './judge.ts';
import { Pools, RequestMaker, type Wire } from './requests.ts';
import { asCurl, rawBytes, Sender, type Outcome } from './send.ts';
import type { FuzzServiceConfig, FuzzServiceReady, FuzzServiceState } from './service.ts';

const CONCURRENCY = 12;
const RAW_SHARE = 0.015;
const MEMORY_SAMPLES = 40;
const PRINTED_MAX = 25;
/** Sockets of the last requests close within this time. */
const SETTLE_MS = 1_500;

export interface CampaignOptions {
  requests: number;
  seed: number;
  /** 0: exempt. */
  requestsPerMinute: number;
  say(line: string): void;
}
export interface CampaignResult {
  sent: number;
  found: Record<FindingKind, number>;
  /** Status -> answers. */
  statuses: Map<number, number>;
  /** Operations that answered with 2xx at least once. */
  reached: ReadonlySet<string>;
  /** All of the document. */
  operationNames: readonly string[];
  heapGrowth_MB: number;
  heapStart_MB: number;
  filesGrowth: number;
  logLeaks: number;
  /** Connections that were closed without an answer. */
  unanswered: number;
  elapsed_s: number;
}

const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { requestsPerMinute } = options;
  const config: FuzzServiceConfig = { requestsPerMinute };
  const child = await HelperProcess.start<FuzzServiceReady>('../api-fuzz/service.ts', config);
  try {
    return await new Campaign(child, options).run();
  } finally {
    await child.stop();
  }
}

class Campaign {
  readonly #child: HelperProcess<FuzzServiceReady>;
  readonly #options: CampaignOptions;
  readonly #contract = Contract.read();
  readonly #pools = new Pools();
  readonly #maker = new RequestMaker(this.#contract, this.#pools);
  readonly #judge: Judge;
  readonly #sender: Sender;
  readonly #found: Record<FindingKind, number> = { '5xx': 0, leak: 0, contract: 0, dead: 0 };
  readonly #seen = new Set<string>();
  readonly #statuses = new Map<number, number>();
  readonly #reached = new Set<string>();
  readonly #memory: FuzzServiceState[] = [];
  #sent = 0;
  #unanswered = 0;
  #isDead = false;

  constructor(child: HelperProcess<FuzzServiceReady>, options: CampaignOptions) {
    this.#child = child;
    this.#options = options;
    const { url, keys } = child.ready;
    this.#sender = new Sender(url);
    // Keys without their ids: those may be shown.
    this.#judge = new Judge(this.#contract, [...keys.map((key) => key.token.slice(-43)), process.cwd()]);
  }

  async run(): Promise<CampaignResult> {
    const { requests, requestsPerMinute } = this.#options;
    const start_ms = performance.now();
    await this.#furnish();
    const before = await this.#state();
    const every = Math.ceil(requests / MEMORY_SAMPLES);
    for (let from = 0; from < requests && !this.#isDead; from += every) {
      await this.#batch(from, Math.min(every, requests - from));
      if (this.#isDead) break;
      await this.#remember();
      await this.#putBack();
    }
    const elapsed_s = (performance.now() - start_ms) / 1000;
    await this.#stillWorks();
    this.#sender.close();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const after = this.#isDead ? null : await this.#state();
    for (const line of after?.defects ?? []) this.#options.say(`log: ${line.slice(0, 600)}`);
    const heap_MB = this.#memory.map((sample) => sample.heap_bytes / 1e6);
    const limits = requestsPerMinute === 0 ? 'exempt' : `${requestsPerMinute} a minute`;
    this.#options.say(
      `${limits}: ${this.#sent} requests in ${elapsed_s.toFixed(0)} s, statuses ${this.#counts()}`,
    );
    return {
      sent: this.#sent,
      found: this.#found,
      statuses: this.#statuses,
      reached: this.#reached,
      operationNames: this.#contract.operations.map(nameOf),
      heapGrowth_MB: floorGrowth(heap_MB),
      heapStart_MB: heap_MB.at(0) ?? NaN,
      filesGrowth: (after?.files ?? before.files) - before.files,
      logLeaks: after?.logLeaks ?? 0,
      unanswered: this.#unanswered,
      elapsed_s,
    };
  }

  /** A few things that exist, so that ids in paths mean something. */
  async #furnish(): Promise<void> {
    const making = this.#contract.operations.filter(
      ({ method, path }) => (method === 'POST' && !path.includes('{')) || path === '/v1/devices',
    );
    const [admin] = this.#child.ready.keys;
    const dice = new Dice(this.#options.seed);
    for (let round = 0; round < 5; round++)
      for (const operation of making) await this.#one(this.#maker.whole(operation, dice, admin));
  }

  async #batch(from: number, count: number): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count && !this.#isDead) {
        const dice = new Dice(this.#options.seed * 1_000_003 + from + next);
        next += 1;
        if (dice.chance(RAW_SHARE)) await this.#raw(dice);
        else {
          const wire = this.#maker.make(dice, this.#child.ready.keys);
          // Strangers come from everywhere, or they would only see that their address is refused.
          const stranger = wire.as.startsWith('not quite')
            ? `127.0.${dice.below(250)}.${2 + dice.below(250)}`
            : undefined;
          await this.#one(wire, stranger);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  }

  async #one(wire: Wire, from?: string): Promise<void> {
    const outcome = await this.#sender.send(wire, from);
    this.#sent += 1;
    if ('none' in outcome) return this.#silence(wire, outcome.none);
    this.#statuses.set(outcome.status, (this.#statuses.get(outcome.status) ?? 0) + 1);
    if (wire.operation !== null && outcome.status < 300) {
      this.#reached.add(nameOf(wire.operation));
      harvest(this.#pools, wire.operation, outcome);
    }
    const sent = `${wire.path}\n${Object.values(wire.headers).join('\n')}\n${wire.body?.toString('latin1') ?? ''}`;
    for (const finding of this.#judge.judge(wire.operation, wire.method, sent, outcome))
      this.#report(
        finding,
        wire.operation === null ? wire.method : nameOf(wire.operation),
        () =>
          `${asCurl(this.#child.ready.url, wire)}\n  answer: ${outcome.body.subarray(0, 400).toString('utf8')}`,
      );
  }

  async #raw(dice: Dice): Promise<void> {
    const bytes = rawBytes(dice, dice.pick(this.#child.ready.keys).token);
    const text = await this.#sender.raw(bytes);
    this.#sent += 1;
    for (const answer of text.split(/(?=HTTP\/1\.1 \d{3} )/)) {
      const parts = /^HTTP\/1\.1 (\d{3}) [^\n]*\r\n([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(answer);
      if (parts === null) continue;
      const status = Number(parts[1]);
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
      const made: Answer = { status, headers: { raw: parts[2] }, body: Buffer.from(parts[3], 'latin1') };
      const findings = this.#judge
        .judge(null, 'RAW', bytes.toString('latin1'), made)
        .filter(({ kind }) => kind !== 'contract');
      const isForeign =
        status >= 400 && !parts[2].includes('application/problem+json') && parts[3].length > 0;
      if (isForeign)
        findings.push({ kind: 'contract', what: `${status}: a raw request gets no problem document` });
      for (const finding of findings)
        this.#report(
          finding,
          'raw bytes',
          () => `base64: ${bytes.toString('base64').slice(0, 2000)}\n  answer: ${answer.slice(0, 400)}`,
        );
    }
  }

  async #silence(wire: Wire, kind: 'refused' | 'hung'): Promise<void> {
    const health = await this.#sender.send({
      ...wire,
      method: 'GET',
      path: '/healthz',
      headers: {},
      body: null,
    });
    if ('none' in health) this.#isDead = true;
    this.#unanswered += 1;
    const what = 'none' in health ? 'the service is gone' : `no answer (${kind})`;
    // A connection may be closed on headers that are too large before the client has sent them all.
    const isHuge = JSON.stringify(wire.headers).length + wire.path.length > 8000;
    if (kind === 'hung' || this.#isDead || !isHuge)
      this.#report({ kind: 'dead', what }, `${wire.method} ${wire.operation?.path ?? ''}`, () =>
        asCurl(this.#child.ready.url, wire),
      );
  }

  #report({ kind, what }: Finding, where: string, detail: () => string): void {
    this.#found[kind] += 1;
    const name = `${kind} ${where} ${what}`;
    if (this.#seen.has(name) || this.#seen.size >= PRINTED_MAX) return;
    this.#seen.add(name);
    this.#options.say(`${kind}: ${where}: ${what}\n  ${detail()}`);
  }

  /** Whatever was stopped or set aside may run again. */
  async #putBack(): Promise<void> {
    const [{ token }] = this.#child.ready.keys;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': '*' };
    for (const [method, path, body] of [
      ['POST', '/v1/devices/chip-0/resume', { reason: 'fuzz' }],
      ['PUT', '/v1/devices/chip-0/state', { desired: 'ready' }],
    ] as const)
      await this.#sender.send({
        method,
        path,
        headers,
        body: Buffer.from(JSON.stringify(body)),
        operation: null,
        as: 'admin',
      });
  }

  /** After all that, a whole request is answered as if nothing had been. */
  async #stillWorks(): Promise<void> {
    const about = this.#contract.operations.find((operation) => nameOf(operation) === 'GET /readyz');
    if (this.#isDead || about === undefined) return;
    await this.#one(this.#maker.whole(about, new Dice(1), this.#child.ready.keys[0]));
  }

  async #remember(): Promise<void> {
    this.#memory.push(await this.#state());
  }

  #state(): Promise<FuzzServiceState> {
    return this.#child.ask<FuzzServiceState>('state');
  }

  #counts(): string {
    const sorted = [...this.#statuses].sort(([a], [b]) => a - b);
    return sorted.map(([status, count]) => `${status}: ${count}`).join(', ');
  }
}

/**
 * How much the floor of the heap rose: the least of the last quarter over the least of the second one. What is alive for a
 * moment, such as a job with its samples, stands above the floor; the first quarter belongs to caches and compiled code.
 */
export function floorGrowth(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return 0;
  return Math.min(...samples.slice(-quarter)) - Math.min(...samples.slice(quarter, 2 * quarter));
}

/** Keeps the ids of what was made or listed; of keys only of those that the fuzzer made. */
function harvest(pools: Pools, { method, path }: Operation, outcome: Outcome): void {
  if ('none' in outcome || (path === '/v1/keys' && method === 'GET')) return;
  if (outcome.headers['content-type']?.includes('json') !== true) return;
  try {
    const value = JSON.parse(outcome.body.toString('utf8')) as Record<string, unknown>;
    const items = Array.isArray(value['items']) ? (value['items'] as Record<string, unknown>[]) : [value];
    for (const item of items) {
      const id = item['id'] ?? item['digest'] ?? item['code'];
      if (typeof id === 'string') pools.add(path, id);
    }
  } catch {
    // The judge says so.
  }
}
