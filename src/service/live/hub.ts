// All clients of the live stream: lets them in, pumps events to them, tells them of samples, and sees them off when their
// key is revoked, when they are dead, or when the service stops.
import type { JobEvent } from '../../jobs/index.ts';
import type { Timer } from '../../clock/clock.ts';
import type { Identity, ServiceContext } from '../context.ts';
import type { Addenda } from '../certificates/addenda.ts';
import type { Channel } from './channel.ts';
import { LiveClient, type Subscription } from './client.ts';
import { LiveEvents, RESUME_WINDOW_MS } from './events.ts';
import { CloseCode, PROTOCOL_VERSION, topics, type SubscriptionRequest, type Topic } from './messages.ts';
import { SampleStreams } from './sample-streams.ts';
import { snapshotOf } from './snapshot.ts';
import type { ServerMessage } from './server-messages.ts';
import { missingScope } from './visibility.ts';
import { problemTable } from '../problems/table.ts';

/** A client that has not shown a sign of life for two of these is gone; keys are looked at as often. */
const CARE_EVERY_MS = 30_000;
/** A service is restarted within seconds. */
const COME_BACK_S = 2;

/** Topics whose events are made only while somebody listens. */
const ON_DEMAND: readonly Topic[] = ['link.stats', 'telemetry'];

export class LiveHub {
  readonly events: LiveEvents;
  readonly #context: ServiceContext;
  readonly #clients = new Set<LiveClient>();
  readonly #streams: SampleStreams;
  readonly #stops: (() => void)[] = [];
  readonly #wishes = new Map<LiveClient, Map<Topic, () => void>>();
  #care: Timer | null = null;
  #isClosed = false;

