// A control channel that says what cannot be read: the watch knows nothing then, and asks again; nothing is thrown.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { until } from '../../../test/support/processes.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { TwinWatch } from './twin-watch.ts';

const endings: (() => unknown)[] = [];
afterEach(() => {
  for (const end of endings.splice(0).reverse()) end();
});

/** A twin whose answer to faults.watch is `list`; `say` sends lines of its own. */
async function twinSaying(list: unknown): Promise<{ address: string; say(line: object): void }> {
  let last: Socket | null = null;
  const server = createServer((socket) => {
    last = socket;
    endings.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trim().split('\n')) {
        const { id, method } = JSON.parse(line) as { id: number; method: string };
        const result = method === 'twin.describe' ? { uid: '00ff', simulated: true, units: 8 } : list;
        socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, say: (line) => last?.write(`${JSON.stringify(line)}\n`) };
}

function watching(address: string): { watch: TwinWatch; log: string[]; clock: VirtualClock } {
  const [clock, log] = [new VirtualClock(), new Array<string>()];
  const watch = new TwinWatch({
    address,
    clock,
    onLog: (_level, message) => void log.push(message),
  });
  endings.push(() => watch.close());
  return { watch, log, clock };
}

const changed = (params: unknown): object => ({ jsonrpc: '2.0', method: 'faults.changed', params });

it.each([null, 7, {}, { faults: 3 }, { faults: [{ id: 1 }] }])(
  'a change to %j counts as faults that nobody knows of, until the twin is asked again',
  async (params) => {
    const twin = await twinSaying({ faults: [] });
    const { watch, log, clock } = watching(twin.address);
    await watch.start();
    expect(watch.active).toBe(false);
    twin.say(changed(params));
    await until(() => watch.active, 5, 'the watch gives up what it knew');
    expect(watch.uid).toBeNull();
    expect(log.at(-1)).toMatch(/nobody can say/);
    await clock.pass(1000);
    await until(() => !watch.active, 5, 'the watch asks again');
    expect(watch.uid).toBe('00ff');
  },
);

it('a first answer that is no list ends the start with a name and a remedy', async () => {
  const twin = await twinSaying({ faults: 'none' });
  const { watch } = watching(twin.address);
  await expect(watch.start()).rejects.toMatchObject({
    code: 'not-a-control-channel',
    remedy: expect.stringMatching(/readiness/) as string,
  });
  expect(watch.active).toBe(true);
});
