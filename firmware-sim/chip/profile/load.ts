// Finds a chip profile, by the name of a shipped one or in a file, and says what is wrong with one that cannot be used.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { ProfileError } from './errors.ts';
import { chipProfileSchema } from './schema.ts';
import type { ChipProfile } from './schema.ts';

export const SHIPPED_PROFILES = ['ideal', 'typical', 'hot', 'worn'] as const;
const ISSUES_SHOWN = 5;
const REMEDY =
  'The profiles in firmware-sim/chip/profile/profiles list every field; docs/twin.md explains them.';

/** Loads a shipped profile by name, or a JSON file by path (anything with a slash or a dot). Throws ProfileError. */
export async function loadProfile(nameOrFile: string): Promise<ChipProfile> {
  if ((SHIPPED_PROFILES as readonly string[]).includes(nameOrFile)) {
    const url = new URL(`./profiles/${nameOrFile}.json`, import.meta.url);
    return parseProfile(await readFile(url, 'utf8'), nameOrFile);
  }
  if (!/[./\\]/.test(nameOrFile)) {
    throw new ProfileError(
      'unknown-profile',
      `there is no chip profile "${nameOrFile}"`,
      `Shipped are ${SHIPPED_PROFILES.join(', ')}; for a file name its path, such as ./${nameOrFile}.json.`,
    );
  }
  let text: string;
  try {
    text = await readFile(nameOrFile, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProfileError(
      'unreadable',
      `cannot read the chip profile ${nameOrFile}: ${why}`,
      'Name a JSON file.',
      {
        cause,
      },
    );
  }
  return parseProfile(text, nameOrFile);
}

/** Checks a document. `origin` names it in errors. Throws ProfileError 'not-json' and 'invalid'. */
export function parseProfile(text: string, origin: string): ChipProfile {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProfileError('not-json', `the chip profile ${origin} is not JSON: ${why}`, REMEDY, { cause });
  }
  const result = chipProfileSchema.safeParse(document);
  if (result.success) return result.data;
  throw new ProfileError(
    'invalid',
    `the chip profile ${origin} is not valid:\n${describe(result.error)}`,
    REMEDY,
    {
      cause: result.error,
    },
  );
}

/** One line per issue: where, what is allowed. */
function describe(error: z.ZodError): string {
  const { issues } = error;
  const lines = issues
    .slice(0, ISSUES_SHOWN)
    .map((issue) => `  ${issue.path.length > 0 ? issue.path.join('.') : '(document)'}: ${issue.message}`);
  if (issues.length > ISSUES_SHOWN) lines.push(`  and ${issues.length - ISSUES_SHOWN} more`);
  return lines.join('\n');
}

/**
 * SHA-256 (hexadecimal) of a profile: equal for documents that mean the same, whatever their layout and order. Entries that
 * came later count only where they do something: a chip does not become another one because there is more to say of chips.
 */
export function profileDigest(profile: ChipProfile): string {
  const { readout, dac, thermal } = profile;
  const { reference, ...otherReadout } = readout;
  const { gain_ratio, ...otherField } = dac.field;
  const { leakage_ratio_per_C, ...otherThermal } = thermal;
  const meaning = {
    ...profile,
    readout: reference.error_ratio === 0 ? otherReadout : readout,
    dac: { ...dac, field: gain_ratio === 0 ? otherField : dac.field },
    thermal: leakage_ratio_per_C === 0 ? otherThermal : thermal,
  };
  return createHash('sha256').update(canonical(meaning)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}
