// The command line: one file per subcommand, each registers itself here.
import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { registerCalibrate } from './calibrate.ts';
import { registerBackup } from './backup.ts';
import { registerCapture } from './capture.ts';
import { registerCertificate } from './certificate.ts';
import { registerDemo } from './demo.ts';
import { registerDevices } from './devices.ts';
import { registerDoctor } from './doctor.ts';
import { registerFault } from './fault.ts';
import { registerHeat } from './heat.ts';
import { registerJobs } from './jobs.ts';
import { registerKeys } from './keys.ts';
import { registerModels } from './models.ts';
import { registerSample } from './sample.ts';
import { registerServe } from './serve.ts';
import { registerTrain } from './train.ts';
import { registerTwin } from './twin.ts';

/** What a subcommand's file exports. */
export type Register = (program: Command) => void;

const commands: Register[] = [
  registerCalibrate,
  registerBackup,
  registerCapture,
  registerCertificate,
  registerDemo,
  registerDevices,
  registerDoctor,
  registerFault,
  registerHeat,
  registerJobs,
  registerKeys,
  registerModels,
  registerSample,
  registerServe,
  registerTrain,
  registerTwin,
];

const here = import.meta.url;
const root = new URL(here.includes('/dist/') ? '../../../' : '../../', here);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

const program = new Command('thermoloop')
  .description('Control service for analog thermodynamic chips, and their bit-accurate simulated twin.')
  .version(version)
  .showHelpAfterError('(add --help for the options and examples)')
  .configureHelp({ sortSubcommands: true });
for (const register of commands) register(program);

try {
  await program.parseAsync();
} catch (error) {
  // One sentence and what to do; the stack only when asked for.
  const { message, remedy, stack, exitCode = 1 } = error as Error & { remedy?: string; exitCode?: number };
  process.stderr.write(`thermoloop: ${message}\n${remedy ? `${remedy}\n` : ''}`);
  if (process.env['THERMOLOOP_DEBUG']) process.stderr.write(`${stack}\n`);
  process.exitCode = exitCode;
}
