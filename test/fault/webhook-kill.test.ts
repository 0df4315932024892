// Kills a process that ends calibrations and tells a webhook of them, at arbitrary moments: what had been acknowledged as
// ended is told after a restart, at least once, under the id that it had before.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/clock/clock.ts';
import { deliverWebhooks, WebhookTargets } from '../../src/service/index.ts';
import { openStore } from '../../src/store/index.ts';

const ROUNDS = 3;
/** Acknowledgements before the kill, at least: some deliveries must have arrived too. */
const acknowledgementsOf = (round: number): number => 5 + 25 * round;
/** What was claimed by the killed process comes due after its claim of a minute, which nobody waits for here. */
const laterClock: Clock = Object.create(systemClock, {
  wall_ms: { value: () => systemClock.wall_ms() + 300_000 },
}) as Clock;

it('a delivery is written with its end, and told after a kill', { timeout: 60_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-webhook-kill-'));
  /** Delivery ids by calibration. */
  const told = new Map<string, Set<string>>();
  let asked = 0;
  let isDeaf = true;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked += 1;
      // Some are under way without an answer when the process is killed.
      if (isDeaf && asked % 3 === 0) return;
      const { id, data } = JSON.parse(body) as { id: string; data: { calibration: string } };
      told.set(data.calibration, (told.get(data.calibration) ?? new Set()).add(id));
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  try {
    const promised: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const toldBefore = told.size;
      const enough = (lines: number): boolean => lines >= acknowledgementsOf(round) && told.size > toldBefore;
      promised.push(...(await killedSender(dataDir, url, enough)));
    }
    const before = new Map([...told].map(([id, deliveries]) => [id, new Set(deliveries)]));
    isDeaf = false;
    const store = await openStore({ dataDir, clock: laterClock });
    const targets = new WebhookTargets({ allow: ['127.0.0.0/8'] });
    const options = { store, targets, clock: laterClock, lookEvery_ms: 5, firstRetry_ms: 1, onLog: () => {} };
    const worker = deliverWebhooks(options);
    try {
      await expect.poll(() => promised.filter((id) => !told.has(id)), { timeout: 50_000 }).toEqual([]);
    } finally {
      await worker.close();
      await store.close();
    }
    // The hook of each round is told of what ends in the later rounds too.
    for (const [id, deliveries] of told) expect([id, deliveries.size <= ROUNDS]).toEqual([id, true]);
    for (const [id, deliveries] of before)
      for (const delivery of deliveries) expect(told.get(id)?.has(delivery)).toBe(true);
    expect(promised.length).toBeGreaterThanOrEqual(5 + 30 + 55);
    expect(before.size).toBeGreaterThanOrEqual(ROUNDS);
    process.stderr.write(`webhooks: ${promised.length} ends, ${before.size} told before the kills\n`);
  } finally {
    receiver.closeAllConnections();
    receiver.close();
    rmSync(dataDir, { recursive: true });
  }
});

/** Runs the sender until it has acknowledged `enough` ends, kills it, and returns all that it acknowledged. */
async function killedSender(
  dataDir: string,
  url: string,
  enough: (lines: number) => boolean,
): Promise<string[]> {
  const sender = spawn(process.execPath, [join(import.meta.dirname, 'webhook-sender.ts'), dataDir, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const exit = once(sender, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: sender.stdout })) {
    lines.push(line);
    if (enough(lines.length)) sender.kill('SIGKILL');
  }
  const [, signal] = (await exit) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return lines;
}
