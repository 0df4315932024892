// Holds real messages against the committed AsyncAPI document, as a client generated from it would.
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

interface Document {
  operations: Record<string, { action: string; messages: { $ref: string }[] }>;
  channels: Record<string, { messages: Record<string, { $ref: string }> }>;
  components: {
    messages: Record<string, { contentType?: string; payload: { $ref?: string } }>;
    schemas: Record<string, object>;
  };
}

export const asyncApi = JSON.parse(readFileSync('docs/asyncapi.json', 'utf8')) as Document;

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'doc', components: asyncApi.components });
const compiled = new Map<string, ValidateFunction>();

function check(message: string, value: unknown): string | null {
  const reference = asyncApi.components.messages[message].payload.$ref ?? '';
  const validate = compiled.get(message) ?? ajv.compile({ $ref: `doc${reference}` });
  compiled.set(message, validate);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

/** The text messages of an operation, by the name in the document. */
function messagesOf(operation: string): string[] {
  return asyncApi.operations[operation].messages
    .map(({ $ref }) => $ref.split('/').at(-1) ?? '')
    .filter((name) => asyncApi.components.messages[name].contentType === undefined);
}

/** What of the document a value is, or why it is none of the messages of the operation. */
export function messageName(operation: 'tell' | 'hear' | 'stream' | 'deliver', value: unknown): string {
  const names = messagesOf(operation);
  const reasons = names.map((name) => ({ name, reason: check(name, value) }));
  const fits = reasons.filter(({ reason }) => reason === null).map(({ name }) => name);
  if (fits.length === 1) return fits[0];
  const type = String((value as { type?: string }).type)
    .replaceAll('.', '')
    .toLowerCase();
  const closest = reasons.find(({ name }) => name.toLowerCase() === type);
  throw new Error(
    `${JSON.stringify(value).slice(0, 300)} is ${fits.length} messages of ${operation}: ${(closest?.reason ?? fits.join()).slice(0, 500)}`,
  );
}
