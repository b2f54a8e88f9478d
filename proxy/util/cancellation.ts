/** Made once: an error costs a look at the stack. */
const CANCELLED = new Error('cancelled');

type Listener = (reason: unknown) => void;

/**
 * Ends work early, as an AbortController does. That one costs more than all else that a request needs before its dial,
 * so it is made only for whoever asks for a signal: a look-up that is really made, a race of several addresses.
 */
export class Cancellation {
  #cancelled = false;
  #reason: unknown;
  #listener: Listener | undefined;
  #controller: AbortController | undefined;

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** The same for whoever knows signals. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first counts. */
  cancel(reason: unknown = CANCELLED): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#listener?.(reason);
  }

  /** Who is told; one at a time, undefined for nobody. */
  onCancel(listener: Listener | undefined): void {
    this.#listener = listener;
  }

  throwIfCancelled(): void {
    if (this.#cancelled) throw this.#reason;
  }
}
