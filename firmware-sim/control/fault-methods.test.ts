// The fault methods as a client of the control channel calls them.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeFaults, type FakeFaults } from '../../test/support/planted-faults.ts';
import { FAULT_COMPONENTS, FAULT_TYPES } from '../faults/index.ts';
import { faultMethods, serveControl, type ControlService } from './index.ts';

interface Answer {
  result?: unknown;
  method?: string;
  params?: { faults: { id: string }[] };
  error?: { code: number; message: string; data: { code: string; remedy: string } };
}

let faults: FakeFaults;
let service: ControlService;
let socket: Socket;
let lines: AsyncIterator<string>;

beforeEach(async () => {
  faults = fakeFaults();
  service = await serveControl(faultMethods(faults.registry), { host: '127.0.0.1', port: 0 });
  const [host, port] = service.address.split(':');
  socket = connect(Number(port), host);
  lines = createInterface(socket)[Symbol.asyncIterator]();
  await once(socket, 'connect');
});
afterEach(async () => {
  socket.destroy();
  await service.close();
});

async function line(): Promise<Answer> {
  return JSON.parse(String((await lines.next()).value)) as Answer;
}
function call(method: string, params?: unknown): Promise<Answer> {
  socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`);
  return line();
}

const stuck = {
  component: 'readout',
  type: 'stuck',
  target: { unit: 3 },
  magnitude: { value: 7, unit: 'codes' },
  duration_s: 5,
};

describe('faults.*', () => {
  it('names every component and type, and what this device has', async () => {
    const { result } = await call('faults.vocabulary');
    expect(result).toMatchObject({ types: FAULT_TYPES, units: 8, sensors: { die_temperature_C: 'C' } });
    const { components } = result as { components: Record<string, Record<string, { possible: boolean }>> };
    expect(Object.keys(components).sort()).toEqual([...FAULT_COMPONENTS].sort());
    for (const component of FAULT_COMPONENTS) {
      expect(Object.keys(components[component])).toEqual(FAULT_TYPES.filter((type) => type !== 'ok'));
    }
  });

  it('plants, lists and clears', async () => {
    faults.clock.advance(2000);
    const fault = { id: 'fault-1', ...stuck, seed: 0, startsAfter_s: 0 };
    const times = { plantedAt_s: 2, startsAt_s: 2, endsAt_s: 7, inForce: true };
    expect((await call('faults.inject', stuck)).result).toEqual({ fault: { ...fault, ...times } });
    faults.clock.advance(1000);
    expect((await call('faults.list')).result).toEqual({ deviceTime_s: 3, faults: [{ ...fault, ...times }] });
    expect((await call('faults.clear', { id: 'fault-1' })).result).toEqual({ cleared: 1 });
    expect((await call('faults.clearAll')).result).toEqual({ cleared: 0 });
    await call('faults.inject', stuck);
    expect((await call('faults.inject', { component: 'readout', type: 'ok' })).result).toEqual({
      fault: null,
    });
    expect((await call('faults.list')).result).toEqual({ deviceTime_s: 3, faults: [] });
  });

  it('tells who watches, once for each change, until it is gone', async () => {
    expect((await call('faults.watch')).result).toEqual({ deviceTime_s: 0, faults: [] });
    await call('faults.watch');
    faults.registry.inject(stuck);
    expect(await line()).toMatchObject({ method: 'faults.changed', params: { faults: [{ id: 'fault-1' }] } });
    faults.clock.advance(5000);
    expect(await line()).toMatchObject({ method: 'faults.changed', params: { deviceTime_s: 5, faults: [] } });
    // The change comes before the answer to what made it.
    expect(await call('faults.inject', stuck)).toMatchObject({ method: 'faults.changed' });
    expect(await line()).toMatchObject({ result: { fault: { id: 'fault-2' } } });
  });

  it.each([
    ['faults.inject', undefined, 'invalid-fault'],
    ['faults.inject', { ...stuck, magnitude: 7 }, 'invalid-fault'],
    ['faults.inject', { ...stuck, magnitude: { value: 4000, unit: 'codes' } }, 'invalid-fault'],
    ['faults.inject', { ...stuck, target: { unit: 8 } }, 'unknown-target'],
    ['faults.inject', { component: 'coupling', type: 'slow' }, 'impossible-fault'],
    ['faults.inject', [stuck], 'invalid-params'],
    ['faults.clear', {}, 'invalid-params'],
    ['faults.clear', { id: 'fault-1' }, 'unknown-fault'],
    ['faults.list', { all: true }, 'invalid-params'],
  ])('%s refuses %j as %s, and goes on', async (method, params, code) => {
    const { error } = await call(method, params);
    expect(error?.data.code).toBe(code);
    expect(error?.data.remedy).not.toBe('');
    expect((await call('faults.list')).result).toMatchObject({ faults: [] });
  });
});
