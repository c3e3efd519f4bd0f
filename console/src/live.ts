// live.ts: what changes by itself: asking again, streams of events, the clock.
//
// A page in the background holds no connection: browsers allow six to one server, all tabs together.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { BASE, Problem } from "./api";
import { readJson } from "./json";

export type Connection = "live" | "connecting" | "asleep";

const PAUSE_MS = 1000;
const RETRY_MS = 3000;
const FRAME_MS = 50;

/** What `ask` answers, asked again by `again`. What was there stays while a new answer is on its way. */
export function useAnswer<T>(ask: () => Promise<T>, key: unknown[]) {
  const [state, setState] = useState<{ value: T | null; problem: Problem | null }>({ value: null, problem: null });
  const turn = useRef(0);
  const again = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await ask();
      if (mine === turn.current) setState({ value, problem: null });
    } catch (reason) {
      if (mine === turn.current && reason instanceof Problem) {
        setState((was) => ({ value: was.value, problem: reason }));
      } else if (!(reason instanceof Problem)) {
        throw reason;
      }
    }
  }, key);
  useEffect(() => {
    setState({ value: null, problem: null });
    void again();
    return () => { turn.current++; };
  }, key);
  return { ...state, again };
}

/** Calls while the page is seen; `begin` returns what ends it. */
function whileVisible(begin: () => () => void): () => void {
  let end: (() => void) | null = null;
  const look = () => {
    if (document.hidden) {
      end?.();
      end = null;
    } else {
      end ??= begin();
    }
  };
  look();
  document.addEventListener("visibilitychange", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    end?.();
  };
}

/**
 * Calls `onChange` when something came down the stream, at most once a second however much comes: the first
 * event ends the stream, and it is opened again after the pause. It is called whenever the stream opens, too,
 * so nothing that happened in between is missed.
 */
export function useWake(url: string, onChange: () => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const call = useRef(onChange);
  call.current = onChange;
  useEffect(() => whileVisible(() => {
    let source: EventSource | null = null;
    let timer = 0;
    const open = () => {
      source = new EventSource(BASE + url);
      source.onopen = () => {
        setConnection("live");
        call.current();
      };
      const pause = (ms: number) => {
        source?.close();
        timer = window.setTimeout(open, ms);
      };
      source.onmessage = () => pause(PAUSE_MS);
      source.onerror = () => {
        setConnection("connecting");
        pause(RETRY_MS);
      };
    };
    open();
    return () => {
      source?.close();
      clearTimeout(timer);
      setConnection("asleep");
    };
  }), [url]);
  return connection;
}

/**
 * Every event of a stream, in order, each once; `mark` is the parameter that says after which one to go on. A
 * stream that the server has ended (the saga has) is asked for again now and then: an operator may re-open it.
 * Without a url nothing is followed yet.
 */
export function useStream<T>(url: string | null, mark: "after" | "cursor", onEvents: (events: T[]) => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const call = useRef(onEvents);
  call.current = onEvents;
  useEffect(() => {
    if (url === null) return;
    let lastId = "";
    let hasEnded = false;
    let arrived: T[] = [];
    return whileVisible(() => {
      let source: EventSource | null = null;
      let timer = 0, frame = 0;
      const flush = () => {
        frame = 0;
        const events = arrived;
        arrived = [];
        call.current(events);
      };
      const open = () => {
        const [path = "", search = ""] = url.split("?");
        const asked = new URLSearchParams(search);
        if (lastId) asked.set(mark, lastId);
        source = new EventSource(`${BASE}${path}?${asked}`);
        source.onopen = () => {
          hasEnded = false;
          setConnection("live");
        };
        source.onmessage = (message: MessageEvent<string>) => {
          lastId = message.lastEventId;
          arrived.push(readJson(message.data) as T);
          frame ||= window.setTimeout(flush, FRAME_MS); // many at once are drawn once
        };
        source.onerror = () => {
          if (!hasEnded) setConnection("connecting");
          if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(open, RETRY_MS);
        };
        source.addEventListener("end", () => {
          hasEnded = true;
          source?.close();
          timer = window.setTimeout(open, RETRY_MS);
        });
      };
      open();
      return () => {
        source?.close();
        clearTimeout(timer);
        clearTimeout(frame);
        if (arrived.length > 0) flush();
        setConnection("asleep");
      };
    });
  }, [url]);
  return connection;
}

const watchers = new Set<(now: number) => void>();
let endClock: (() => void) | null = null;

/** Now, again every second while the page is seen; one clock for all who look. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    watchers.add(setNow);
    endClock ??= whileVisible(() => {
      const tick = () => watchers.forEach((watcher) => watcher(Date.now()));
      const timer = window.setInterval(tick, 1000);
      tick();
      return () => clearInterval(timer);
    });
    return () => {
      watchers.delete(setNow);
      if (watchers.size === 0) {
        endClock?.();
        endClock = null;
      }
    };
  }, []);
  return now;
}

/** Asks again every so often while the page is seen. */
export function useEvery(ms: number, call: () => void): void {
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => whileVisible(() => {
    const timer = window.setInterval(() => latest.current(), ms);
    return () => clearInterval(timer);
  }), [ms]);
}
