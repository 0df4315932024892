// The public face of the twin: build one, and serve it over TCP, a pty, or inside the process.
export { TwinPortError } from './errors.ts';
export type { TwinPortErrorCode } from './errors.ts';
export { attachMemory } from './memory.ts';
export type { PortLike } from './memory.ts';
export { servePty } from './pty.ts';
export type { PtyService } from './pty.ts';
export { serveTcp } from './tcp-server.ts';
export type { TcpOptions, TcpService } from './tcp-server.ts';
export { createTwin } from './twin.ts';
export type { Twin, TwinOptions } from './twin.ts';
