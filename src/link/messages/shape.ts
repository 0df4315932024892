// How the generated schema table describes messages: one shape for the converter, the limits and the size bound.

export type ScalarKind =
  'uint32' | 'sint32' | 'fixed32' | 'uint64' | 'fixed64' | 'bool' | 'string' | 'bytes' | 'float' | 'double';

export interface FieldShape {
  /** camelCase, as in our own types. */
  name: string;
  id: number;
  kind: ScalarKind | 'enum' | 'message';
  /** The message or enum named by the field. */
  of?: string;
  repeated?: true;
  /** proto3 `optional`: absence is not the default value. */
  optional?: true;
  /** Member of the union `body`. */
  inBody?: true;
  /** Most bytes (link.options max_size); for strings nanopb counts the terminator, so one less is usable. */
  maxSize?: number;
  /** Most elements (link.options max_count). */
  maxCount?: number;
}

export type SchemaTable = Readonly<Record<string, readonly FieldShape[]>>;
