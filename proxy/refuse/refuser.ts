import type { Duplex } from 'node:stream';
import { DENIALS, type DenialReason } from '../policy/denials.js';
import type { Logger } from '../policy/logger.js';
import type { About, Recorder } from '../report/recorder.js';
import type { Subject } from '../report/subject.js';
import { closeWith, type DenialAnswer, denialAnswer } from './answer.js';
import { ofJobItself } from './job-itself.js';
import { Refusal } from './refusal.js';
import { tlsAlert } from './tls-alert.js';

interface RefuserOptions {
  /** Id of the job. */
  readonly job: string;
  readonly recorder: Recorder;
  readonly logger: Logger;
}

/** Refuses on behalf of one job: there is no denial that is not recorded here. */
export class Refuser {
  readonly #with: RefuserOptions;

  constructor(options: RefuserOptions) {
    this.#with = options;
  }

  /** Records a refusal, and gives what is answered. */
  answer(subject: Subject, refusal: Refusal): DenialAnswer {
    const { job, recorder } = this.#with;
    const { host, port } = subject;
    const { reason, detail, address } = ofJobItself(refusal, subject);
    recorder.denied(subject, reason, DENIALS[reason].status, { address, detail });
    return denialAnswer({ reason, host, port, job, detail });
  }

  /** Records a refusal, and says it as the last thing on a connection. */
  close(stream: Duplex, subject: Subject, refusal: Refusal): void {
    closeWith(stream, this.answer(subject, refusal).text);
  }

  /** Records a refusal, and says it as the last thing to a client that speaks TLS. */
  alert(stream: Duplex, subject: Subject, refusal: Refusal): void {
    const { reason, detail, address } = ofJobItself(refusal, subject);
    this.unanswered(subject, reason, { detail, address });
    closeWith(stream, tlsAlert(reason));
  }

  /** Records what ends without an answer: the bytes inside a tunnel. */
  unanswered(subject: Subject, reason: DenialReason, about: About): void {
    this.#with.recorder.denied(subject, reason, 0, about);
  }

  /** Fail closed: what should not happen is a refusal like any other, and its cause is in the log. */
  refusalFor(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const { stack } = error instanceof Error ? error : { stack: String(error) };
    this.#with.logger.error({ error: stack }, 'unexpected: refused');
    return new Refusal('connect-failed', { cause: error });
  }
}
