// What the control channel can be asked: a registry of methods, and the one error class they answer with.
import type { z } from 'zod';

/** One client of the control channel. */
export interface ControlConnection {
  /** Counts up from 1 over the life of the server. */
  readonly id: number;
  /** Sends a notification; nothing happens on a connection that is gone. */
  notify(method: string, params?: unknown): void;
  /** Ends the connection. */
  close(): void;
  /** Calls back once when the connection is gone, at once if it is already. */
  onClosed(callback: () => void): void;
}

export interface ControlMethod<Params extends z.ZodType = z.ZodType> {
  /** Absent params are checked as `{}`. */
  readonly params: Params;
  /** For readers and documents; not checked at run time. */
  readonly result?: z.ZodType;
  /** May throw ControlError; anything else it throws is answered as an internal error. */
  handle(params: z.output<Params>, connection: ControlConnection): unknown;
}

export type ControlMethods = Readonly<Record<string, ControlMethod>>;

/** A method whose handler sees the type of its params. */
export function controlMethod<Params extends z.ZodType>(method: ControlMethod<Params>): ControlMethod {
  return method;
}

/** JSON-RPC 2.0, section 5.1; `application` is the error of a method, told apart by `data.code`. */
export const RpcErrorCode = {
  notJson: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  application: -32000,
} as const;
export type RpcErrorCodeValue = (typeof RpcErrorCode)[keyof typeof RpcErrorCode];

/** Why a request, or the whole channel, is refused. Reaches the client as `{code: rpcCode, message, data: {code, remedy}}`. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly rpcCode: RpcErrorCodeValue;
  constructor(
    code: string,
    message: string,
    options: { remedy: string; retryable?: boolean; rpcCode?: RpcErrorCodeValue; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
    this.rpcCode = options.rpcCode ?? RpcErrorCode.application;
  }
}
