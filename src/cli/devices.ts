// `thermoloop devices`: what the service drives, and in which state it is.
import type { Command } from 'commander';
import type { Device } from '../client/index.ts';
import { remote, withService, type ConnectionFlags } from './remote/connection.ts';
import { columns, facts } from './remote/text.ts';

const examples = `
  thermoloop devices
  thermoloop devices chip-0
  thermoloop devices --json`;

/** Registers the subcommand. */
export function registerDevices(program: Command): void {
  remote(
    program.command('devices [id]').description('Show the devices of a running service, or one of them.'),
    examples,
  ).action((id: string | undefined, flags: ConnectionFlags) =>
    id === undefined ? list(flags) : show(id, flags),
  );
}

function list(flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const answer = await client.get('/v1/devices');
    const rows = answer.items.map((device) => [
      device.id,
      device.backend ?? 'unknown',
      device.state,
      dieTemperature(device) ?? '-',
      device.activeCalibration ?? '-',
      device.reason === null ? '' : `${device.reason.message} ${device.reason.remedy}`,
    ]);
    print(answer, () => columns(['device', 'backend', 'state', 'die', 'calibration', ''], rows));
  });
}

function show(id: string, flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const params = { path: { id } };
    const device = await client.get('/v1/devices/{id}', { params });
    const capabilities =
      device.state === 'ready' || device.state === 'running'
        ? await client.get('/v1/devices/{id}/capabilities', { params })
        : null;
    print({ ...device, capabilities }, () =>
      facts([
        ['device', `${device.id} (${device.url})`],
        ['backend', device.backend ?? 'unknown: it has not answered yet'],
        ['state', device.state],
        ['why', device.reason && `${device.reason.message} ${device.reason.remedy}`],
        ['faults', device.faultsActive ? 'PLANTED: results say so' : null],
        ['latched', device.faults.map(({ name }) => name).join(', ') || null],
        ['chip', device.identity && `${device.identity.uid}, firmware ${device.identity.firmware}`],
        ['die', dieTemperature(device)],
        ['calibration', device.activeCalibration ?? 'none yet (thermoloop calibrate)'],
        ['units', capabilities && `${capabilities.unitsMax} at most`],
        ['time unit', capabilities && `${capabilities.timeUnit_s} s, step ${capabilities.stepDefault_s} s`],
        ['seeds', capabilities && (capabilities.seed ? 'taken' : 'refused: it is a chip')],
      ]),
    );
  });
}

function dieTemperature({ telemetry }: Device): string | null {
  const value = (telemetry.values as Record<string, number | null | undefined> | null)?.['dieTemperature_C'];
  return typeof value === 'number' ? `${value.toFixed(1)} C` : null;
}
