/** What is done at a time, unless it is called off before. */
export class Deadline {
  prev: Deadline | undefined;
  next: Deadline | undefined;
  due = 0;

  constructor(
    private readonly queue: Deadlines,
    readonly late: () => void,
  ) {}

  /** It begins anew. */
  refresh(): void {
    this.queue.remove(this);
    this.queue.add(this);
  }

  clear(): void {
    this.queue.remove(this);
  }
}

/** All that is due after the same time, in order: one timer, and none of its own for what is called off, as nearly all is. */
class Deadlines {
  readonly #ms: number;
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #armed = false;

  constructor(ms: number) {
    this.#ms = ms;
  }

  add(deadline: Deadline): void {
    deadline.due = performance.now() + this.#ms;
    deadline.prev = this.#last;
    if (this.#last) this.#last.next = deadline;
    else this.#first = deadline;
    this.#last = deadline;
    if (!this.#armed) this.#arm(this.#ms);
  }

  remove(deadline: Deadline): void {
    const { prev, next } = deadline;
    if (prev) prev.next = next;
    else if (this.#first === deadline) this.#first = next;
    if (next) next.prev = prev;
    else if (this.#last === deadline) this.#last = prev;
    deadline.prev = deadline.next = undefined;
  }

  #arm(ms: number): void {
    this.#armed = true;
    setTimeout(this.#look, Math.ceil(ms)).unref();
  }

  readonly #look = (): void => {
    this.#armed = false;
    const now = performance.now();
    try {
      for (let first = this.#first; first && first.due <= now; first = this.#first) {
        this.remove(first);
        first.late();
      }
    } finally {
      if (this.#first && !this.#armed) this.#arm(Math.max(1, this.#first.due - now));
      else if (!this.#first) ofMs.delete(this.#ms);
    }
  };
}

const ofMs = new Map<number, Deadlines>();

/** `late` is called in so many ms. A timer of Node's costs several times as much; this keeps no process alive. */
export function deadline(ms: number, late: () => void): Deadline {
  let queue = ofMs.get(ms);
  if (!queue) {
    queue = new Deadlines(ms);
    ofMs.set(ms, queue);
  }
  const made = new Deadline(queue, late);
  queue.add(made);
  return made;
}
