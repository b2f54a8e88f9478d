import { useEffect, useRef, useState } from 'preact/hooks';
import { visible } from '../../../visible.js';
import { path } from './api.js';
import { Card } from './parts.js';

/** So much of the output is shown, its end, characters. */
const SHOWN = 200_000;
/** What came is shown together, ms. */
const TOGETHER_MS = 250;
const RETRY_MS = 3_000;

/** What a job of this serve has written, and writes. */
export function JobLog({ job }: { job: string }) {
  const [text, setText] = useState<string>();
  const [isOver, setOver] = useState(false);
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    setText(undefined);
    setOver(false);
    return followLog(job, setText, () => setOver(true));
  }, [job]);
  useEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [text]);
  return (
    <Card
      title="Log"
      more={<span class="dim">{text === undefined ? '' : isOver ? 'it has ended' : 'follows'}</span>}
    >
      {text === '' && <p class="dim">It has written nothing.</p>}
      {text !== undefined && text !== '' && (
        <pre
          ref={box}
          class="log"
          role="log"
          aria-live="off"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is scrolled by keyboard too
          tabIndex={0}
          aria-label="Output of the job"
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            atEnd.current = scrollTop + clientHeight > scrollHeight - 20;
          }}
        >
          {visible(text)}
        </pre>
      )}
    </Card>
  );
}

/** @returns what ends it. */
function followLog(job: string, show: (text: string) => void, onEnd: () => void): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const once = async () => {
    const answer = await fetch(path`/v1/jobs/${job}/logs?follow=true`, { signal: ended.signal });
    if (!answer.ok || !answer.body) return;
    // What was shown before is in it again.
    let text = '';
    let last = 0;
    show(text);
    for await (const piece of pieces(answer.body)) {
      text = `${text}${piece}`.slice(-SHOWN);
      const now = performance.now();
      clearTimeout(timer);
      if (now - last > TOGETHER_MS) show(text);
      else timer = setTimeout(() => show(text), TOGETHER_MS);
      if (now - last > TOGETHER_MS) last = now;
    }
    clearTimeout(timer);
    show(text);
    onEnd();
  };
  const again = () => {
    once().catch(() => {
      if (!ended.signal.aborted) timer = setTimeout(again, RETRY_MS);
    });
  };
  again();
  return () => {
    ended.abort();
    clearTimeout(timer);
  };
}

async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}