  constructor(context: ServiceContext & { addenda: Pick<Addenda, 'onAdded'> }) {
    this.#context = context;
    this.events = new LiveEvents(context);
    this.#streams = new SampleStreams({
      clients: this.#clients,
      clock: context.clock,
      backendOf: (device) => context.devices.get(device)?.backend ?? null,
    });
    this.#stops.push(
      this.events.onEvent(() => this.#pumpAll()),
      context.runner.watchSamples(this.#streams),
      context.runner.onEvent((event: JobEvent) => {
        if (event.type === 'job.state') this.#streams.onJob(event.job);
      }),
    );
  }

  get size(): number {
    return this.#clients.size;
  }

  /** A new client; call `leave` when its connection is closed. */
  join(channel: Channel, identity: Identity): LiveClient {
    const { clock, onSlowClient } = this.#context;
    const client = new LiveClient({
      channel,
      identity,
      ring: this.events.ring,
      clock,
      onSlow: () => onSlowClient?.(),
    });
    this.#clients.add(client);
    this.#care ??= this.#careLater();
    if (this.#isClosed) this.#sendOff(client);
    return client;
  }

  leave(client: LiveClient): void {
    client.gone();
    this.#clients.delete(client);
    for (const end of this.#wishes.get(client)?.values() ?? []) end();
    this.#wishes.delete(client);
  }

  hello(): ServerMessage {
    const { devices, version, epoch } = this.#context;
    return {
      type: 'hello',
      protocol: { min: PROTOCOL_VERSION, max: PROTOCOL_VERSION },
      server: { name: 'thermoloop', version },
      epoch,
      seq: this.events.seq,
      resumeWindow_s: RESUME_WINDOW_MS / 1000,
      topics: [...topics],
      devices: [...devices.values()].map(({ id, backend, identity }) => ({
        id,
        backend,
        uid: identity?.uid ?? null,
      })),
    };
  }

  /** Snapshot of each topic, then its events. A topic that the key may not hear is answered with `error`. */
  async subscribe(client: LiveClient, request: SubscriptionRequest): Promise<void> {
    const allowed = this.#allowed(client, request);
    // Meanwhile the stream stands still, so that what happens comes after the snapshot, in order and once.
    const goOn = client.hold();
    const { seq } = this.events;
    try {
      for (const topic of allowed) await this.#snapshot(client, topic, filterOf(request), seq);
      for (const topic of allowed) this.#listen(client, topic, filterOf(request));
    } finally {
      goOn();
    }
  }

  unsubscribe(client: LiveClient, unwanted: readonly Topic[]): void {
    for (const topic of unwanted) {
      client.subscriptions.delete(topic);
      this.#wishes.get(client)?.get(topic)?.();
      this.#wishes.get(client)?.delete(topic);
    }
  }

  /** Goes on after event `seq` of `epoch`, or gives snapshots where that is not possible. */
  async resume(
    client: LiveClient,
    from: { epoch: string; seq: number },
    requests: readonly SubscriptionRequest[],
  ): Promise<void> {
    const { epoch, ring, seq } = this.events;
    const sameEpoch = from.epoch === epoch;
    const continues = sameEpoch && ring.holdsAfter(from.seq);
    const reason = continues ? null : sameEpoch ? ('window-gone' as const) : ('other-epoch' as const);
    client.send({ type: 'resumed', continues, reason, epoch, seq: continues ? from.seq : seq });
    this.unsubscribe(client, topics);
    if (!continues) {
      for (const request of requests) await this.subscribe(client, request);
      return;
    }
    for (const request of requests)
      for (const topic of this.#allowed(client, request)) this.#listen(client, topic, filterOf(request));
    client.continueAfter(from.seq);
  }

  /** A key was revoked or changed, here or on another host: its connections follow. */
  async keyChanged(keyId: string): Promise<void> {
    const theirs = [...this.#clients].filter(({ identity }) => identity.keyId === keyId);
    if (theirs.length === 0) return;
    const row = await this.#context.store.keys.find(keyId);
    for (const client of theirs) {
      if (row === null || row.revokedAt_ms !== null)
        client.close(CloseCode.unauthenticated, 'the key was revoked');
      else
        client.identity = {
          ...client.identity,
          scopes: new Set(row.scopes),
          limits: row.limits,
          expiresAt_ms: row.expiresAt_ms,
        };
    }
  }

  /** Tells everybody; new clients are sent off as well. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    this.events.close();
    this.#care?.cancel();
    for (const client of this.#clients) this.#sendOff(client);
  }

  #sendOff(client: LiveClient): void {
    const reason = 'the service is stopping';
    client.send({ type: 'goodbye', reason, retryAfter_s: COME_BACK_S });
    client.close(CloseCode.goingAway, `${reason}; come back in ${COME_BACK_S} s`);
  }

  #pumpAll(): void {
    const now_ms = this.#context.clock.wall_ms();
    for (const client of this.#clients) if (!this.#hasExpired(client, now_ms)) client.pump();
  }

  #hasExpired(client: LiveClient, now_ms: number): boolean {
    const { expiresAt_ms } = client.identity;
    if (expiresAt_ms === null || expiresAt_ms > now_ms) return false;
    client.close(CloseCode.unauthenticated, 'the key has expired');
    return true;
  }

  #careLater(): Timer {
    return this.#context.clock.after(CARE_EVERY_MS, () => {
      const now_ms = this.#context.clock.wall_ms();
      for (const client of this.#clients) {
        if (this.#hasExpired(client, now_ms)) continue;
        if (client.isAlive) client.askForLife();
        else client.terminate();
      }
      this.#care = this.#clients.size > 0 && !this.#isClosed ? this.#careLater() : null;
    });
  }

  #allowed(client: LiveClient, request: SubscriptionRequest): Topic[] {
    return [...new Set(request.topics)].filter((topic) => {
      const missing = missingScope(client.identity, topic);
      if (missing === null) return true;
      const { remedy } = problemTable.forbidden;
      client.send({
        type: 'error',
        code: 'forbidden',
        topic,
        detail: `The key lacks the scope ${missing}.`,
        remedy,
      });
      return false;
    });
  }

  #listen(client: LiveClient, topic: Topic, filter: Subscription): void {
    if (client.closed) return;
    client.subscriptions.set(topic, filter);
    if (!ON_DEMAND.includes(topic)) return;
    const wishes = this.#wishes.get(client) ?? new Map<Topic, () => void>();
    this.#wishes.set(client, wishes);
    if (!wishes.has(topic)) wishes.set(topic, this.events.want(topic));
  }

  async #snapshot(client: LiveClient, topic: Topic, filter: Subscription, seq: number): Promise<void> {
    const parts = { ...this.#context, streams: this.#streams };
    client.send(await snapshotOf(parts, client, topic, filter, seq));
  }
}

function filterOf({ device, job, minInterval_ms }: SubscriptionRequest): Subscription {
  return { device: device ?? null, job: job ?? null, minInterval_ms: minInterval_ms ?? 0 };
}
