// The twin inside the process of its host: joins a controller to one end of a pair of in-memory ports.
import type { Attachment, Controller } from '../firmware/index.ts';

/** What is needed of a port; the house's Port fits. */
export interface PortLike {
  onData(callback: (bytes: Uint8Array) => void): void;
  write(bytes: Uint8Array): boolean;
  onDrain?(callback: () => void): void;
  onClosed?(callback: () => void): void;
  close?(): unknown;
}

/** Attaches a controller to a port; the caller opens the port. */
export function attachMemory(controller: Controller, port: PortLike): Attachment {
  const attachment = controller.attach({
    write: (bytes) => port.write(bytes),
    end: () => void port.close?.(),
  });
  port.onData((bytes) => attachment.receive(bytes));
  port.onDrain?.(() => attachment.drained());
  port.onClosed?.(() => attachment.detach());
  return attachment;
}
