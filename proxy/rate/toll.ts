import { Flow } from './flow.js';

/** Asks for a byte: there is none as long as the job is in debt. */
export class Toll extends Flow {
  readonly paid: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor() {
    super();
    this.paid = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  override granted(): void {
    this.#resolve();
  }

  override aborted(): void {
    this.#reject(new Error('the proxy is closed'));
  }
}
