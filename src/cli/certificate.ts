// `thermoloop certificate verify`: is this file what the service signed, and are these the samples it speaks of?
import { Option, type Command } from 'commander';
import { CertificateError, type Certificate } from '../certificate/index.ts';
import { CheckError } from './certificate/files.ts';
import { verifyFiles } from './certificate/verify.ts';

const KEYS_VARIABLE = 'THERMOLOOP_CERTIFICATE_KEYS';
/** The file is not to be believed. */
const EXIT_INVALID = 1;
/** It could not be checked. */
const EXIT_UNCHECKED = 2;

const examples = `
Fetch once, verify anywhere:
  curl -o keys.json http://127.0.0.1:8080/v1/certificate-keys
  curl -o certificate.json -H "Authorization: Bearer $KEY" http://127.0.0.1:8080/v1/jobs/$JOB/certificate

Examples:
  thermoloop certificate verify certificate.json --public-key keys.json
  thermoloop certificate verify certificate.json --public-key keys.json --samples samples.npz
  thermoloop certificate verify certificate.json --public-key https://lab.example/v1/certificate-keys --json

The key decides whom you believe: get it from the operator of the service, not from whoever hands you the certificate.
Exits with 0 when all of it is valid, with 1 when something is not, with 2 when it could not be checked.
`;

interface Flags {
  publicKey?: string;
  samples?: string;
  json?: boolean;
}

/** Registers the subcommand. */
export function registerCertificate(program: Command): void {
  program
    .command('certificate')
    .description('Check the signed certificate of a job.')
    .command('verify <file>')
    .description('Verify signature and samples of a certificate; without the service when the key is a file.')
    .addOption(
      new Option('--public-key <file|url>', 'keys of the service: JSON of /v1/certificate-keys, or PEM').env(
        KEYS_VARIABLE,
      ),
    )
    .option('--samples <file>', 'samples of the job as JSON, .npy or .npz, to be held to the certificate')
    .option('--json', 'print the finding as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(file: string, { publicKey, samples, json = false }: Flags): Promise<void> {
  try {
    if (publicKey === undefined)
      throw new CheckError('no public key is given', `Add --public-key keys.json, or set ${KEYS_VARIABLE}.`);
    const { certificate, compared } = await verifyFiles({ file, publicKey, samples });
    const finding = { valid: true, key: certificate.signature.key, samples: compared, certificate };
    process.stdout.write(json ? `${JSON.stringify(finding)}\n` : table(certificate, compared));
  } catch (error) {
    if (!(error instanceof CertificateError || error instanceof CheckError)) throw error;
    const isInvalid = error instanceof CertificateError && error.code !== 'malformed-key';
    const exitCode = isInvalid ? EXIT_INVALID : EXIT_UNCHECKED;
    if (!json) throw Object.assign(error, { exitCode });
    const { code, message, remedy } = error;
    // Null: nobody knows, which is not the same as invalid.
    const finding = { valid: isInvalid ? false : null, error: { code, message, remedy } };
    process.stdout.write(`${JSON.stringify(finding)}\n`);
    process.exitCode = exitCode;
  }
}

function table(certificate: Certificate, compared: string[] | null): string {
  const { job, device, program, samples, calibration, heat, issued, signature } = certificate;
  const faults =
    device.faultsActive === null ? 'not recorded' : device.faultsActive ? 'PLANTED during the run' : 'none';
  const lines: [string, string][] = [
    ['certificate', 'valid'],
    ['signed by', `${signature.key}, ${issued.at}, thermoloop ${issued.serviceVersion}`],
    ['job', `${job.id}, finished ${job.finishedAt ?? 'at an unknown time'}`],
    ['device', `${device.id}: ${device.backend} ${device.uid}, firmware ${device.firmware}`],
    ['faults', faults],
    ['model', program.model],
    ['seed', program.seed ?? 'none'],
    ['samples', `${samples.shape.join(' x ')} (samples, reads, units), ${samples.digest}`],
    ['heat', heat === null ? 'not recorded' : `${heat.mean_kT} ± ${heat.stderr_kT} kT`],
    ['calibration', calibration === null ? 'none' : `${calibration.id}, ${calibration.age_s} s old`],
    [
      'samples file',
      compared === null ? 'not given: only the signature was checked' : `valid: ${compared.join(', ')}`,
    ],
  ];
  return `${lines.map(([name, text]) => `${name.padEnd(14)}${text}`).join('\n')}\n`;
}
