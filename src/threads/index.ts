// The public face of the threads: everything above imports from here.
export { Thread, ownBuffers, serveThread, type Sent } from './thread.ts';
