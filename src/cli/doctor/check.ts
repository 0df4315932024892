// What the doctor says of one thing it looked at, and how a whole examination is told.

export type CheckResult = 'ok' | 'warning' | 'failure' | 'skipped';

export interface Check {
  /** Stable; docs/operating.md lists them. */
  name: string;
  result: CheckResult;
  message: string;
  /** What to do; present with every warning and failure. */
  remedy?: string;
  /** Numbers and names behind the message, for programs. */
  facts?: Record<string, string | number | boolean | null>;
}

export interface Examination {
  url: string;
  /** No check failed. Warnings do not count. */
  ok: boolean;
  checks: Check[];
}

type Facts = Check['facts'];

export const ok = (name: string, message: string, facts?: Facts): Check => ({
  name,
  result: 'ok',
  message,
  ...(facts && { facts }),
});
export const skipped = (name: string, message: string): Check => ({ name, result: 'skipped', message });
export const warning = (name: string, message: string, remedy: string, facts?: Facts): Check => ({
  name,
  result: 'warning',
  message,
  remedy,
  ...(facts && { facts }),
});
export const failure = (name: string, message: string, remedy: string, facts?: Facts): Check => ({
  ...warning(name, message, remedy, facts),
  result: 'failure',
});

const LABEL_WIDTH = 9;

/** One or two lines per check, and a verdict. */
export function describe({ url, ok: works, checks }: Examination): string {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const indent = ' '.repeat(LABEL_WIDTH + nameWidth);
  const lines = checks.flatMap(({ name, result, message, remedy }) => [
    `${result.padEnd(LABEL_WIDTH)}${name.padEnd(nameWidth)}${message}`,
    ...(remedy === undefined ? [] : [`${indent}${remedy}`]),
  ]);
  const count = (result: CheckResult): number => checks.filter((check) => check.result === result).length;
  const warnings = `${count('warning')} warning${count('warning') === 1 ? '' : 's'}`;
  const verdict = works
    ? `The link works, with ${warnings}.`
    : `The link does not work: ${count('failure')} of ${checks.length} checks failed, ${warnings}.`;
  return [`doctor of ${url}`, ...lines, verdict].join('\n');
}
