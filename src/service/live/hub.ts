// Passes what happens to jobs, calibrations and devices on to the WebSocket clients that asked for it and may see it.
import type { JobEvent } from '../../jobs/index.ts';
import type { ServiceContext } from '../context.ts';
import { calibrationBackend, calibrationView } from '../schemas/calibrations.ts';
import { toTime } from '../schemas/common.ts';
import { deviceView } from '../schemas/devices.ts';
import { jobView } from '../schemas/jobs.ts';
import { LiveClient, type Socket } from './client.ts';
import { clientMessage, CloseCode, PROTOCOL_VERSION, type ClientMessage, type Topic } from './messages.ts';
import type { Identity } from '../context.ts';

const SNAPSHOT_ROWS_MAX = 500;

export class LiveHub {
  readonly #context: ServiceContext;
  readonly #clients = new Set<LiveClient>();
  readonly #stops: (() => void)[] = [];
  /** Owner of each job that runs, for progress events, which carry the id alone. */
  readonly #owners = new Map<string, string | null>();
  #seq = 0;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#stops.push(context.runner.onEvent((event) => this.#onRunner(event)));
    for (const device of context.devices.values())
      this.#stops.push(device.onChange(() => this.#onDevice(device.id)));
    this.#stops.push(context.controls.onChange((id) => this.#onDevice(id)));
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Greets a new socket. Feed what it says to `receive`, and call `leave` when it is closed. */
  join(socket: Socket, identity: Identity): LiveClient {
    const { clock, devices, version, epoch, onSlowClient } = this.#context;
    const client = new LiveClient(socket, identity, clock, () => onSlowClient?.());
    this.#clients.add(client);
    client.send({
      type: 'hello',
      protocol: { min: PROTOCOL_VERSION, max: PROTOCOL_VERSION },
      server: { name: 'thermoloop', version },
      epoch,
      devices: [...devices.values()].map((d) => ({
        id: d.id,
        backend: d.backend,
        uid: d.identity?.uid ?? null,
      })),
    });
    return client;
  }

  leave(client: LiveClient): void {
    client.gone();
    this.#clients.delete(client);
  }

  /** One message of a client. A bad one is answered with `error` and changes nothing. */
  async receive(client: LiveClient, text: string): Promise<void> {
    const message = parse(text);
    if ('problem' in message)
      return client.send({ type: 'error', code: 'validation-failed', ...message.problem });
    switch (message.type) {
      case 'hello':
        if (message.protocol !== PROTOCOL_VERSION)
          client.close(CloseCode.protocol, `only protocol ${PROTOCOL_VERSION} is spoken`);
        return;
      case 'ping':
        return client.send({ type: 'pong', nonce: message.nonce, time: this.#now() });
      case 'unsubscribe':
        for (const topic of message.topics) client.subscriptions.delete(topic);
        return;
      case 'subscribe':
        return this.#subscribe(client, message.topics, message.device ?? null);
    }
  }

  /** Revoking a key closes its sockets (decisions 21). */
  closeKey(keyId: string): void {
    for (const client of this.#clients)
      if (client.identity.keyId === keyId) client.close(CloseCode.unauthenticated, 'the key was revoked');
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const client of this.#clients) client.close(CloseCode.goingAway, 'the service is stopping');
    this.#clients.clear();
  }

  async #subscribe(client: LiveClient, topics: readonly Topic[], device: string | null): Promise<void> {
    for (const topic of topics) {
      const needed = topic === 'job.*' ? 'job:read' : 'device:read';
      if (!client.identity.scopes.has(needed)) {
        client.send({
          type: 'error',
          code: 'forbidden',
          topic,
          detail: `The key lacks the scope ${needed}.`,
        });
        continue;
      }
      client.subscriptions.set(topic, device);
      // Taken before the state is read: events that come in between are told twice rather than never.
      const seq = this.#seq;
      client.send({ type: 'snapshot', topic, seq, state: await this.#snapshot(client, topic, device) });
    }
  }

  async #snapshot(client: LiveClient, topic: Topic, device: string | null): Promise<unknown[]> {
    const { store, runner, devices } = this.#context;
    const states = ['queued', 'running'] as const;
    const page = { limit: SNAPSHOT_ROWS_MAX, ...(device !== null && { device }) };
    switch (topic) {
      case 'device.state':
        return [...devices.values()]
          .filter((d) => device === null || d.id === device)
          .map((d) => deviceView(d, null, this.#context.controls.of(d.id)));
      case 'job.*': {
        const keyId = client.identity.scopes.has('job:read:all') ? undefined : client.identity.keyId;
        const rows = await store.jobs.list({ ...page, state: [...states, 'held'], keyId });
        return rows.map((row) => jobView(runner.withProgress(row), devices));
      }
      case 'calibration.*': {
        const lists = await Promise.all(states.map((state) => store.calibrations.list({ ...page, state })));
        return lists.flat().map((row) => calibrationView(runner.withProgress(row)));
      }
    }
  }

  #onRunner(event: JobEvent): void {
    const { devices } = this.#context;
    switch (event.type) {
      case 'job.state': {
        const { job } = event;
        if (job.finishedAt_ms === null) this.#owners.set(job.id, job.keyId);
        else this.#owners.delete(job.id);
        const view = jobView(job, devices);
        return this.#tell('job.*', event.type, job.device, view.backend, view, job.keyId, false);
      }
      case 'job.progress': {
        const { id, device, progress } = event;
        const backend = devices.get(device)?.backend ?? null;
        const owner = this.#owners.get(id) ?? null;
        return this.#tell('job.*', event.type, device, backend, { id, progress }, owner, true);
      }
      case 'calibration.state': {
        const { calibration } = event;
        const { device } = calibration;
        const backend = calibrationBackend(calibration) ?? devices.get(device)?.backend ?? null;
        return this.#tell(
          'calibration.*',
          event.type,
          device,
          backend,
          calibrationView(calibration),
          null,
          false,
        );
      }
      case 'calibration.progress': {
        const { id, device, progress } = event;
        const backend = devices.get(device)?.backend ?? null;
        return this.#tell('calibration.*', event.type, device, backend, { id, progress }, null, true);
      }
    }
  }

  #onDevice(id: string): void {
    const device = this.#context.devices.get(id);
    if (device === undefined) return;
    this.#tell(
      'device.state',
      'device.state',
      id,
      device.backend,
      deviceView(device, null, this.#context.controls.of(device.id)),
      null,
      false,
    );
  }

  #tell(
    subscription: Topic,
    topic: string,
    device: string,
    backend: string | null,
    data: object,
    owner: string | null,
    droppable: boolean,
  ): void {
    this.#seq += 1;
    const message = { type: 'event', topic, seq: this.#seq, time: this.#now(), device, backend, data };
    const now_ms = this.#context.clock.wall_ms();
    for (const client of this.#clients) {
      const { scopes, keyId, expiresAt_ms } = client.identity;
      if (expiresAt_ms !== null && expiresAt_ms <= now_ms) {
        client.close(CloseCode.unauthenticated, 'the key has expired');
        continue;
      }
      if (!client.wants(subscription, device)) continue;
      if (subscription === 'job.*' && owner !== keyId && !scopes.has('job:read:all')) continue;
      client.send(message, droppable);
    }
  }

  #now(): string {
    return toTime(this.#context.clock.wall_ms());
  }
}

function parse(text: string): ClientMessage | { problem: { detail: string; pointer: string } } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: { detail: 'The message is not JSON.', pointer: '' } };
  }
  const result = clientMessage.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return { problem: { detail: issue.message, pointer: issue.path.map((p) => `/${String(p)}`).join('') } };
}
