import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem } from './api.js';

interface Data<T> {
  readonly value: T | undefined;
  /** What the server said instead. */
  readonly problem: ApiProblem | undefined;
  /** Asks again, soon: several calls are one question. */
  readonly reload: () => void;
}

/** Of the time that a question took, so much is waited until the next: a large answer is asked for less often. */
const PATIENCE = 20;

/**
 * What a question is answered, asked again every `every` ms and on `reload`, one question at a time, and not while
 * nobody sees the page. What was answered stays until the next answer.
 *
 * @param key of the question; another one forgets the answer. Undefined: nothing is asked.
 */
export function useData<T>(
  key: string | undefined,
  question: () => Promise<T>,
  { every = 60_000, soonest = 1_000 }: { every?: number; soonest?: number } = {},
): Data<T> {
  const [answer, set] = useState<{ key: string | undefined; value?: T; problem?: ApiProblem }>({ key });
  const latest = useRef(question);
  latest.current = question;
  const soon = useRef<() => void>(() => {});
  useEffect(() => {
    if (key === undefined) return;
    let over = false;
    let isAsking = false;
    let isWanted = false;
    let earliest = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(next, ms);
    };
    const next = async () => {
      if (document.hidden) return later(every);
      isAsking = true;
      isWanted = false;
      const began = performance.now();
      try {
        const value = await latest.current();
        if (!over) set({ key, value });
      } catch (problem) {
        if (!over && problem instanceof ApiProblem) set((old) => ({ ...old, key, problem }));
      }
      if (over) return;
      isAsking = false;
      const took = performance.now() - began;
      earliest = performance.now() + Math.max(soonest, took * PATIENCE);
      later(isWanted ? earliest - performance.now() : every);
    };
    soon.current = () => {
      if (isWanted) return;
      isWanted = true;
      if (!isAsking) later(Math.max(0, earliest - performance.now()));
    };
    const onSeen = () => {
      if (!document.hidden) soon.current();
    };
    document.addEventListener('visibilitychange', onSeen);
    void next();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onSeen);
    };
  }, [key, every, soonest]);
  const isOurs = answer.key === key;
  return {
    value: isOurs ? answer.value : undefined,
    problem: isOurs ? answer.problem : undefined,
    reload: useCallback(() => soon.current(), []),
  };
}
