/** A job's container that its node has left alone: the node has ended, and after its next start runs the job anew. */
export interface Abandoned {
  readonly node: string;
  readonly job: string;
  readonly execution: string;
  /** Id of the container. */
  readonly container: string;
  readonly since: Date;
}
