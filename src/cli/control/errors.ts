// Why a twin's control channel cannot be used; shown by the command line with what to do.
const REMEDIES = {
  'bad-address': 'Give HOST:PORT as the twin names it in its line of readiness, such as 127.0.0.1:7701.',
  'not-local':
    'The control channel of a twin listens on the machine it runs on; use 127.0.0.1 there, or a tunnel to it.',
  'control-unreachable':
    'Start the twin with "thermoloop twin --control 127.0.0.1:7701" and give the address that its line of readiness calls "control".',
  'not-a-control-channel':
    'Give the address that the line of readiness of "thermoloop twin --control ..." calls "control"; the port of the ' +
    'device itself, the API and the metrics are others.',
  'not-a-twin':
    'Only a simulated chip has a control channel: a chip cannot be told to fail. For a bad line to a chip use a chaos+ address.',
  'control-lost': 'The twin has ended or closed the channel; start it again.',
  'control-refused': 'The twin refused the request; its message says why.',
} as const;
export type ControlClientErrorCode = keyof typeof REMEDIES;

export class ControlClientError extends Error {
  override readonly name = 'ControlClientError';
  readonly code: ControlClientErrorCode;
  readonly remedy: string;
  readonly retryable: boolean;
  /** Of `control-refused`: what the twin calls it. */
  readonly reason: string | null;
  /** Wrong use, against a twin that is away. */
  readonly exitCode: number;
  constructor(
    code: ControlClientErrorCode,
    message: string,
    options: { remedy?: string; reason?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? REMEDIES[code];
    this.reason = options.reason ?? null;
    this.retryable = code === 'control-unreachable' || code === 'control-lost';
    this.exitCode = this.retryable ? 1 : 2;
  }
}
