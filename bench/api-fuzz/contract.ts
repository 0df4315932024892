// docs/openapi.json as the fuzzer uses it: operations with their parameters, bodies and answers, and validators of answers.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  prefixItems?: Schema[];
  additionalProperties?: Schema | boolean;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
}
interface Media {
  schema?: Schema;
}
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  schema?: Schema;
}
export interface Operation {
  method: string;
  /** As the document has it, with {placeholders}. */
  path: string;
  parameters: Parameter[];
  /** Content type -> schema. */
  body: Record<string, Media> | null;
  /** Status -> content type -> media. */
  responses: Record<string, { content?: Record<string, Media> }>;
  needsKey: boolean;
}
interface Document {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[];
        requestBody?: { content?: Record<string, Media> };
        responses: Operation['responses'];
        security?: unknown[];
      }
    >
  >;
  components: { schemas: Record<string, Schema> };
}

export class Contract {
  readonly operations: Operation[];
  /** Codes that a problem may have. */
  readonly problemCodes: ReadonlySet<string>;
  readonly #components: Document['components'];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.#components = document.components;
    this.operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, operation]) => ({
        method: verb.toUpperCase(),
        path,
        parameters: operation.parameters ?? [],
        body: operation.requestBody?.content ?? null,
        responses: operation.responses,
        needsKey: (operation.security ?? []).length > 0,
      })),
    );
    const codes = document.components.schemas['Problem']?.properties?.['code']?.enum ?? [];
    this.problemCodes = new Set(codes as string[]);
  }

  static read(file = 'docs/openapi.json'): Contract {
    return new Contract(JSON.parse(readFileSync(file, 'utf8')) as Document);
  }

  /** Follows references. */
  resolve(schema: Schema): Schema {
    const name = schema.$ref?.split('/').at(-1);
    return name === undefined ? schema : this.resolve(this.#components.schemas[name] ?? {});
  }

  /** What is wrong with the body of an answer; null when it matches its documented schema. */
  mismatch(operation: Operation, status: number, media: Media, body: unknown): string | null {
    const name = `${operation.method} ${operation.path} ${status}`;
    return this.#check(name, media.schema ?? {}, body);
  }

  problemMismatch(body: unknown): string | null {
    return this.#check('Problem', { $ref: '#/components/schemas/Problem' }, body);
  }

  #check(name: string, schema: Schema, body: unknown): string | null {
    let validate = this.#validators.get(name);
    if (validate === undefined) {
      validate = this.#ajv.compile({ ...schema, components: this.#components });
      this.#validators.set(name, validate);
    }
    return validate(body) ? null : this.#ajv.errorsText(validate.errors);
  }
}
