/** Undoes what a test did, the last first, whatever fails on the way. */
export class Cleanup implements AsyncDisposable {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Closes it in the end. */
  use<T extends AsyncDisposable>(thing: T): T {
    this.add(() => thing[Symbol.asyncDispose]());
    return thing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length) throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'clean-up failed');
  }
}
