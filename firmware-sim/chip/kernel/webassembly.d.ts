// The part of the WebAssembly interface that the kernel uses: neither the ECMAScript library of TypeScript nor Node's
// types declare it, and the DOM library would bring a browser's globals along.

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: object;
  }
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
}
