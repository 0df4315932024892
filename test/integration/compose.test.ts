// docker-compose.yml holds to the Compose Specification and to what the programs really accept. No Docker engine is
// needed; the schema is read from the folder named by THERMOLOOP_SCHEMAS.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, { command: string[]; environment?: Record<string, string>; ports?: string[] }>;
};
const schemas = process.env['THERMOLOOP_SCHEMAS'];
const schemaFile = schemas === undefined ? null : join(schemas, 'compose-spec.json');
const reason =
  'THERMOLOOP_SCHEMAS names no folder with compose-spec.json: the file was not checked against the specification';

describe('docker-compose.yml', () => {
  const known = schemaFile !== null && existsSync(schemaFile);
  const followsSpecification = (): void => {
    const schema = JSON.parse(readFileSync(schemaFile ?? '', 'utf8')) as Record<string, unknown>;
    delete schema['$schema'];
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
    validate(compose);
    expect(validate.errors).toBeNull();
  };
  if (known) it('follows the Compose Specification', followsSpecification);
  else it.skip(`follows the Compose Specification (skipped: ${reason})`, followsSpecification);

  it('publishes no port beyond loopback', () => {
    for (const { ports = [] } of Object.values(compose.services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('starts subcommands that exist', () => {
    for (const { command } of Object.values(compose.services))
      expect(existsSync(`src/cli/${command[0]}.ts`)).toBe(true);
  });
});
