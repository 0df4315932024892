// `thermoloop heat`: what jobs on a device have cost, in joules, and what their samples gave to the bath, in kT.
import { Option, type Command } from 'commander';
import { remote, withService, type ConnectionFlags } from './remote/connection.ts';
import { columns } from './remote/text.ts';

const examples = `
  thermoloop heat chip-0                        by the hour, the last day
  thermoloop heat chip-0 --by job --limit 20
  thermoloop heat chip-0 --by key --from 2026-11-24T00:00:00Z --json`;

interface HeatFlags extends ConnectionFlags {
  by: 'job' | 'key' | 'hour';
  from?: string;
  to?: string;
  limit: string;
}

/** Registers the subcommand. */
export function registerHeat(program: Command): void {
  remote(
    program
      .command('heat <device>')
      .description('Show the heat ledger of a device: electrical energy in J, and stochastic heat in kT.'),
    examples,
  )
    .addOption(
      new Option('--by <what>', 'what is summed over').choices(['job', 'key', 'hour']).default('hour'),
    )
    .option('--from <time>', 'such as 2026-11-24T00:00:00Z; a day ago unless told')
    .option('--to <time>', 'now unless told')
    .option('--limit <rows>', 'the latest so many', '24')
    .action(show);
}

function show(device: string, { by, from, to, limit, ...flags }: HeatFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const query = { groupBy: by, limit: Number(limit), ...(from && { from }), ...(to && { to }) };
    const answer = await client.get('/v1/devices/{id}/heat', { params: { path: { id: device }, query } });
    const rows = answer.items.map((item) => [
      item.group,
      `${item.measured} of ${item.attempts}`,
      String(item.samples),
      ...(['idle', 'program', 'relax', 'read', 'total'] as const).map((phase) =>
        number(item.energy_J?.[phase]),
      ),
      number(item.deviceEnergy_J?.total),
      number(item.perSample_J),
      number(item.heat?.released_kT),
      number(item.heat?.absorbed_kT),
    ]);
    const joules = ['idle J', 'program J', 'relax J', 'read J', 'jobs J', 'device J', 'J/sample'];
    print(answer, () => columns([by, 'measured', 'samples', ...joules, 'released kT', 'absorbed kT'], rows));
  });
}

const number = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : value.toPrecision(4);
