// One line of the control channel in, one line or none out (JSON-RPC 2.0 without batches): whatever comes in, what goes out
// is an answer or a JSON-RPC error, never an exception.
import { z } from 'zod';
import { ControlError, RpcErrorCode } from './methods.ts';
import type { ControlConnection, ControlMethods } from './methods.ts';

const requestSchema = z.strictObject({
  jsonrpc: z.literal('2.0'),
  method: z.string().min(1).max(128),
  params: z.unknown().optional(),
  id: z
    .union([z.string().max(128), z.number()])
    .nullable()
    .optional(),
});
type Request = z.output<typeof requestSchema>;
type Id = string | number | null;
const ISSUES_SHOWN = 5;

/** The answer to a line, without its newline; null for a notification. Never rejects. */
export async function answerLine(
  line: Uint8Array,
  methods: ControlMethods,
  connection: ControlConnection,
): Promise<string | null> {
  let request: Request;
  try {
    request = parseRequest(line);
  } catch (error) {
    return errorLine(null, error);
  }
  const { id } = request;
  try {
    const result = await call(request, methods, connection);
    return id === undefined ? null : JSON.stringify({ jsonrpc: '2.0', id, result: result ?? null });
  } catch (error) {
    return id === undefined ? null : errorLine(id, error);
  }
}

/** A JSON-RPC error object as a line, without its newline. */
export function errorLine(id: Id, error: unknown): string {
  const { rpcCode, message, code, remedy } = error instanceof ControlError ? error : internal(error);
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: rpcCode, message, data: { code, remedy } } });
}

function parseRequest(line: Uint8Array): Request {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
  } catch (cause) {
    throw new ControlError('not-json', 'the line is not JSON in UTF-8', {
      remedy:
        'Send one JSON-RPC 2.0 request per line, such as {"jsonrpc":"2.0","id":1,"method":"twin.describe"}.',
      rpcCode: RpcErrorCode.notJson,
      cause,
    });
  }
  const parsed = requestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const what = Array.isArray(value) ? 'batches are not taken' : issuesOf(parsed.error);
  throw new ControlError('invalid-request', `not a request of JSON-RPC 2.0: ${what}`, {
    remedy: 'Send one request per line, such as {"jsonrpc":"2.0","id":1,"method":"twin.describe"}.',
    rpcCode: RpcErrorCode.invalidRequest,
  });
}

function call(request: Request, methods: ControlMethods, connection: ControlConnection): unknown {
  const method = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
  if (method === undefined) {
    throw new ControlError('unknown-method', `there is no method "${request.method}"`, {
      remedy: `There are: ${Object.keys(methods).sort().join(', ')}.`,
      rpcCode: RpcErrorCode.unknownMethod,
    });
  }
  const params = method.params.safeParse(request.params ?? {});
  if (params.success) return method.handle(params.data, connection);
  throw new ControlError('invalid-params', `${request.method}: ${issuesOf(params.error)}`, {
    remedy: 'Correct the parameter that is named; docs/twin.md lists the methods.',
    rpcCode: RpcErrorCode.invalidParams,
  });
}

function issuesOf({ issues }: z.ZodError): string {
  return issues
    .slice(0, ISSUES_SHOWN)
    .map((issue) => `${issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''}${issue.message}`)
    .join('; ');
}

function internal(error: unknown): ControlError {
  const message = error instanceof Error ? error.message : String(error);
  return new ControlError('internal', `the method failed: ${message}`, {
    remedy: 'This is a defect of the twin; please report what was asked.',
    rpcCode: RpcErrorCode.internal,
    cause: error,
  });
}
